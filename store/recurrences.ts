import type { Flag } from '../domain/flag.ts'
import type { NewRecurrence, Recurrence } from '../domain/flag-recurrence.ts'
import { Problem } from '../domain/problems.ts'
import { nextOccurrences, type Occurrence } from '../domain/recurrence.ts'
import type { Gate } from './change-request-gate.ts'
import { type Database, query } from './database.ts'
import { writePending } from './flag-schedules.ts'
import { type FlagAddress, getFlag, lockFlag, refuseArchived } from './flags.ts'
import { type Page, type PageRequest, page, readCursor, UUID_CURSOR } from './page.ts'
import {
  endRecurrence,
  laterOf,
  makeNextOccurrences,
  RECURRENCE_COLUMNS,
  type RecurrenceRow,
  ruleOf,
  toRecurrence,
} from './recurrence-occurrences.ts'
import { SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './schedule-rows.ts'
import { refuseUpdates } from './schedule-updates.ts'
import type { Transaction } from './transaction.ts'

export type RecurrenceAddress = FlagAddress & { recurrenceId: string }

const FROM = 'FROM flag_schedule_recurrences r JOIN feature_flags f ON f.id = r.flag_id'
const SHOWN = 5

/**
 * A recurrence with its next five occurrences, the pending one first, as the rule gives them.
 *
 * @throws Problem `flag-not-found`, `recurrence-not-found`
 */
export async function getRecurrence(
  db: Database,
  { recurrenceId, ...address }: RecurrenceAddress,
): Promise<Recurrence & { nextOccurrences: Occurrence[] }> {
  const flag = await getFlag(db, address)
  const [row] = await query<RecurrenceRow & { now: Date }>(
    db,
    `SELECT ${RECURRENCE_COLUMNS}, clock_timestamp() AS now ${FROM} WHERE r.id = $1 AND r.flag_id = $2`,
    [recurrenceId, flag.id],
  )
  if (!row) throw notFound(recurrenceId)
  const waiting = row.pending_id !== null
  const rule = { ...ruleOf(row), made: waiting ? row.made - 1 : row.made }
  const after = waiting ? justBefore(row.through_at) : laterOf(row.through_at, row.now)
  return { ...toRecurrence(row), nextOccurrences: row.status === 'ended' ? [] : nextOccurrences(rule, after, SHOWN) }
}

/** Recurrences of a flag, oldest first. @throws Problem `flag-not-found` */
export async function listRecurrences(
  db: Database,
  { limit, cursor, ...address }: PageRequest & FlagAddress,
): Promise<Page<Recurrence>> {
  const [after] = readCursor(cursor, UUID_CURSOR) ?? []
  const flag = await getFlag(db, address)
  const rows = await query<RecurrenceRow>(
    db,
    `SELECT ${RECURRENCE_COLUMNS} ${FROM} WHERE r.flag_id = $1 AND ($2::uuid IS NULL OR r.id > $2) ORDER BY r.id LIMIT $3`,
    [flag.id, after ?? null, limit + 1],
  )
  return page(rows, limit, toRecurrence, (row) => [row.id])
}

/**
 * Makes a recurrence and its first occurrence, which is after now and after what the flag has applied.
 *
 * @throws Problem `flag-not-found`, `flag-archived`, `recurrence-empty`, and those of `refuseUpdates`
 */
export async function createRecurrence(
  tx: Transaction,
  address: FlagAddress,
  { recurrence: rule, updates, comment, catchUp }: NewRecurrence,
): Promise<Recurrence> {
  const { flag, now, appliedThrough } = await lockFlag(tx, address)
  refuseArchived(flag)
  await refuseUpdates(tx, flag, updates)
  const [made] = await tx.query<{ id: string }>(
    `INSERT INTO flag_schedule_recurrences (flag_id, cron, time_zone, gap, overlap, until, count, catch_up, updates, comment,
       through_at, before_at, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12) RETURNING id`,
    [
      flag.id,
      rule.cron,
      rule.timeZone,
      rule.gap,
      rule.overlap,
      rule.until ? new Date(rule.until) : null,
      rule.count ?? null,
      catchUp,
      JSON.stringify(updates),
      comment ?? null,
      laterOf(now, appliedThrough?.at),
      tx.origin.actor,
    ],
  )
  const { id } = made as { id: string }
  await makeNextOccurrences(tx, [id])
  const row = await readRecurrence(tx, id)
  if (row.status === 'ended') throw empty(row)
  return await finish(tx, 'recurrence-created', null, id)
}

/**
 * Pauses: the pending occurrence is cancelled, and made on resuming if `catchUp` says so. Again, it changes nothing.
 *
 * @throws Problem `flag-not-found`, `recurrence-not-found`, `recurrence-ended`
 */
export async function pauseRecurrence(tx: Transaction, address: RecurrenceAddress): Promise<Recurrence> {
  const { locked, row } = await lockRecurrence(tx, address, { gated: false })
  if (row.status === 'paused') return toRecurrence(row)
  const pending = await pendingOf(tx, row)
  if (pending) await cancelPending(tx, pending, locked.flag, 'its recurrence was paused')
  await tx.query(
    `UPDATE flag_schedule_recurrences SET status = 'paused', made = $2, through_at = $3, version = version + 1,
       updated_at = clock_timestamp()
     WHERE id = $1`,
    [row.id, pending ? row.made - 1 : row.made, pending ? justBefore(row.through_at) : row.through_at],
  )
  return await finish(tx, 'recurrence-paused', row, row.id)
}

/**
 * Goes on after a pause; what was missed is made as `catchUp` says. An active one stays as it is.
 *
 * @throws Problem `flag-not-found`, `flag-archived`, `recurrence-not-found`, `recurrence-ended`
 */
export async function resumeRecurrence(tx: Transaction, address: RecurrenceAddress): Promise<Recurrence> {
  const { locked, row } = await lockRecurrence(tx, address)
  if (row.status === 'active') return toRecurrence(row)
  refuseArchived(locked.flag)
  await tx.query(
    `UPDATE flag_schedule_recurrences SET status = 'active', version = version + 1, updated_at = clock_timestamp() WHERE id = $1`,
    [row.id],
  )
  await makeNextOccurrences(tx, [row.id])
  return await finish(tx, 'recurrence-resumed', row, row.id)
}

/**
 * Skips the next occurrence: it is cancelled, and the one after it is made.
 *
 * @throws Problem `flag-not-found`, `recurrence-not-found`, `recurrence-ended`, `recurrence-paused`
 */
export async function skipOccurrence(tx: Transaction, address: RecurrenceAddress): Promise<Recurrence> {
  const { locked, row } = await lockRecurrence(tx, address, { gated: false })
  if (row.status === 'paused') {
    throw new Problem('recurrence-paused', 'It has no next occurrence while it is paused. Resume it first.')
  }
  const pending = await pendingOf(tx, row)
  if (pending) await cancelPending(tx, pending, locked.flag, 'this occurrence was skipped')
  await makeNextOccurrences(tx, [row.id])
  return toRecurrence(await readRecurrence(tx, row.id))
}

/**
 * Ends a recurrence and cancels its pending occurrence: when this returns, it will never occur again.
 *
 * @throws Problem `flag-not-found`, `recurrence-not-found`, `recurrence-ended`
 */
export async function deleteRecurrence(tx: Transaction, address: RecurrenceAddress): Promise<Recurrence> {
  const { locked, row } = await lockRecurrence(tx, address, { gated: false })
  const pending = await pendingOf(tx, row)
  if (pending) await cancelPending(tx, pending, locked.flag, 'its recurrence was ended')
  await endRecurrence(tx, row, 'it was ended')
  return toRecurrence(await readRecurrence(tx, row.id))
}

/** Locks the flag, then reads a recurrence that has not ended. @throws Problem `…-not-found`, `recurrence-ended` */
export async function lockRecurrence(tx: Transaction, { recurrenceId, ...address }: RecurrenceAddress, gate?: Gate) {
  const locked = await lockFlag(tx, address, gate)
  const row = await readRecurrence(tx, recurrenceId, locked.flag)
  if (row.status === 'ended') {
    throw new Problem('recurrence-ended', `It ended at ${row.updated_at.toISOString()}. Create it anew.`, {
      members: { endedAt: row.updated_at.toISOString() },
    })
  }
  return { locked, row }
}

/** @throws Problem `recurrence-not-found`, also for one of another flag than the one given */
export async function readRecurrence(tx: Transaction, id: string, flag?: Flag): Promise<RecurrenceRow> {
  const [row] = await tx.query<RecurrenceRow>(
    `SELECT ${RECURRENCE_COLUMNS} ${FROM} WHERE r.id = $1 AND ($2::uuid IS NULL OR r.flag_id = $2)`,
    [id, flag?.id ?? null],
  )
  if (!row) throw notFound(id)
  return row
}

/** The pending occurrence under its lock, which comes after that of the flag. */
export async function pendingOf(tx: Transaction, row: RecurrenceRow): Promise<ScheduleRow | undefined> {
  const [pending] = await tx.query<ScheduleRow>(
    `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE s.recurrence_id = $1 AND s.status = 'pending' FOR UPDATE OF s`,
    [row.id],
  )
  return pending
}

/** Cancels a pending occurrence, and says why. */
export async function cancelPending(tx: Transaction, pending: ScheduleRow, flag: Flag, why: string): Promise<void> {
  const { scheduled_at: scheduledAt, updates, comment } = pending
  const wanted = { status: 'cancelled' as const, scheduledAt, updates, comment }
  await writePending(tx, 'schedule-cancelled', toSchedule(pending), flag, wanted, why)
}

/** Reads what was written, and says so. */
export async function finish(
  tx: Transaction,
  type: 'recurrence-created' | 'recurrence-updated' | 'recurrence-paused' | 'recurrence-resumed',
  before: RecurrenceRow | null,
  id: string,
): Promise<Recurrence> {
  const row = await readRecurrence(tx, id)
  const after = toRecurrence(row)
  const { environment, flagKey } = after
  const data = { recurrenceId: id, before: before && seen(toRecurrence(before)), after: seen(after) }
  tx.emitEvent({ type, environment, flagKey, flagId: row.flag_id, data })
  return after
}

function seen({ recurrence, updates, comment, catchUp, status, made, version }: Recurrence) {
  return { recurrence, updates, comment, catchUp, status, made, version }
}

/** So that a search after it finds the instant itself. */
export function justBefore(at: Date): Date {
  return new Date(at.getTime() - 1)
}

function notFound(id: string): Problem {
  return new Problem('recurrence-not-found', `There is no recurrence "${id}" here.`)
}

function empty({ through_at, until }: RecurrenceRow): Problem {
  const from = through_at.toISOString()
  const why = `It has no occurrence after ${from}${until ? ' and until its end' : ''} that no freeze refuses.`
  return new Problem('recurrence-empty', why, {
    fields: [
      {
        field: 'recurrence.until',
        message: 'must be at or after its first occurrence outside of freezes; see …/recurrences/preview',
      },
    ],
  })
}
