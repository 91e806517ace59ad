import { BY_ITSELF, type Origin } from '../domain/event.ts'
import type { FlagSchedule } from '../domain/flag-schedule.ts'
import { isOutage } from './apply-due.ts'
import { type Database, query } from './database.ts'
import { lockFlag } from './flags.ts'
import { enqueueRunNudge, failRun } from './policy-run-control.ts'
import { lockRun, type RunRow } from './policy-runs.ts'
import { makeNextOccurrences } from './recurrence-occurrences.ts'
import { enqueueNudge, SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './schedule-rows.ts'
import { type Transaction, transaction } from './transaction.ts'

/** Due this soon, a schedule is looked at in every run: two runs, so that one may fail. */
const SOON = `(SELECT clock_timestamp()) + interval '2 minutes'`

export interface Rotation {
  schedules: FlagSchedule[]
  /** Call it when they have been looked at: the next run goes on behind them. */
  done(): Promise<void>
}

/**
 * Pending schedules whose workflow ought to be looked at: those that are overdue or due soon, and of the others. Where
 * there are more than the limits, they go round by id from run to run. Those with a message under way, or
 * dead-lettered, are left to the relay and the operator.
 */
export async function schedulesToCheck(db: Database, limits: { soon: number; others: number }): Promise<Rotation> {
  const soon = await rotate(db, 'flag-schedules-soon', `s.scheduled_at <= ${SOON}`, limits.soon)
  const others = await rotate(db, 'flag-schedules', `s.scheduled_at > ${SOON}`, limits.others)
  return {
    schedules: [...soon.schedules, ...others.schedules],
    done: async () => {
      await soon.done()
      await others.done()
    },
  }
}

async function rotate(db: Database, area: string, condition: string, limit: number): Promise<Rotation> {
  const rows = await query<ScheduleRow>(
    db,
    `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE s.status = 'pending' AND ${condition}
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.state <> 'dispatched' AND o.payload ->> 'scheduleId' = s.id::text)
       AND s.id > coalesce((SELECT after_id FROM reconciler_cursor WHERE area = $1), '00000000-0000-0000-0000-000000000000')
     ORDER BY s.id LIMIT $2`,
    [area, limit],
  )
  const last = rows.length < limit ? undefined : rows.at(-1)
  return {
    schedules: rows.map(toSchedule),
    done: async () => {
      await query(db, 'DELETE FROM reconciler_cursor WHERE area = $1', [area])
      if (last)
        await query(db, 'INSERT INTO reconciler_cursor (area, after_id) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
          area,
          last.id,
        ])
    },
  }
}

/**
 * Sends the workflows of those schedules on their way again that are pending still: one that was applied or cancelled since it
 * was picked has ended its workflow as it should. `run` names the reconciler's run, so that each run sends once.
 *
 * @returns ids of the schedules that had no workflow
 */
export async function nudgeAgain(db: Database, schedules: FlagSchedule[], run: string): Promise<string[]> {
  const nudge = async (tx: Transaction) => {
    const rows = await tx.query<ScheduleRow>(
      `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
       WHERE s.id = ANY ($1::uuid[]) AND s.status = 'pending' ORDER BY s.id`,
      [schedules.map(({ id }) => id)],
    )
    for (const schedule of rows.map(toSchedule)) enqueueNudge(tx, schedule.id, schedule, `/${run}`)
    return rows.map(({ id }) => id)
  }
  return (await transaction(db, nudge, { origin: BY_ITSELF })).result
}

/**
 * Makes the next occurrences of active recurrences that have none, at most 100: while versions change over, a worker that
 * knows nothing of recurrences may have applied the one before. Returns how many recurrences it looked at.
 */
export async function makeMissingOccurrences(db: Database): Promise<number> {
  const rows = await query<{ id: string; environment: string; flagKey: string }>(
    db,
    `SELECT r.id, f.environment, f.key AS "flagKey" FROM flag_schedule_recurrences r JOIN feature_flags f ON f.id = r.flag_id
     WHERE r.status = 'active'
       AND NOT EXISTS (SELECT 1 FROM feature_flag_schedules p WHERE p.recurrence_id = r.id AND p.status = 'pending')
     ORDER BY r.id LIMIT 100`,
  )
  for (const { id, ...address } of rows) {
    const make = async (tx: Transaction) => {
      await lockFlag(tx, address)
      await makeNextOccurrences(tx, [id])
    }
    await transaction(db, make, { origin: BY_ITSELF }).catch((error) => {
      // One that cannot be made must not keep the others from being healed.
      if (isOutage(error)) throw error
      db.log.error({ err: error, recurrenceId: id }, 'Could not make the next occurrence')
    })
  }
  return rows.length
}

/** Running policy runs without a message under way. They are few, so each is looked at every time. */
export async function runsToCheck(db: Database): Promise<RunRow[]> {
  return await query<RunRow>(
    db,
    `SELECT * FROM catalog_evaluation_runs r WHERE status = 'running'
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.state <> 'dispatched' AND o.payload ->> 'runId' = r.id::text)
     ORDER BY id`,
  )
}

/** Sends a run's workflow on its way again. @returns false, and does nothing, when the run has ended since it was picked */
export async function nudgeRun(db: Database, run: RunRow, because: string): Promise<boolean> {
  return await ifRunning(db, run, BY_ITSELF, async (tx, row) => enqueueRunNudge(tx, row, `/${because}`))
}

/**
 * Ends a run whose workflow an operator terminated: that is meant to stop it, and it can be resumed.
 *
 * @returns false, and does nothing, when the run has ended since it was picked
 */
export async function failTerminated(
  db: Database,
  run: RunRow,
  by: { identity: string; reason?: string },
): Promise<boolean> {
  const { identity, reason } = by
  const error = `its workflow was terminated by ${identity}${reason ? `: ${reason}` : ''}`
  return await ifRunning(db, run, { actor: identity, door: 'temporal', reason }, (tx) => failRun(tx, run.id, error))
}

async function ifRunning(
  db: Database,
  { id }: RunRow,
  origin: Origin,
  work: (tx: Transaction, row: RunRow) => Promise<unknown>,
): Promise<boolean> {
  const unlessEnded = async (tx: Transaction) => {
    const row = await lockRun(tx, id)
    if (row.status === 'running') await work(tx, row)
    return row.status === 'running'
  }
  return (await transaction(db, unlessEnded, { origin })).result
}
