import { differences, type StrategyDrift } from '../domain/strategy-drift.ts'
import { type Database, query } from './database.ts'
import { KEY_CURSOR, type Page, type PageRequest, page, readCursor, ULID_CURSOR } from './page.ts'
import { MILESTONE_COLUMNS, RUNTIME_COLUMNS, type StrategyCopies, type StrategyRow, toCopy } from './strategy-rows.ts'
import { ask, type Transaction } from './transaction.ts'

/** A strategy whose copies differ, and the copies. */
export interface DriftedStrategy extends StrategyCopies {
  flagKey: string
  milestoneId: string
  id: string
}

// What both copies must agree on: every column but whose they are and when they were written.
const COMPARED = `(c.name, c.title, c.parameters, c.constraints, c.variants, c.disabled, c.sort_order, c.segments)`
const compared = (copy: string) => COMPARED.replaceAll('c.', `${copy}.`)

/** Pairs of copies that differ, of the active milestones of an environment ($1), of named flags ($2) or all, of named strategies ($3) or all. */
const DRIFTED = `
  FROM feature_flags f JOIN release_plans p ON p.flag_id = f.id
  CROSS JOIN LATERAL (
    SELECT coalesce(r.id, d.id) AS id, r.id IS NULL AS only_milestone, d.id IS NULL AS only_runtime, to_jsonb(r) AS runtime, to_jsonb(d) AS milestone
    FROM (SELECT ${RUNTIME_COLUMNS} FROM feature_strategies s WHERE s.flag_id = f.id AND s.milestone_id = p.active_milestone_id) r
    FULL JOIN (SELECT ${MILESTONE_COLUMNS} FROM milestone_strategies s WHERE s.milestone_id = p.active_milestone_id) d
      ON d.id = r.id
    WHERE r.id IS NULL OR d.id IS NULL OR ${compared('r')} IS DISTINCT FROM ${compared('d')}
  ) drifted
  WHERE f.environment = $1 AND ($2::text IS NULL OR f.key = $2) AND ($3::text[] IS NULL OR drifted.id = ANY ($3))`

interface DriftRow {
  flag_key: string
  milestone_id: string
  id: string
  runtime: StrategyRow | null
  milestone: StrategyRow | null
}

const COLUMNS =
  'f.key AS flag_key, p.active_milestone_id AS milestone_id, drifted.id, drifted.runtime, drifted.milestone'

/** Strategies of an environment whose copies differ, by flag and id. */
export async function listDrift(
  db: Database,
  { environment, limit, cursor }: PageRequest & { environment: string },
): Promise<Page<StrategyDrift>> {
  const after = readCursor(cursor, KEY_CURSOR, ULID_CURSOR)
  const rows = await query<DriftRow>(
    db,
    `SELECT ${COLUMNS} ${DRIFTED} AND ($4::text IS NULL OR (f.key, drifted.id) > ($4, $5)) ORDER BY f.key, drifted.id LIMIT $6`,
    [environment, null, null, after?.[0] ?? null, after?.[1] ?? null, limit + 1],
  )
  return page(
    rows,
    limit,
    (row) => describeDrift(toDrifted(row)),
    (row) => [row.flag_key, row.id],
  )
}

/** Strategies of one flag whose copies differ, by id: all of them, or of those named. */
export async function driftOfFlag(
  tx: Transaction,
  { environment, flagKey }: { environment: string; flagKey: string },
  strategyIds: string[] | undefined,
): Promise<DriftedStrategy[]> {
  const rows = await tx.query<DriftRow>(`SELECT ${COLUMNS} ${DRIFTED} ORDER BY drifted.id`, [
    environment,
    flagKey,
    strategyIds ?? null,
  ])
  return rows.map(toDrifted)
}

/** Flags of an environment that have such strategies, by key. */
export async function flagsWithDrift(db: Database, environment: string, strategyIds?: string[]): Promise<string[]> {
  const rows = await query<{ key: string }>(db, `SELECT DISTINCT f.key ${DRIFTED} ORDER BY f.key`, [
    environment,
    null,
    strategyIds ?? null,
  ])
  return rows.map(({ key }) => key)
}

/** How many strategies of an environment have copies that differ: 0 while every write changes both. */
export async function countDrift(db: Database | Transaction, environment: string): Promise<number> {
  const count = `SELECT count(*)::integer ${DRIFTED}`
  const [row] = await ask<{ count: number }>(db, count, [environment, null, null])
  return (row as { count: number }).count
}

export function describeDrift({ flagKey, milestoneId, id, runtime, milestone }: DriftedStrategy): StrategyDrift {
  const missing = !runtime ? 'runtime' : !milestone ? 'milestone' : null
  const fields = runtime && milestone ? differences(runtime.content, milestone.content) : []
  return { flagKey, milestoneId, strategyId: id, missing, fields }
}

function toDrifted(row: DriftRow): DriftedStrategy {
  const copyOf = (copy: StrategyRow | null) => copy && toCopy({ ...copy, created_at: new Date(copy.created_at) })
  return {
    flagKey: row.flag_key,
    milestoneId: row.milestone_id,
    id: row.id,
    runtime: copyOf(row.runtime),
    milestone: copyOf(row.milestone),
  }
}
