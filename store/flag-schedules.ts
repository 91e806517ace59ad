import type { Flag } from '../domain/flag.ts'
import type { FlagSchedule, NewSchedule, ScheduleEdit, ScheduleStatus } from '../domain/flag-schedule.ts'
import { Problem } from '../domain/problems.ts'
import { refuseDueTime, refuseFinal } from '../domain/schedule-refusals.ts'
import { type Database, query } from './database.ts'
import { type FlagAddress, getFlag, lockFlag, refuseArchived } from './flags.ts'
import { type Page, type PageRequest, page, readCursor } from './page.ts'
import { nudgeFlagSchedule } from './tasks.ts'
import type { Transaction } from './transaction.ts'

/** A schedule by its id alone, as workflows know it, or within a flag, as paths name it. */
export type ScheduleAddress = { scheduleId: string } & Partial<FlagAddress>

export const SCHEDULE_COLUMNS = `s.id, s.flag_id, s.scheduled_at, s.status, s.updates, s.comment, s.sequence, s.version, s.applied_at,
  s.applied_revision, s.error_message, s.created_by, s.created_at, s.updated_at, f.key AS flag_key, f.environment`

export interface ScheduleRow {
  id: string
  flag_id: string
  scheduled_at: Date
  status: ScheduleStatus
  updates: FlagSchedule['updates']
  comment: string | null
  sequence: number
  version: number
  applied_at: Date | null
  applied_revision: number | null
  error_message: string | null
  created_by: string
  created_at: Date
  updated_at: Date
  flag_key: string
  environment: string
}

