import { type PatchNode, patchNodes } from '../domain/gameplan/graph.ts'
import { type LintReport, lintGameplan } from '../domain/gameplan/lint.ts'
import { type Checkbox, canonicalId, type Gameplan } from '../domain/gameplan/model.ts'
import { parseGameplan } from '../domain/gameplan/parse.ts'
import type { GameplanLint } from '../domain/gameplan/resource.ts'
import type { Stated } from '../domain/gameplan/run.ts'
import { obstaclesTo } from '../domain/gameplan/runnable.ts'
import { Problem } from '../domain/problems.ts'
import type { GateRow } from './gameplan-rows.ts'
import type { Transaction } from './transaction.ts'

/** What a document says, as far as it is run. */
export interface ReadDocument extends Stated {
  title: string
  titles: Map<string, string | null>
  gates: Pick<GateRow, 'kind' | 'number' | 'text' | 'done'>[]
}

/** Judges a document, without keeping it. */
export function lintDocument(markdown: string): GameplanLint {
  return judged(lintGameplan(parseGameplan(markdown)))
}

function judged(report: LintReport): GameplanLint {
  return { ...report, obstacles: [...new Set(obstaclesTo(report).map(({ rule }) => rule))] }
}

/** Reads a document that is to be run. @throws Problem `gameplan-refused`, with the lint report, when it cannot be */
export function readDocument(markdown: string): ReadDocument {
  const plan = parseGameplan(markdown)
  const report = lintGameplan(plan)
  const obstacles = obstaclesTo(report)
  if (obstacles.length > 0) {
    const fields = obstacles.map(({ rule, message, range }) => {
      const { line, column } = range.start
      return { field: 'markdown', message: `${line}:${column} ${message} [${rule}]` }
    })
    const first = fields[0]?.message ?? ''
    const more = fields.length > 1 ? ` and ${fields.length - 1} more` : ''
    throw new Problem('gameplan-refused', `It cannot be run before this is mended: ${first}${more}.`, {
      fields,
      members: { lint: judged(report) },
    })
  }
  const nodes = patchNodes(plan)
  return {
    title: (plan.title?.value ?? 'Untitled').slice(0, 200).toWellFormed(),
    patches: nodes.map(statedPatch),
    titles: new Map(nodes.map(({ id, title }) => [canonicalId(id), title])),
    flag: statedFlag(plan),
    gates: [...gates('criterion', plan.criteria), ...gates('question', plan.questions)],
  }
}

function statedPatch({ id: label, class: its, dependencies }: PatchNode): Stated['patches'][number] {
  return { key: canonicalId(label), label, class: its, dependencies: dependencies.map(canonicalId), status: 'open' }
}

function statedFlag({ flag }: Gameplan): Stated['flag'] {
  const { name, introduced, activated } = flag ?? {}
  if (!name || !introduced?.patch || !activated?.patch) return null
  const [from, to] = [introduced.patch.value, activated.patch.value]
  return { key: name.value, introduced: canonicalId(from), activated: canonicalId(to) }
}

function gates(kind: GateRow['kind'], boxes: Checkbox[]): ReadDocument['gates'] {
  return boxes.map(({ text, checked }, i) => ({ kind, number: i + 1, text: text.value, done: checked === true }))
}

/**
 * Writes what a document says beside what became of it: patches keep their status by id, criteria and questions theirs by their
 * text, and a tick in the document counts.
 */
export async function writeParts(tx: Transaction, gameplanId: string, read: ReadDocument): Promise<void> {
  const patches = read.patches.map((patch, position) => ({
    ...patch,
    position,
    title: read.titles.get(patch.key) ?? null,
  }))
  await tx.query('DELETE FROM gameplan_patches WHERE gameplan_id = $1 AND key <> ALL ($2::text[])', [
    gameplanId,
    patches.map(({ key }) => key),
  ])
  await tx.query(
    `INSERT INTO gameplan_patches (gameplan_id, key, label, position, title, class, dependencies)
     SELECT $1, p.key, p.label, p.position, p.title, p.class, ARRAY(SELECT jsonb_array_elements_text(p.dependencies))
     FROM jsonb_to_recordset($2::jsonb) AS p(key text, label text, position integer, title text, class text, dependencies jsonb)
     ON CONFLICT (gameplan_id, key) DO UPDATE SET label = excluded.label, position = excluded.position, title = excluded.title,
       class = excluded.class, dependencies = excluded.dependencies`,
    [gameplanId, JSON.stringify(patches)],
  )
  // Those before, by text; the same text twice is told apart by which of them it is.
  const before = await tx.query<GateRow>('DELETE FROM gameplan_gates WHERE gameplan_id = $1 RETURNING *', [gameplanId])
  const known = Map.groupBy(
    before.sort((a, b) => a.number - b.number),
    ({ kind, text }) => `${kind}\n${text}`,
  )
  const after = read.gates.map((gate) => {
    const kept = known.get(`${gate.kind}\n${gate.text}`)?.shift()
    return kept?.done ? { ...kept, number: gate.number } : gate
  })
  await tx.query(
    `INSERT INTO gameplan_gates (gameplan_id, kind, number, text, done, answer, done_at, done_by)
     SELECT $1, o.kind, o.number, o.text, o.done, o.answer, o.done_at, o.done_by
     FROM jsonb_to_recordset($2::jsonb) AS o(kind text, number integer, text text, done boolean, answer text,
       done_at timestamptz, done_by text)`,
    [gameplanId, JSON.stringify(after)],
  )
}
