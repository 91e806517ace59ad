import type { FlagSchedule } from '../domain/flag-schedule.ts'
import { type Database, query } from './database.ts'
import { enqueueNudge, SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './flag-schedules.ts'
import { transaction } from './transaction.ts'

/** Due this soon, a schedule is looked at in every run: two runs, so that one may fail. */
const SOON = '2 minutes'
const AREA = 'flag-schedules'

const FROM = `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
  WHERE s.status = 'pending' AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.state = 'pending'
    AND o.idempotency_key = 'flag-schedule/' || s.id || '/' || s.version)`

/**
 * Pending schedules whose workflow ought to be looked at: all that are overdue or due soon, and `rotation` of the others,
 * which go round by id from run to run. Those with a message under way are left to the relay.
 */
export async function schedulesToCheck(
  db: Database,
  { soon, rotation }: { soon: number; rotation: number },
): Promise<FlagSchedule[]> {
  const near = await query<ScheduleRow>(
    db,
    `${FROM} AND s.scheduled_at <= (SELECT clock_timestamp()) + interval '${SOON}' ORDER BY s.scheduled_at, s.sequence LIMIT $1`,
    [soon],
  )
  const far = await query<ScheduleRow>(
    db,
    `${FROM} AND s.scheduled_at > (SELECT clock_timestamp()) + interval '${SOON}'
       AND s.id > coalesce((SELECT after_id FROM reconciler_cursor WHERE area = $2), '00000000-0000-0000-0000-000000000000')
     ORDER BY s.id LIMIT $1`,
    [rotation, AREA],
  )
  await moveCursor(db, far.length < rotation ? null : (far.at(-1)?.id ?? null))
  return [...near, ...far].map(toSchedule)
}

async function moveCursor(db: Database, afterId: string | null): Promise<void> {
  if (afterId === null) await query(db, 'DELETE FROM reconciler_cursor WHERE area = $1', [AREA])
  else {
    await query(
      db,
      `INSERT INTO reconciler_cursor (area, after_id) VALUES ($1, $2) ON CONFLICT (area) DO UPDATE SET after_id = excluded.after_id`,
      [AREA, afterId],
    )
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
