import { createLog } from '../runtime/log.ts'
import { type Database, openDatabase, query } from '../store/database.ts'

/** What the rows write to Postgres directly, and read back. */
export const quiet = createLog('bench', 'error')

/** Opens a pool like the worker's own for sweeps. */
export function openSweepDatabase(url: string, connections = 8): Database {
  return openDatabase({ url, name: 'sweep', log: quiet, connections })
}

/** The key of the n-th flag. */
export function flagKey(index: number): string {
  return `flag-${String(index).padStart(5, '0')}`
}

/** Inserts `count` flags; returns their ids in the order of their keys. */
export async function insertFlags(db: Database, count: number): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `WITH new AS (INSERT INTO feature_flags (environment, key, revision)
       SELECT 'production', key, 0 FROM unnest($1::text[]) AS key RETURNING id, key)
     SELECT id FROM new ORDER BY key`,
    [Array.from({ length: count }, (_, index) => flagKey(index))],
  )
  return rows.map(({ id }) => id)
}

/** Inserts pending schedules, without workflows; returns their ids in the given order. */
export async function insertSchedules(
  db: Database,
  schedules: readonly { flagId: string; dueAt: number }[],
): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `WITH new AS (INSERT INTO feature_flag_schedules (flag_id, scheduled_at, updates, created_by)
       SELECT flag_id, to_timestamp(due_at / 1000), '{"enabled": true}', 'bench'
       FROM unnest($1::uuid[], $2::float8[]) WITH ORDINALITY AS s(flag_id, due_at, n) ORDER BY n RETURNING id, sequence)
     SELECT id FROM new ORDER BY sequence`,
    [schedules.map(({ flagId }) => flagId), schedules.map(({ dueAt }) => dueAt)],
  )
  return rows.map(({ id }) => id)
}

/** Gives each flag `each` applied schedules, and both tables the statistics of that quiet time. */
export async function insertHistory(db: Database, each: number): Promise<void> {
  // One of each flag at a time: all at once took longer than the 4 s that a statement may take in this pool.
  for (let n = 1; n <= each; n++) {
    await query(
      db,
      `INSERT INTO feature_flag_schedules (flag_id, scheduled_at, updates, created_by, status, applied_at, applied_revision)
       SELECT id, date_trunc('milliseconds', now() - $1 * interval '1 hour'), '{"enabled": true}', 'bench', 'applied', now(), 1
       FROM feature_flags`,
      [n],
    )
  }
  for (const table of ['feature_flags', 'feature_flag_schedules']) await query(db, `VACUUM ANALYZE ${table}`)
}

/** Milliseconds from due to applied of every schedule, by the database's clock. @throws when one is not applied */
export async function readLateness(db: Database): Promise<number[]> {
  const rows = await query<{ lateness: number | null }>(
    db,
    'SELECT (extract(epoch FROM applied_at - scheduled_at) * 1000)::float8 AS lateness FROM feature_flag_schedules',
  )
  return rows.map(({ lateness }) => {
    if (lateness === null) throw new Error('A schedule was not applied')
    return lateness
  })
}

/** Schedules applied so far, as committed: one row to read, whatever their number. */
export async function appliedSoFar(db: Database): Promise<number> {
  const [row] = await query<{ applied: number }>(db, 'SELECT applied FROM schedule_totals')
  return row?.applied ?? 0
}
