import { monotonicFactory } from 'ulid'
import { refuseUnknownSegments } from '../domain/segment.ts'
import type { Constraint, Strategy, StrategyContent, Variant } from '../domain/strategy.ts'
import type { Database } from './database.ts'
import { ask, type Transaction } from './transaction.ts'

/** Ids that sort by age, also those made within a millisecond. */
export const newUlid: () => string = monotonicFactory()

/** A strategy as one of its two tables has it. */
export interface StrategyCopy {
  id: string
  /** The milestone that it belongs to; null for a flag's own. */
  milestoneId: string | null
  createdAt: string
  content: StrategyContent
}

/** The two copies of a strategy: what applications are served by, and its definition in a milestone. */
export interface StrategyCopies {
  runtime: StrategyCopy | null
  milestone: StrategyCopy | null
}

export type CopyName = keyof StrategyCopies

export interface StrategyRow {
  id: string
  milestone_id: string | null
  name: StrategyContent['name']
  title: string | null
  parameters: Record<string, string>
  constraints: Constraint[]
  variants: Variant[]
  segments: string[]
  disabled: boolean
  sort_order: number
  created_at: Date
}

const columns = (links: string, link: string) => `s.id, s.milestone_id, s.name, s.title, s.parameters, s.constraints,
  s.variants, s.disabled, s.sort_order, s.created_at, ARRAY(SELECT g.key FROM ${links} l JOIN segments g ON g.id = l.segment_id
    WHERE l.${link} = s.id ORDER BY g.key COLLATE "C") AS segments`

/** Columns of a `StrategyRow` from either table, as `s`. */
export const RUNTIME_COLUMNS = columns('feature_strategy_segment', 'feature_strategy_id')
export const MILESTONE_COLUMNS = columns('milestone_strategy_segments', 'milestone_strategy_id')

export function toCopy(row: StrategyRow): StrategyCopy {
  const { name, title, parameters, constraints, variants, segments, disabled, sort_order: sortOrder } = row
  return {
    id: row.id,
    milestoneId: row.milestone_id,
    createdAt: row.created_at.toISOString(),
    content: { name, title, parameters, constraints, variants, segments, disabled, sortOrder },
  }
}

/** A copy as answers show it; `active` when applications are served by it. */
export function toStrategy(flagKey: string, { content, ...copy }: StrategyCopy, active: boolean): Strategy {
  return { ...copy, flagKey, active, ...content }
}

/** Both copies of a flag's strategies, by id: all of them, or those named. */
export async function readCopies(
  db: Database | Transaction,
  flagId: string,
  ids?: string[],
): Promise<Map<string, StrategyCopies>> {
  const rows = await ask<StrategyRow & { copy: CopyName }>(
    db,
    `SELECT 'runtime' AS copy, ${RUNTIME_COLUMNS} FROM feature_strategies s
     WHERE s.flag_id = $1 AND ($2::text[] IS NULL OR s.id = ANY ($2))
     UNION ALL
     SELECT 'milestone', ${MILESTONE_COLUMNS} FROM release_plans p JOIN milestones m ON m.plan_id = p.id
       JOIN milestone_strategies s ON s.milestone_id = m.id
     WHERE p.flag_id = $1 AND ($2::text[] IS NULL OR s.id = ANY ($2))`,
    [flagId, ids ?? null],
  )
  const found = new Map<string, StrategyCopies>()
  for (const { copy, ...row } of rows) {
    found.set(row.id, { ...(found.get(row.id) ?? { runtime: null, milestone: null }), [copy]: toCopy(row) })
  }
  return found
}

/** The definitions of milestones' strategies, in the order (milestone, sortOrder, id). */
export async function readMilestoneStrategies(
  db: Database | Transaction,
  milestoneIds: string[],
): Promise<StrategyCopy[]> {
  const rows = await ask<StrategyRow>(
    db,
    `SELECT ${MILESTONE_COLUMNS} FROM milestone_strategies s WHERE s.milestone_id = ANY ($1::text[])
     ORDER BY s.milestone_id, s.sort_order, s.id`,
    [milestoneIds],
  )
  return rows.map(toCopy)
}

/** What is to be written of a strategy, and in which of its copies. */
export interface WrittenStrategy {
  id: string
  milestoneId: string | null
  content: StrategyContent
  copies: CopyName[]
  /** Leads to it in the request, which may have several. */
  path?: string
}

