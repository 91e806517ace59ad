import type { FlagSchedule } from '../domain/flag-schedule.ts'
import { type Database, query } from './database.ts'
import { lockFlag } from './flags.ts'
import { failRun, nudgeRunAgain } from './policy-run-control.ts'
import type { RunRow } from './policy-runs.ts'
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

/** Sends the schedules' workflows on their way again; `run` names the reconciler's run, so that each run sends once. */
export async function nudgeAgain(db: Database, schedules: FlagSchedule[], run: string): Promise<void> {
  await transaction(
    db,
    async (tx) => {
      for (const schedule of schedules) enqueueNudge(tx, schedule.id, schedule, `/${run}`)
    },
    { origin: { actor: 'interlock', door: 'schedule' } },
  )
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
    await transaction(db, make, { origin: { actor: 'interlock', door: 'schedule' } })
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

/** Sends a run's workflow on its way again. */
export async function nudgeRun(db: Database, run: RunRow, because: string): Promise<void> {
  await transaction(db, async (tx) => nudgeRunAgain(tx, run, because), {
    origin: { actor: 'interlock', door: 'schedule' },
  })
}

/** Ends a run whose workflow an operator terminated: that is meant to stop it, and it can be resumed. */
export async function failTerminated(
  db: Database,
  run: RunRow,
  by: { identity: string; reason?: string },
): Promise<void> {
  const { identity, reason } = by
  const error = `its workflow was terminated by ${identity}${reason ? `: ${reason}` : ''}`
  await transaction(db, (tx) => failRun(tx, run.id, error), { origin: { actor: identity, door: 'temporal', reason } })
}
