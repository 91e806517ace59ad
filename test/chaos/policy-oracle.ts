import { expect } from 'vitest'
import type { PolicyDocument } from '../../domain/policy/document.ts'
import { type Evaluation, interpret } from '../../domain/policy/interpret.ts'
import { ITEM_COLUMNS, type ItemRow, READY, toPolicyItem } from '../../store/media-item-rows.ts'
import { partitionOf } from '../../store/policy-partitions.ts'
import type { RunRow } from '../../store/policy-runs.ts'
import type { Stack } from '../helpers/processes.ts'
import type { Caller } from './caller.ts'
import { until } from './until.ts'

/**
 * Has Postgres count, for each move of a cursor, the items that it passed, with the snapshot of the statement that moved
 * it: what a run has covered, apart from what it says that it has.
 */
export async function countCovered({ sql }: Stack): Promise<void> {
  await sql('ALTER TABLE catalog_evaluation_ranges ADD COLUMN covered integer NOT NULL DEFAULT 0')
  await sql(`CREATE FUNCTION count_covered() RETURNS trigger LANGUAGE plpgsql STABLE AS $$ BEGIN
    NEW.covered := OLD.covered + (SELECT count(*) FROM media_items WHERE id > OLD.cursor AND id <= NEW.cursor AND ${READY}
      AND updated_at <= (SELECT snapshot_cutoff FROM catalog_evaluation_runs WHERE id = NEW.run_id));
    RETURN NEW; END $$`)
  await sql(`CREATE TRIGGER count_covered BEFORE UPDATE OF cursor ON catalog_evaluation_ranges
    FOR EACH ROW EXECUTE FUNCTION count_covered()`)
}

export async function runRow({ sql }: Stack, runId: string): Promise<RunRow> {
  const [row] = await sql<RunRow>('SELECT * FROM catalog_evaluation_runs WHERE id = $1', [runId])
  return row as RunRow
}

/** Waits until a run has the status. */
export async function untilRun(stack: Stack, runId: string, status: RunRow['status'], withinMs = 60_000) {
  const look = async () => {
    const row = await runRow(stack, runId)
    return row.status === status
      ? undefined
      : `the run is ${row.status} at ${row.processed} of ${row.total_ready_snapshot}: ${row.last_error}`
  }
  await until(look, withinMs, 50)
}

/** Waits until a run has processed more than so many items. */
export async function untilProcessed(stack: Stack, runId: string, moreThan: number, withinMs = 30_000) {
  const look = async () => ((await runRow(stack, runId)).processed > moreThan ? undefined : 'nothing processed')
  await until(look, withinMs, 10)
}

const evaluations = (items: ItemRow[], document: PolicyDocument) =>
  new Map<number, Evaluation>(items.map((item) => [item.id, interpret(document, toPolicyItem(item))]))

interface Version {
  version: number
  why: string
  document: PolicyDocument
}

/** (a) What is wrong with the evaluations of any version that is promised to be complete, recomputed from the items. */
async function brokenEvaluations({ sql }: Stack): Promise<string[]> {
  const items = await sql<ItemRow>(`SELECT ${ITEM_COLUMNS} FROM media_items`)
  const ready = items.filter((item) => item.ingestion_status === 'ready' && !item.deleted_at)
  const versionOf = new Map(items.map(({ id, version }) => [id, version]))
  const versions = await sql<Version>(
    'SELECT version, why, document FROM evaluated_versions JOIN catalog_policies USING (version)',
  )
  const broken: string[] = []
  for (const { version, why, document } of versions) {
    const rows = await sql<Evaluation & { id: number; item_version: number }>(
      `SELECT media_item_id AS id, item_version, status, reasons, relevance FROM ${partitionOf(version)}`,
    )
    const say = (id: number, what: string) => broken.push(`version ${version} (${why}), item ${id} ${what}`)
    const stored = new Map(rows.map((row) => [row.id, row]))
    for (const { id, item_version } of rows) {
      const current = versionOf.get(id)
      if (current === undefined || item_version > current) say(id, `is evaluated at ${item_version}, it is ${current}`)
    }
    const right = evaluations(ready, document)
    for (const { id, version: current } of ready) {
      const row = stored.get(id)
      if (row?.item_version !== current) {
        if (/active|ready|reverse/.test(why)) say(id, `is at ${current}, evaluated at ${row?.item_version}`)
        continue
      }
      const { status, reasons, relevance } = row
      const [found, wanted] = [JSON.stringify({ status, reasons, relevance }), JSON.stringify(right.get(id))]
      if (found !== wanted) say(id, `is ${found}, should be ${wanted}`)
    }
  }
  return broken
}