/**
 * Makes or overwrites strategies of a locked flag, segments and order included. One statement writes the same values to
 * both tables, so that they cannot come to differ.
 *
 * @throws Problem `unknown-segment` when a segment is not one of the environment
 */
export async function writeStrategies(
  tx: Transaction,
  { environment, flagId }: { environment: string; flagId: string },
  strategies: WrittenStrategy[],
): Promise<void> {
  if (strategies.length === 0) return
  const segments = await lockSegments(tx, environment, strategies)
  const wanted = strategies.map(({ id, milestoneId, content, copies }) => ({
    ...content,
    id,
    milestoneId,
    segmentIds: content.segments.map((key) => segments.get(key)),
    runtime: copies.includes('runtime'),
    milestone: copies.includes('milestone'),
  }))
  await tx.query(WRITE, [flagId, JSON.stringify(wanted)])
}

const FIELDS = 'name, title, parameters, constraints, variants, disabled, sort_order'
const VALUES = 'w.name, w.title, w.parameters, w.constraints, w.variants, w.disabled, w."sortOrder"'
const OVERWRITE = `ON CONFLICT (id) DO UPDATE SET (${FIELDS}, updated_at) = ROW (${FIELDS.split(', ')
  .map((field) => `excluded.${field}`)
  .join(', ')}, excluded.updated_at)`

const WRITE = `
  WITH w AS MATERIALIZED (
    SELECT *, clock_timestamp() AS at FROM jsonb_to_recordset($2::jsonb) AS w(id text, "milestoneId" text, runtime boolean, milestone boolean, name text,
      title text, parameters jsonb, constraints jsonb, variants jsonb, disabled boolean, "sortOrder" integer, "segmentIds" uuid[])
  ), links AS (SELECT id, runtime, milestone, unnest("segmentIds") AS segment_id FROM w),
  runtime AS (
    INSERT INTO feature_strategies (id, flag_id, milestone_id, ${FIELDS}, created_at, updated_at)
    SELECT w.id, $1::uuid, w."milestoneId", ${VALUES}, w.at, w.at FROM w WHERE w.runtime ${OVERWRITE}
  ), milestone AS (
    INSERT INTO milestone_strategies (id, milestone_id, ${FIELDS}, created_at, updated_at)
    SELECT w.id, w."milestoneId", ${VALUES}, w.at, w.at FROM w WHERE w.milestone ${OVERWRITE}
  ), runtime_without AS (
    DELETE FROM feature_strategy_segment l USING w
    WHERE w.runtime AND l.feature_strategy_id = w.id AND l.segment_id <> ALL (w."segmentIds")
  ), milestone_without AS (
    DELETE FROM milestone_strategy_segments l USING w
    WHERE w.milestone AND l.milestone_strategy_id = w.id AND l.segment_id <> ALL (w."segmentIds")
  ), runtime_with AS (
    INSERT INTO feature_strategy_segment SELECT id, segment_id FROM links WHERE runtime ON CONFLICT DO NOTHING
  )
  INSERT INTO milestone_strategy_segments SELECT id, segment_id FROM links WHERE milestone ON CONFLICT DO NOTHING`

/** Removes copies of strategies of a locked flag, in one statement. */
export async function deleteStrategies(tx: Transaction, ids: string[], copies: CopyName[]): Promise<void> {
  await tx.query(
    `WITH runtime AS (DELETE FROM feature_strategies WHERE id = ANY ($1::text[]) AND $2::boolean)
     DELETE FROM milestone_strategies WHERE id = ANY ($1::text[]) AND $3::boolean`,
    [ids, copies.includes('runtime'), copies.includes('milestone')],
  )
}

/** Ids of segments by key, held so that nobody deletes them before this transaction ends. */
async function lockSegments(
  tx: Transaction,
  environment: string,
  strategies: WrittenStrategy[],
): Promise<Map<string, string>> {
  const asked = strategies.map(({ path, content: { segments } }) => ({
    field: path ? `${path}.segments` : 'segments',
    segments,
  }))
  const keys = asked.flatMap(({ segments }) => segments)
  if (keys.length === 0) return new Map()
  const rows = await tx.query<{ id: string; key: string }>(
    'SELECT id, key FROM segments WHERE environment = $1 AND key = ANY ($2::text[]) ORDER BY key FOR KEY SHARE',
    [environment, keys],
  )
  const found = new Map(rows.map(({ id, key }) => [key, id]))
  refuseUnknownSegments(environment, found, asked)
  return found
}
