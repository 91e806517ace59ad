import { refuseMember } from '../domain/flag-release.ts'
import { type FlagSchedule, LATEST_DUE } from '../domain/flag-schedule.ts'
import { Problem, type Refusal } from '../domain/problems.ts'
import {
  BULK_MATCHED,
  type BulkCancel,
  type BulkCreate,
  type BulkItem,
  type BulkShift,
  type ScheduleFilter,
} from '../domain/schedule-bulk.ts'
import { refuseDueTime } from '../domain/schedule-refusals.ts'
import { insertSchedules, placedBy, refuseNewSchedule, warned } from './flag-schedules.ts'
import { type FlagAddress, flagNotFound, type LockedFlag, lockFlags } from './flags.ts'
import { makeNextOccurrences } from './recurrence-occurrences.ts'
import { type Guard, guardSchedules, keepOrderOfDeferred, overrodeBy, type ScheduleGuards } from './schedule-guards.ts'
import { emitScheduleEvent, enqueueNudge, SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './schedule-rows.ts'
import { whereOf } from './schedule-search.ts'
import type { Transaction } from './transaction.ts'

/** Schedules and refusals that an answer shows at most, of those that a filter met. */
const SHOWN = 100

/** What became of one item of a request. It survives JSON, as what an Idempotency-Key remembers must. */
export type BulkResult = { index: number; schedule: FlagSchedule } | { index: number; problem: Refusal }

/**
 * Makes schedules of many flags; their order in the request decides between those of a flag that are due at once. Returns one
 * result an item, in that order.
 *
 * @throws Problem when `mode` is `all` and one cannot be made: `change-request-required`, else `bulk-refused`, with what is wrong
 * with each
 */
export async function createSchedules(
  tx: Transaction,
  { mode, items }: BulkCreate,
  guards: ScheduleGuards = {},
): Promise<BulkResult[]> {
  const found = await lockFlags(tx, items, { each: mode === 'each' })
  const flags = new Map(found.map((locked) => [nameOf(locked.flag.environment, locked.flag.key), locked]))
  const refused: { index: number; problem: Refusal }[] = []
  const accepted: { item: BulkItem; index: number; locked: LockedFlag }[] = []
  for (const [index, item] of items.entries()) {
    const locked = flags.get(nameOf(item.environment, item.flagKey))
    const checked = locked ? refuseNewSchedule(tx, locked, item) : Promise.reject(flagNotFound(item))
    const problem = await checked.catch(toProblem)
    if (problem) refused.push({ index, problem: ofItem(problem, index) })
    else if (locked) accepted.push({ item, index, locked })
  }
  const asked = accepted.map(({ item: { scheduledAt, updates }, locked }) => {
    return { locked, scheduledAt: new Date(scheduledAt), updates, added: true, moved: true }
  })
  const placed = await guardSchedules(tx, asked, guards)
  const making = accepted.flatMap((one, i) => {
    const guard = placed[i] as Guard | Problem
    if (!(guard instanceof Problem)) return [{ ...one, guard }]
    refused.push({ index: one.index, problem: ofItem(guard, one.index) })
    return []
  })
  refused.sort(byIndex)
  if (mode === 'all' && refused.length > 0) {
    throw new Problem('bulk-refused', `${refused.length} of ${items.length} schedules cannot be made, so none was.`, {
      fields: refused.flatMap(({ problem }) => problem.fields),
      members: {
        refusals: refused.map(({ index, problem }) => ({ index, code: problem.code, detail: problem.message })),
      },
    })
  }
  const news = making.map(({ item: { updates, comment }, guard, locked }) => {
    return { updates, comment, ...placedBy(guard, locked) }
  })
  const made = news.length > 0 ? await insertSchedules(tx, news, ({ id }) => id) : []
  const results = making.map(({ index, guard }, i) => ({ index, schedule: warned(made[i] as FlagSchedule, guard) }))
  return [...refused, ...results].sort(byIndex)
}

export interface BulkOutcome {
  dryRun: boolean
  /** Pending schedules that the filter means. */
  matched: number
  /** Of them, those that were changed; in a dry run, those that would be. */
  changed: number
  /** The first 100 of them as they are then, in the order in which they are due. */
  schedules: FlagSchedule[]
  /** Schedules because of which nothing would be changed; only in a dry run. */
  refused: number
  /** The first 100 of them. */
  refusals: ({ scheduleId: string; code: string; detail: string } & FlagAddress)[]
}

/**
 * Cancels the pending schedules that a filter means, or the first `limit` of them; all or none.
 *
 * @throws Problem `filter-too-wide`; `bulk-refused`, with what is wrong with each, when one of them belongs to a release
 */
export async function cancelSchedules(tx: Transaction, { filter, limit, dryRun }: BulkCancel): Promise<BulkOutcome> {
  const { rows } = await lockMatching(tx, filter, dryRun, false)
  const chosen = rows.slice(0, limit)
  const refusals = refusalsOf(chosen, (row) => refuseMember({ releaseId: row.release_id, status: row.status }))
  if (refusals.length > 0) {
    const fields = [{ field: 'filter', message: 'must not match schedules that belong to a release; see refusals' }]
    return refuseAll(dryRun, rows, refusals, 'cancelled', fields)
  }
  const cancelling = chosen.map((row) => toSchedule({ ...row, status: 'cancelled' }))
  if (dryRun) return outcome(dryRun, rows, cancelling)
  const cancelled = await change(tx, 'schedule-cancelled', chosen)
  // Of a recurrence, only these occurrences are skipped.
  const recurrenceIds = chosen.flatMap(({ recurrence_id }) => recurrence_id ?? [])
  if (recurrenceIds.length > 0) await makeNextOccurrences(tx, recurrenceIds)
  return outcome(dryRun, rows, cancelled)
}

/**
 * Moves the pending schedules that a filter means, all or none.
 *
 * @throws Problem `filter-too-wide`; `bulk-refused`, with what is wrong with each, when one of them cannot be moved there
 */
export async function shiftSchedules(
  tx: Transaction,
  { filter, byMs, dryRun }: BulkShift,
  guards: ScheduleGuards = {},
): Promise<BulkOutcome> {
  const { rows, flags } = await lockMatching(tx, filter, dryRun)
  const asked = rows.map((row) => {
    const locked = flags.get(row.flag_id) as LockedFlag
    const scheduledAt = new Date(row.scheduled_at.getTime() + byMs)
    return { locked, scheduledAt, updates: row.updates, id: row.id, added: false, moved: true }
  })
  const placed = await guardSchedules(tx, asked, guards)
  const refusals = refusalsOf(rows, (row, i) => {
    const { locked, scheduledAt } = asked[i] as (typeof asked)[number]
    const guard = placed[i]
    refuseMember({ releaseId: row.release_id, status: row.status })
    if (!(scheduledAt.getTime() < LATEST_DUE)) throw tooLate()
    refuseDueTime(scheduledAt, row.sequence, locked)
    if (guard instanceof Problem) throw guard
  })
  if (refusals.length > 0) {
    const fields = [{ field: 'byMs', message: 'must not move a schedule to where it is refused; see refusals' }]
    return refuseAll(dryRun, rows, refusals, 'moved', fields)
  }
  const guarded = placed as Guard[]
  const moved = rows.map((row, i) => ({ ...row, ...placeOf(guarded[i] as Guard) }))
  if (dryRun)
    return outcome(
      dryRun,
      rows,
      moved.map((row, i) => warned(toSchedule(row), guarded[i] as Guard)),
    )
  return outcome(dryRun, rows, await change(tx, 'schedule-updated', rows, guarded))
}

function refusalsOf(rows: ScheduleRow[], check: (row: ScheduleRow, index: number) => void): BulkOutcome['refusals'] {
  return rows.flatMap((row, i) => {
    const { id: scheduleId, environment, flag_key: flagKey } = row
    try {
      check(row, i)
      return []
    } catch (error) {
      const { code, message: detail } = toProblem(error)
      return [{ scheduleId, environment, flagKey, code, detail }]
    }
  })
}

/** What a dry run says of refusals. @throws Problem `bulk-refused` when it is none */
function refuseAll(
  dryRun: boolean,
  rows: ScheduleRow[],
  refusals: BulkOutcome['refusals'],
  done: string,
  fields: Problem['fields'],
): BulkOutcome {
  const refused = refusals.length
  const shown = refusals.slice(0, SHOWN)
  if (dryRun) return { ...outcome(dryRun, rows, []), refused, refusals: shown }
  throw new Problem('bulk-refused', `${refused} of ${rows.length} schedules cannot be ${done}, so none was.`, {
    fields,
    members: { matched: rows.length, refused, refusals: shown },
  })
}

function placeOf({ scheduledAt, deferredFrom, freezeId }: Guard) {
  return { scheduled_at: scheduledAt, deferred_from: deferredFrom, freeze_id: freezeId }
}

function tooLate(): Problem {
  return new Problem('validation-failed', `It would not be due before ${new Date(LATEST_DUE).toISOString()}.`)
}

function outcome(dryRun: boolean, rows: ScheduleRow[], changed: FlagSchedule[]): BulkOutcome {
  return {
    dryRun,
    matched: rows.length,
    changed: changed.length,
    schedules: changed.slice(0, SHOWN),
    refused: 0,
    refusals: [],
  }
}

/**
 * The pending schedules that a filter means, in the order in which they are due, under the locks of their flags: those are
 * found first, then locked, and what is pending is read again. A dry run locks nothing, so that it makes nobody late.
 */
async function lockMatching(tx: Transaction, filter: ScheduleFilter, dryRun: boolean, gated = true) {
  const pending = { ...filter, status: 'pending' } as const
  const values: unknown[] = []
  const found = await tx.query<FlagAddress & { matched: number }>(
    `SELECT f.environment, f.key AS "flagKey", count(*)::integer AS matched
     FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE ${whereOf(pending, values)} GROUP BY f.id`,
    values,
  )
  refuseTooWide(found.reduce((sum, { matched }) => sum + matched, 0))
  const locked = await lockFlags(tx, found, { dryRun, gated })
  const flags = new Map(locked.map((flag) => [flag.flag.id, flag]))
  const again: unknown[] = [[...flags.keys()]]
  const rows = await tx.query<ScheduleRow>(
    `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE s.flag_id = ANY ($1::uuid[]) AND ${whereOf(pending, again)}
     ORDER BY s.scheduled_at, s.sequence ${dryRun ? '' : 'FOR UPDATE OF s'}`,
    again,
  )
  refuseTooWide(rows.length)
  return { rows, flags }
}

function refuseTooWide(matched: number): void {
  if (matched <= BULK_MATCHED) return
  throw new Problem('filter-too-wide', `${matched} schedules match; one request may change ${BULK_MATCHED}.`, {
    fields: [
      { field: 'filter', message: `must match at most ${BULK_MATCHED} pending schedules; narrow it, such as by dueTo` },
    ],
    members: { matched },
  })
}

/** Cancels `rows`, which the caller has locked, or moves them to where the guards let them, in one statement, with their events and nudges. */
async function change(
  tx: Transaction,
  type: 'schedule-updated' | 'schedule-cancelled',
  rows: ScheduleRow[],
  guards?: Guard[],
): Promise<FlagSchedule[]> {
  if (rows.length === 0) return []
  const wanted = rows.map((row, i) => ({ ...row, ...(guards?.[i] && placeOf(guards[i])) }))
  const after = await tx.query<ScheduleRow>(
    `WITH s AS (UPDATE feature_flag_schedules was SET status = $2, scheduled_at = n.scheduled_at,
         deferred_from = n.deferred_from, freeze_id = n.freeze_id, version = version + 1, updated_at = clock_timestamp()
       FROM jsonb_to_recordset($1::jsonb) AS n (id uuid, scheduled_at timestamptz, deferred_from timestamptz, freeze_id uuid)
       WHERE was.id = n.id AND was.status = 'pending' RETURNING was.*)
     SELECT ${SCHEDULE_COLUMNS} FROM s JOIN feature_flags f ON f.id = s.flag_id`,
    [
      JSON.stringify(
        wanted.map(({ id, scheduled_at, deferred_from, freeze_id }) => ({
          id,
          scheduled_at,
          deferred_from,
          freeze_id,
        })),
      ),
      type === 'schedule-cancelled' ? 'cancelled' : 'pending',
    ],
  )
  if (guards) await keepOrderOfDeferred(tx, after)
  const byId = new Map(after.map((row) => [row.id, row]))
  return rows.map((before, i) => {
    const schedule = toSchedule(byId.get(before.id) as ScheduleRow)
    const guard = guards?.[i]
    const note = guard && overrodeBy(guard)
    emitScheduleEvent(tx, type, before.flag_id, toSchedule(before), schedule, undefined, note)
    enqueueNudge(tx, schedule.id, schedule)
    return guard ? warned(schedule, guard) : schedule
  })
}

function nameOf(environment: string, flagKey: string): string {
  return `${environment}/${flagKey}`
}

function byIndex(one: { index: number }, other: { index: number }): number {
  return one.index - other.index
}

/** @throws what is none */
function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  throw error
}

/** A refusal of one item, with its fields as paths into the request. */
function ofItem({ code, message, fields, members }: Problem, index: number): Refusal {
  const own = fields.length > 0 ? fields : [{ field: 'flagKey', message }]
  const named = own.map(({ field, message }) => ({ field: `items.${index}.${field.replace(/^path\./, '')}`, message }))
  return { code, message, members, fields: named }
}
