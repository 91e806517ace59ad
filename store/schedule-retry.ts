import { refuseMember } from '../domain/flag-release.ts'
import { type FlagSchedule, fieldsOf } from '../domain/flag-schedule.ts'
import { Problem } from '../domain/problems.ts'
import { refuseDueTime, refuseFinal } from '../domain/schedule-refusals.ts'
import { lockSchedule, type ScheduleAddress, warned } from './flag-schedules.ts'
import { type FlagAddress, refuseArchived } from './flags.ts'
import { guardSchedule, keepAskedOrder, overrodeBy, type ScheduleGuards } from './schedule-guards.ts'
import { emitScheduleEvent, enqueueNudge, SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './schedule-rows.ts'
import type { Transaction } from './transaction.ts'

/**
 * Makes a failed schedule pending again, due now, unless the same was changed since: a retry never undoes what came later.
 *
 * @throws Problem `…-not-found`, `flag-archived`, `schedule-not-failed`, `-applied`, `-cancelled`, `-superseded`, `-out-of-order`,
 *   `-part-of-release`, and those of the guards
 */
export async function retrySchedule(
  tx: Transaction,
  address: ScheduleAddress,
  guards: ScheduleGuards = {},
): Promise<FlagSchedule> {
  const { locked, row, schedule } = await lockSchedule(tx, address)
  if (schedule.status === 'pending') {
    throw new Problem('schedule-not-failed', `It is pending, due ${schedule.scheduledAt}.`)
  }
  if (schedule.status !== 'failed') refuseFinal('schedule', schedule)
  refuseMember(schedule)
  refuseArchived(locked.flag)
  await refuseSuperseded(tx, row)
  // A Date has milliseconds, as due times do.
  refuseDueTime(locked.now, row.sequence, locked)
  const asked = { locked, scheduledAt: locked.now, updates: row.updates, added: true, moved: true, id: row.id }
  const guard = await guardSchedule(tx, asked, guards)
  const [after] = await tx.query<ScheduleRow>(
    `WITH s AS (UPDATE feature_flag_schedules SET status = 'pending', error_message = NULL, scheduled_at = $2,
         original_scheduled_at = coalesce(original_scheduled_at, scheduled_at), attempt = attempt + 1,
         deferred_from = $3, freeze_id = $4, version = version + 1, updated_at = clock_timestamp()
       WHERE id = $1 RETURNING *)
     SELECT ${SCHEDULE_COLUMNS} FROM s JOIN feature_flags f ON f.id = s.flag_id`,
    [row.id, guard.scheduledAt, guard.deferredFrom, guard.freezeId],
  )
  if (guard.deferredFrom) await keepAskedOrder(tx, [row.flag_id], guard.scheduledAt)
  const retried = toSchedule(after as ScheduleRow)
  const { attempt } = retried
  const more = { error: schedule.errorMessage, attempt, ...overrodeBy(guard) }
  emitScheduleEvent(tx, 'schedule-retried', row.flag_id, schedule, retried, undefined, more)
  enqueueNudge(tx, 'schedule', retried)
  return warned(retried, guard)
}

/** SQL: paths of what `updates` sets, as `fieldsOf` has them; a table function of one column, `field`. */
const fieldsIn = (
  updates: string,
) => `(SELECT key AS field FROM jsonb_object_keys(${updates}) AS key WHERE key <> 'strategies'
  UNION ALL SELECT concat('strategies.', one ->> 'id', '.', key)
  FROM jsonb_path_query(${updates}, '$.strategies[*] ? (@.type() == "object")') AS one, jsonb_object_keys(one) AS key WHERE key <> 'id')`

async function refuseSuperseded(tx: Transaction, row: ScheduleRow): Promise<void> {
  const due = row.original_scheduled_at ?? row.scheduled_at
  const [later] = await tx.query<{ id: string; field: string; createdBy: string; appliedAt: Date }>(
    `SELECT s.id, field, s.created_by AS "createdBy", s.applied_at AS "appliedAt"
     FROM feature_flag_schedules s CROSS JOIN LATERAL ${fieldsIn('s.updates')} AS set
     WHERE s.flag_id = $1 AND s.status = 'applied' AND (s.scheduled_at, s.sequence) > ($2, $3) AND field = ANY ($4::text[])
     ORDER BY s.scheduled_at DESC, s.sequence DESC, field LIMIT 1`,
    [row.flag_id, due, row.sequence, [...fieldsOf(row.updates).keys()]],
  )
  if (!later) return await refuseRecurred(tx, row)
  const { id: scheduleId, field, createdBy } = later
  const appliedAt = later.appliedAt.toISOString()
  throw new Problem(
    'schedule-superseded',
    `It was due at ${due.toISOString()}; since then, at ${appliedAt}, the schedule ${scheduleId} of ${createdBy} set ${field}. Create a new schedule if it is still wanted.`,
    { members: { scheduleId, field, createdBy, appliedAt } },
  )
}

/** An occurrence whose next one waits already; a recurrence has one pending. */
async function refuseRecurred(tx: Transaction, { recurrence_id: recurrenceId }: ScheduleRow): Promise<void> {
  const [next] = await tx.query<{ id: string; createdBy: string; dueAt: Date }>(
    `SELECT id, created_by AS "createdBy", scheduled_at AS "dueAt" FROM feature_flag_schedules
     WHERE recurrence_id = $1 AND status = 'pending'`,
    [recurrenceId],
  )
  if (!next) return
  const { id: scheduleId, createdBy } = next
  const why = `Its recurrence goes on with the schedule ${scheduleId}, due ${next.dueAt.toISOString()}. Create a schedule of its own if it is still wanted.`
  throw new Problem('schedule-superseded', why, { members: { scheduleId, createdBy } })
}

/**
 * Makes a schedule of a locked flag, which has just failed, pending again while it has attempts left, unless a change that comes
 * later would be undone by it. The delays are 1, 2 and 4 minutes.
 *
 * @returns when it will be tried again; undefined when it will not
 */
export async function retryLater(
  tx: Transaction,
  { scheduleId, flagId, environment, flagKey }: FlagAddress & { scheduleId: string; flagId: string },
  error: string,
  retries: number,
): Promise<string | undefined> {
  const [row] = await tx.query<Pick<ScheduleRow, 'scheduled_at' | 'version' | 'attempt' | 'updates' | 'created_by'>>(
    `UPDATE feature_flag_schedules s SET scheduled_at = later.at, attempt = attempt + 1, version = version + 1,
       original_scheduled_at = coalesce(original_scheduled_at, scheduled_at), updated_at = clock_timestamp()
     FROM (SELECT id, date_trunc('milliseconds', clock_timestamp()) + interval '1 minute' * 2 ^ (attempt - 1) AS at
       FROM feature_flag_schedules WHERE id = $1) later
     WHERE s.id = later.id AND s.status = 'pending' AND s.attempt <= $2 AND NOT EXISTS (
       SELECT FROM feature_flag_schedules o
       WHERE o.flag_id = s.flag_id AND o.id <> s.id AND o.status IN ('pending', 'applied') AND o.scheduled_at <= later.at
         AND (o.scheduled_at, o.sequence) > (coalesce(s.original_scheduled_at, s.scheduled_at), s.sequence)
         AND EXISTS (${fieldsIn('o.updates')} INTERSECT ${fieldsIn('s.updates')}))
     RETURNING s.scheduled_at, s.version, s.attempt, s.updates, s.created_by`,
    [scheduleId, retries],
  )
  if (!row) return undefined
  const { updates, version, created_by: createdBy } = row
  const willRetryAt = row.scheduled_at.toISOString()
  const data = { updates, error, createdBy, attempt: row.attempt - 1, willRetryAt }
  tx.emitEvent({ type: 'schedule-failed', environment, flagKey, flagId, scheduleId, data })
  enqueueNudge(tx, scheduleId, { id: scheduleId, flagKey, environment, scheduledAt: willRetryAt, version })
  return willRetryAt
}
