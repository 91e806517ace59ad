import type { Flag } from '../domain/flag.ts'
import { refuseMember } from '../domain/flag-release.ts'
import type { FlagSchedule, NewSchedule, ScheduleEdit, ScheduleStatus } from '../domain/flag-schedule.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { Problem } from '../domain/problems.ts'
import { refuseDueTime, refuseFinal } from '../domain/schedule-refusals.ts'
import { changeRequestRequired, type Gate } from './change-request-gate.ts'
import { type Database, query } from './database.ts'
import { type FlagAddress, getFlag, type LockedFlag, lockFlag, refuseArchived } from './flags.ts'
import { DUE_CURSOR, type Page, type PageRequest, page, readCursor } from './page.ts'
import { makeNextOccurrences } from './recurrence-occurrences.ts'
import {
  type Guard,
  guardSchedule,
  keepAskedOrder,
  keepOrderOfDeferred,
  overrodeBy,
  type ScheduleGuards,
} from './schedule-guards.ts'
import { emitScheduleEvent, enqueueNudge, SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './schedule-rows.ts'
import { refuseUpdates } from './schedule-updates.ts'
import type { Transaction } from './transaction.ts'

/** A schedule by its id alone, as workflows know it, or within a flag, as paths name it. */
export type ScheduleAddress = { scheduleId: string } & Partial<FlagAddress>

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
  const after = readCursor(cursor, ...DUE_CURSOR)
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

/**
 * @throws Problem `flag-not-found`, `flag-archived`, `schedule-in-past`, `schedule-out-of-order`, and those of the guards:
 *   `frozen`, `too-many-schedules`, `schedule-conflict`
 */
export async function createSchedule(
  tx: Transaction,
  address: FlagAddress,
  input: NewSchedule,
  guards: ScheduleGuards = {},
): Promise<FlagSchedule> {
  const locked = await lockFlag(tx, address)
  await refuseNewSchedule(tx, locked, input)
  const { updates } = input
  const asked = { locked, scheduledAt: new Date(input.scheduledAt), updates, added: true, moved: true }
  const guard = await guardSchedule(tx, asked, guards)
  const [schedule] = await insertSchedules(tx, [{ ...input, ...placedBy(guard, locked) }], () => 'schedule')
  return warned(schedule as FlagSchedule, guard)
}

/** What `insertSchedules` is to make, where the guards let it go. */
export function placedBy(guard: Guard, { flag }: LockedFlag) {
  const { scheduledAt, deferredFrom, freezeId } = guard
  return { flagId: flag.id, scheduledAt: scheduledAt.toISOString(), deferredFrom, freezeId, note: overrodeBy(guard) }
}

export function warned(schedule: FlagSchedule, { warnings }: Guard): FlagSchedule {
  return warnings.length > 0 ? { ...schedule, warnings } : schedule
}

type Made = NewSchedule & { flagId: string; releaseId?: string } & Partial<Pick<Guard, 'deferredFrom' | 'freezeId'>> & {
    /** What its event says beside it. */
    note?: Record<string, unknown>
  }

/**
 * What may not be scheduled on a flag that the caller has locked.
 *
 * @throws Problem `change-request-required`, `flag-archived`, `schedule-in-past`, `schedule-out-of-order`, and those of `refuseUpdates`
 */
export async function refuseNewSchedule(tx: Transaction, locked: LockedFlag, asked: NewSchedule): Promise<void> {
  if (locked.gated) throw changeRequestRequired(locked.flag.environment)
  refuseArchived(locked.flag)
  // Its sequence will be higher than any that was given out, so at the watermark's own instant it still comes after.
  refuseDueTime(new Date(asked.scheduledAt), Number.POSITIVE_INFINITY, locked)
  await refuseUpdates(tx, locked.flag, asked.updates)
}

/**
 * Makes schedules on flags that the caller has locked, in one statement, with their events and nudges. Their sequence, and so
 * their order when they are due at once, is that of `made`; so is that of the result. `keyOf` names their nudges.
 */
export async function insertSchedules(
  tx: Transaction,
  made: Made[],
  keyOf: (schedule: FlagSchedule) => string,
): Promise<FlagSchedule[]> {
  const rows = await tx.query<ScheduleRow>(
    `WITH s AS (INSERT INTO feature_flag_schedules (flag_id, scheduled_at, updates, comment, deferred_from, freeze_id,
         release_id, created_by)
       SELECT n."flagId", n."scheduledAt", n.updates, n.comment, n."deferredFrom", n."freezeId", n."releaseId", $2
       FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS ("flagId" uuid, "scheduledAt" timestamptz, updates jsonb,
         comment text, "deferredFrom" timestamptz, "freezeId" uuid, "releaseId" uuid)) WITH ORDINALITY AS n
       ORDER BY n.ordinality RETURNING *)
     SELECT ${SCHEDULE_COLUMNS} FROM s JOIN feature_flags f ON f.id = s.flag_id ORDER BY s.sequence`,
    [
      JSON.stringify(made.map((one) => ({ ...one, scheduledAt: new Date(one.scheduledAt).toISOString() }))),
      tx.origin.actor,
    ],
  )
  await keepOrderOfDeferred(tx, rows)
  return rows.map((row, i) => {
    const schedule = toSchedule(row)
    emitScheduleEvent(tx, 'schedule-created', row.flag_id, null, schedule, undefined, made[i]?.note)
    enqueueNudge(tx, keyOf(schedule), schedule)
    return schedule
  })
}

/**
 * Moves or changes a pending schedule. `expectedVersion` is the caller's If-Match.
 *
 * @throws Problem `…-not-found`, `schedule-applied`, `-failed`, `-cancelled`, `-part-of-release`, `-in-past`, `-out-of-order`,
 *   `revision-mismatch`, and those of the guards: `frozen`, `schedule-conflict`
 */
export async function editSchedule(
  tx: Transaction,
  address: ScheduleAddress,
  edit: ScheduleEdit,
  expectedVersion?: number,
  guards: ScheduleGuards = {},
): Promise<FlagSchedule> {
  const { locked, row, schedule } = await lockSchedule(tx, address)
  refuseFinal('schedule', schedule)
  refuseMember(schedule)
  requireCurrent('The schedule', { version: schedule.version }, expectedVersion)
  const scheduledAt = edit.scheduledAt ? new Date(edit.scheduledAt) : row.scheduled_at
  const moved = scheduledAt.getTime() !== row.scheduled_at.getTime()
  if (moved) refuseDueTime(scheduledAt, row.sequence, locked)
  if (edit.updates) await refuseUpdates(tx, locked.flag, edit.updates)
  const updates = edit.updates ?? schedule.updates
  const asked = { locked, scheduledAt, updates, id: row.id, added: false, moved }
  const guard = moved || edit.updates ? await guardSchedule(tx, asked, guards) : undefined
  const wanted = {
    status: 'pending' as const,
    scheduledAt: guard?.scheduledAt ?? scheduledAt,
    updates,
    comment: edit.comment ?? schedule.comment,
    ...(moved && { guard }),
  }
  const after = await writePending(tx, 'schedule-updated', schedule, locked.flag, wanted)
  return guard ? warned(after, guard) : after
}

/**
 * Cancels a pending schedule: when this returns, it will never be applied.
 *
 * @throws Problem `…-not-found`, `schedule-applied` (with when and at which revision), `-failed`, `-cancelled`,
 *   `-part-of-release`
 */
export async function cancelSchedule(tx: Transaction, address: ScheduleAddress): Promise<FlagSchedule> {
  const { locked, row, schedule } = await lockSchedule(tx, address, { gated: false })
  refuseFinal('schedule', schedule)
  refuseMember(schedule)
  const cancelled = await writePending(tx, 'schedule-cancelled', schedule, locked.flag, {
    status: 'cancelled',
    scheduledAt: row.scheduled_at,
    updates: schedule.updates,
    comment: schedule.comment,
  })
  // Only this occurrence is skipped.
  if (row.recurrence_id) await makeNextOccurrences(tx, [row.recurrence_id])
  return cancelled
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

export async function lockSchedule(tx: Transaction, address: ScheduleAddress, gate?: Gate) {
  const { scheduleId, environment, flagKey } = address
  const locked =
    environment !== undefined && flagKey !== undefined
      ? await lockFlag(tx, { environment, flagKey }, gate)
      : await lockFlag(tx, await flagOf(tx, scheduleId), gate)
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

/** Writes a pending schedule that the caller has locked with its flag; `why` is kept with the event. */
export async function writePending(
  tx: Transaction,
  type: 'schedule-updated' | 'schedule-cancelled',
  before: FlagSchedule,
  flag: Flag,
  wanted: {
    status: ScheduleStatus
    scheduledAt: Date
    updates: FlagSchedule['updates']
    comment: string | null
    /** Of one that has been moved. */
    guard?: Guard | undefined
  },
  why?: string,
): Promise<FlagSchedule> {
  const { guard } = wanted
  const [row] = await tx.query<ScheduleRow>(
    `WITH s AS (UPDATE feature_flag_schedules SET status = $2, scheduled_at = $3, updates = $4, comment = $5,
         deferred_from = CASE WHEN $6 THEN $7 ELSE deferred_from END, freeze_id = CASE WHEN $6 THEN $8 ELSE freeze_id END,
         version = version + 1, updated_at = clock_timestamp()
       WHERE id = $1 AND status = 'pending' RETURNING *)
     SELECT ${SCHEDULE_COLUMNS} FROM s, feature_flags f WHERE f.id = s.flag_id`,
    [
      before.id,
      wanted.status,
      wanted.scheduledAt,
      JSON.stringify(wanted.updates),
      wanted.comment,
      guard !== undefined,
      guard?.deferredFrom ?? null,
      guard?.freezeId ?? null,
    ],
  )
  if (guard?.deferredFrom) await keepAskedOrder(tx, [flag.id], guard.scheduledAt)
  const after = toSchedule(row as ScheduleRow)
  emitScheduleEvent(tx, type, flag.id, before, after, why, guard && overrodeBy(guard))
  enqueueNudge(tx, 'schedule', after)
  return after
}