export function toSchedule(row: ScheduleRow): FlagSchedule {
  return {
    id: row.id,
    flagKey: row.flag_key,
    environment: row.environment,
    scheduledAt: row.scheduled_at.toISOString(),
    status: row.status,
    updates: row.updates,
    comment: row.comment,
    appliedAt: row.applied_at?.toISOString() ?? null,
    appliedRevision: row.applied_revision,
    errorMessage: row.error_message,
    version: row.version,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

function scheduleNotFound(scheduleId: string): Problem {
  return new Problem('schedule-not-found', `There is no schedule "${scheduleId}" here.`)
}

/** @throws Problem `flag-not-found`, `schedule-not-found` */
export async function getSchedule(db: Database, address: FlagAddress & { scheduleId: string }): Promise<FlagSchedule> {
  const flag = await getFlag(db, address)
  const [row] = await query<ScheduleRow>(
    db,
    `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE s.id = $1 AND s.flag_id = $2`,
    [address.scheduleId, flag.id],
  )
  if (!row) throw scheduleNotFound(address.scheduleId)
  return toSchedule(row)
}

/** Schedules of a flag in the order in which they are due. @throws Problem `flag-not-found` */
export async function listSchedules(
  db: Database,
  { status, limit, cursor, ...address }: PageRequest & FlagAddress & { status?: ScheduleStatus | undefined },
): Promise<Page<FlagSchedule>> {
  const after = readCursor(
    cursor,
    /^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/,
    /^\d{1,15}$/,
  )
  const flag = await getFlag(db, address)
  const rows = await query<ScheduleRow>(
    db,
    `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE s.flag_id = $1 AND ($2::text IS NULL OR s.status = $2)
       AND ($3::timestamptz IS NULL OR (s.scheduled_at, s.sequence) > ($3, $4::bigint))
     ORDER BY s.scheduled_at, s.sequence LIMIT $5`,
    [flag.id, status ?? null, after?.[0] ?? null, after?.[1] ?? null, limit + 1],
  )
  return page(rows, limit, toSchedule, (row) => [row.scheduled_at.toISOString(), row.sequence])
}

export interface ScheduleProgress {
  schedule: FlagSchedule
  flagId: string
  /** Milliseconds until it is due by the database's clock; negative when it is overdue. */
  dueInMs: number
}

/** A schedule and how far away its due time is; undefined when its row is gone. */
export async function readProgress(db: Database, scheduleId: string): Promise<ScheduleProgress | undefined> {
  const [row] = await query<ScheduleRow & { due_in_ms: number }>(
    db,
    `SELECT ${SCHEDULE_COLUMNS}, (extract(epoch FROM s.scheduled_at - clock_timestamp()) * 1000)::float8 AS due_in_ms
     FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE s.id = $1`,
    [scheduleId],
  )
  return row && { schedule: toSchedule(row), flagId: row.flag_id, dueInMs: row.due_in_ms }
}

/** @throws Problem `flag-not-found`, `flag-archived`, `schedule-in-past`, `schedule-out-of-order` */
export async function createSchedule(tx: Transaction, address: FlagAddress, input: NewSchedule): Promise<FlagSchedule> {
  const locked = await lockFlag(tx, address)
  refuseArchived(locked.flag)
  const scheduledAt = new Date(input.scheduledAt)
  // Its sequence will be higher than any that was given out, so at the watermark's own instant it still comes after.
  refuseDueTime(scheduledAt, Number.POSITIVE_INFINITY, locked)
  const [row] = await tx.query<ScheduleRow>(
    `WITH s AS (INSERT INTO feature_flag_schedules (flag_id, scheduled_at, updates, comment, created_by)
       VALUES ($1, $2, $3, $4, $5) RETURNING *)
     SELECT ${SCHEDULE_COLUMNS} FROM s, feature_flags f WHERE f.id = s.flag_id`,
    [locked.flag.id, scheduledAt, JSON.stringify(input.updates), input.comment ?? null, tx.origin.actor],
  )
  const schedule = toSchedule(row as ScheduleRow)
  emitScheduleEvent(tx, 'schedule-created', locked.flag.id, null, schedule)
  enqueueNudge(tx, 'schedule', schedule)
  return schedule
}

/**
 * Moves or changes a pending schedule. `expectedVersion` is the caller's If-Match.
 *
 * @throws Problem `…-not-found`, `schedule-applied`, `-failed`, `-cancelled`, `-in-past`, `-out-of-order`, `revision-mismatch`
 */
export async function editSchedule(
  tx: Transaction,
  address: ScheduleAddress,
  edit: ScheduleEdit,
  expectedVersion?: number,
): Promise<FlagSchedule> {
  const { locked, row, schedule } = await lockSchedule(tx, address)
  refuseFinal(schedule)
  if (expectedVersion !== undefined && expectedVersion !== schedule.version) {
    throw new Problem(
      'revision-mismatch',
      `The schedule is at version ${schedule.version}. Read it again, then decide.`,
      {
        fields: [{ field: 'header.if-match', message: `must be "${schedule.version}", its ETag as it is now` }],
        members: { version: schedule.version },
      },
    )
  }
  const scheduledAt = edit.scheduledAt ? new Date(edit.scheduledAt) : row.scheduled_at
  if (scheduledAt.getTime() !== row.scheduled_at.getTime()) refuseDueTime(scheduledAt, row.sequence, locked)
  return await writePending(tx, 'schedule-updated', schedule, locked.flag, {
    status: 'pending',
    scheduledAt,
    updates: edit.updates ?? schedule.updates,
    comment: edit.comment ?? schedule.comment,
  })
}

/**
 * Cancels a pending schedule: when this returns, it will never be applied.
 *
 * @throws Problem `…-not-found`, `schedule-applied` (with when and at which revision), `-failed`, `-cancelled`
 */
export async function cancelSchedule(tx: Transaction, address: ScheduleAddress): Promise<FlagSchedule> {
  const { locked, row, schedule } = await lockSchedule(tx, address)
  refuseFinal(schedule)
  return await writePending(tx, 'schedule-cancelled', schedule, locked.flag, {
    status: 'cancelled',
    scheduledAt: row.scheduled_at,
    updates: schedule.updates,
    comment: schedule.comment,
  })
}

/** Cancels what is pending on a flag that the caller has locked. */
export async function cancelPendingOfFlag(tx: Transaction, flag: Flag): Promise<void> {
  const rows = await tx.query<ScheduleRow>(
    `WITH s AS (UPDATE feature_flag_schedules SET status = 'cancelled', version = version + 1, updated_at = clock_timestamp()
       WHERE flag_id = $1 AND status = 'pending' RETURNING *)
     SELECT ${SCHEDULE_COLUMNS} FROM s, feature_flags f WHERE f.id = s.flag_id ORDER BY s.scheduled_at, s.sequence`,
    [flag.id],
  )
  for (const schedule of rows.map(toSchedule)) {
    emitScheduleEvent(tx, 'schedule-cancelled', flag.id, { ...schedule, status: 'pending' }, schedule)
    enqueueNudge(tx, schedule.id, schedule)
  }
}

/** Sends a schedule's workflow on its way again; `because` tells one repair from another. */
export function enqueueNudge(tx: Transaction, key: string, schedule: FlagSchedule, because = ''): void {
  const { id: scheduleId, flagKey, environment, scheduledAt, version } = schedule
  tx.enqueueTriggerTask(
    key,
    nudgeFlagSchedule,
    { scheduleId, flagKey, environment, scheduledAt },
    { idempotencyKey: `flag-schedule/${scheduleId}/${version}${because}` },
  )
}

async function lockSchedule(tx: Transaction, address: ScheduleAddress) {
  const { scheduleId, environment, flagKey } = address
  const locked =
    environment !== undefined && flagKey !== undefined
      ? await lockFlag(tx, { environment, flagKey })
      : await lockFlag(tx, await flagOf(tx, scheduleId))
  const [row] = await tx.query<ScheduleRow>(
    `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE s.id = $1 AND s.flag_id = $2 FOR UPDATE OF s`,
    [scheduleId, locked.flag.id],
  )
  if (!row) throw scheduleNotFound(scheduleId)
  return { locked, row, schedule: toSchedule(row) }
}

async function flagOf(tx: Transaction, scheduleId: string): Promise<FlagAddress> {
  const [flag] = await tx.query<FlagAddress>(
    `SELECT f.environment, f.key AS "flagKey" FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE s.id = $1`,
    [scheduleId],
  )
  if (!flag) throw scheduleNotFound(scheduleId)
  return flag
}

async function writePending(
  tx: Transaction,
  type: 'schedule-updated' | 'schedule-cancelled',
  before: FlagSchedule,
  flag: Flag,
  wanted: { status: ScheduleStatus; scheduledAt: Date; updates: FlagSchedule['updates']; comment: string | null },
): Promise<FlagSchedule> {
  const [row] = await tx.query<ScheduleRow>(
    `WITH s AS (UPDATE feature_flag_schedules SET status = $2, scheduled_at = $3, updates = $4, comment = $5,
         version = version + 1, updated_at = clock_timestamp()
       WHERE id = $1 AND status = 'pending' RETURNING *)
     SELECT ${SCHEDULE_COLUMNS} FROM s, feature_flags f WHERE f.id = s.flag_id`,
    [before.id, wanted.status, wanted.scheduledAt, JSON.stringify(wanted.updates), wanted.comment],
  )
  const after = toSchedule(row as ScheduleRow)
  emitScheduleEvent(tx, type, flag.id, before, after)
  enqueueNudge(tx, 'schedule', after)
  return after
}

function emitScheduleEvent(
  tx: Transaction,
  type: 'schedule-created' | 'schedule-updated' | 'schedule-cancelled',
  flagId: string,
  before: FlagSchedule | null,
  after: FlagSchedule,
): void {
  const { id: scheduleId, flagKey, environment } = after
  tx.emitEvent({
    type,
    environment,
    flagKey,
    flagId,
    scheduleId,
    data: { before: before && seen(before), after: seen(after) },
  })
}

function seen({ scheduledAt, status, updates, comment, version }: FlagSchedule) {
  return { scheduledAt, status, updates, comment, version }
}
