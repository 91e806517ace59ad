import { expect, onTestFinished } from 'vitest'
import type { FlagRelease } from '../../domain/flag-release.ts'
import type { ScheduleUpdates } from '../../domain/flag-schedule.ts'
import type { SweepOutcome } from '../../store/apply-due.ts'
import type { Database } from '../../store/database.ts'
import { createRelease } from '../../store/flag-releases.ts'
import type { ScheduleGuards } from '../../store/schedule-guards.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice } from './database.ts'
import { type Address, inMs, newFlag } from './schedules.ts'

/** Makes a release that does the same to each of some flags. */
export async function newRelease(
  db: Database,
  addresses: Address[],
  due: number | string,
  updates: ScheduleUpdates = { enabled: true },
  guards: ScheduleGuards = {},
): Promise<FlagRelease> {
  const scheduledAt = typeof due === 'string' ? due : inMs(due)
  const changes = addresses.map((address) => ({ ...address, updates }))
  return await asAlice(db, (tx) => createRelease(tx, { scheduledAt, changes }, 'production', guards))
}

/** Applies all that is due; returns what it did, in order. */
export async function sweepAll(db: Database): Promise<SweepOutcome[]> {
  const outcomes: SweepOutcome[] = []
  for (let swept = await sweepDue(db); swept.outcomes.length > 0; swept = await sweepDue(db))
    outcomes.push(...swept.outcomes)
  return outcomes
}

export async function newFlags(db: Database, count: number): Promise<Address[]> {
  return await Promise.all(Array.from({ length: count }, () => newFlag(db)))
}

/** Schedules of a release, in the order in which they were asked for. */
export async function membersOf(db: Database, { id }: FlagRelease) {
  const { rows } = await db.pool.query<{
    id: string
    status: string
    revision: number | null
    error: string | null
    due: Date
  }>(
    `SELECT id, status, applied_revision AS revision, error_message AS error, scheduled_at AS due FROM feature_flag_schedules
     WHERE release_id = $1 ORDER BY id`,
    [id],
  )
  return rows
}

/** Holds a flag as another transaction would; returns what gives it back, which the end of the test does too. */
export async function hold(db: Database, { flagKey, environment }: Address): Promise<() => Promise<void>> {
  const client = await db.pool.connect()
  await client.query('BEGIN')
  await client.query('SELECT 1 FROM feature_flags WHERE key = $1 AND environment = $2 FOR NO KEY UPDATE', [
    flagKey,
    environment,
  ])
  let held = true
  const giveBack = async () => {
    if (!held) return
    held = false
    await client.query('COMMIT').finally(() => client.release())
  }
  onTestFinished(giveBack)
  return giveBack
}

/** Until so many sessions of this database wait for a lock; less long than a session may stand idle in a transaction, which is 5 s. */
export async function waiting(db: Database, count: number): Promise<void> {
  const { pool } = db
  await expect
    .poll(
      async () => {
        const { rows } = await pool.query(
          `SELECT count(*)::integer AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        )
        return rows[0].count
      },
      { timeout: 4_000 },
    )
    .toBe(count)
}

export const percent = (rolloutPercentage: number) => ({ rolloutPercentage })