/** (b) What is wrong with the counters of a run that has ended well. */
async function brokenCounters(stack: Stack, runId: string): Promise<string[]> {
  const run = await runRow(stack, runId)
  const { processed, eligible, ineligible, pending, errors, total_ready_snapshot: total } = run
  const [covered] = await stack.sql<{ items: number; open: number; untouched: number; events: number }>(
    `SELECT (SELECT sum(covered)::integer FROM catalog_evaluation_ranges WHERE run_id = r.id) AS items,
       (SELECT count(*)::integer FROM catalog_evaluation_ranges WHERE run_id = r.id AND cursor < to_id) AS open,
       (SELECT count(*)::integer FROM media_items WHERE ${READY} AND updated_at <= r.snapshot_cutoff) AS untouched,
       (SELECT count(*)::integer FROM events WHERE run_id = r.id AND type = 'policy-run-succeeded') AS events
     FROM catalog_evaluation_runs r WHERE id = $1`,
    [runId],
  )
  const { items = -1, open = -1, untouched = -1, events = -1 } = covered ?? {}
  const broken: string[] = []
  const must = (holds: boolean, what: string) => !holds && broken.push(`run ${runId}: ${what}`)
  must(eligible + ineligible + pending + errors === processed, 'the counters are not the sum')
  must(total !== null && processed <= total, `processed ${processed} of ${total}`)
  must(processed === items, `processed ${processed}, covered ${items}`)
  must(open === 0, `${open} ranges are not exhausted`)
  must(processed >= untouched, `processed ${processed}, though ${untouched} items were not touched`)
  must(events === 1, `${events} times a success`)
  return broken
}

/** (a), (b) and (d): everything that is wrong after a run that nobody has promoted yet. */
export async function brokenAfter(stack: Stack, caller: Caller, runId: string): Promise<string[]> {
  const { body } = await caller.call('GET', `/catalog-policy-runs/${runId}`)
  const { processed, handedOver, totalReadySnapshot, coverage, readyToPromote, blockingReasons } = body
  expect({ coverage, readyToPromote, blockingReasons }).toEqual({
    coverage: 1,
    readyToPromote: true,
    blockingReasons: [],
  })
  expect((processed as number) + (handedOver as number)).toBe(totalReadySnapshot)
  return [...(await brokenEvaluations(stack)), ...(await brokenCounters(stack, runId))].slice(0, 20)
}

/** (a) and what the public list shows, page by page, beside what the active policy says of the items. */
export async function brokenPublicList(stack: Stack): Promise<string[]> {
  const [active, ...others] = await stack.sql<Version>('SELECT version, document FROM catalog_policies WHERE is_active')
  expect(others).toEqual([])
  const { version, document } = active as Version
  const items = await stack.sql<ItemRow>(
    `SELECT ${ITEM_COLUMNS} FROM media_items WHERE ${READY} ORDER BY trending_score DESC, id DESC`,
  )
  const wanted = [...evaluations(items, document)].flatMap(([id, { status, relevance }]) =>
    status === 'eligible' ? [`${id}: ${relevance}`] : [],
  )
  const shown: string[] = []
  for (let next: string | undefined = '/api/catalog/items?limit=200'; next; ) {
    const response: Response = await fetch(new URL(next, stack.url))
    expect(response.headers.get('x-policy-version')).toBe(String(version))
    const page = (await response.json()) as { id: number; relevance: number }[]
    shown.push(...page.map(({ id, relevance }) => `${id}: ${relevance}`))
    next = response.headers.get('link')?.match(/<([^>]*)>; *rel="next"/)?.[1]
  }
  const same = JSON.stringify(shown) === JSON.stringify(wanted)
  return [
    ...(same ? [] : [`the public sees ${shown.length} items instead of ${wanted.length}`]),
    ...(await brokenEvaluations(stack)).slice(0, 20),
  ]
}

/** Every row of a version of some items, with its place and its transaction: another write of the same would show. */
export async function bytesOf({ sql }: Stack, version: number, from = 0, to = 1e9): Promise<string> {
  const rows = `SELECT md5(string_agg(e::text || e.ctid || e.xmin, ',' ORDER BY media_item_id)) AS sum
    FROM ${partitionOf(version)} e WHERE media_item_id BETWEEN $1 AND $2`
  return String((await sql(rows, [from, to]))[0]?.sum)
}
