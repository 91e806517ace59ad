import { isDeepStrictEqual } from 'node:util'
import type { Recurrence, RecurrenceEdit } from '../domain/flag-recurrence.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { nextOccurrences } from '../domain/recurrence.ts'
import { writePending } from './flag-schedules.ts'
import type { LockedFlag } from './flags.ts'
import { endRecurrence, laterOf, type RecurrenceRow, ruleOf, toRecurrence } from './recurrence-occurrences.ts'
import {
  cancelPending,
  finish,
  justBefore,
  lockRecurrence,
  pendingOf,
  type RecurrenceAddress,
  readRecurrence,
} from './recurrences.ts'
import { guardSchedule, keepOrderOfDeferred } from './schedule-guards.ts'
import { toSchedule } from './schedule-rows.ts'
import { refuseUpdates } from './schedule-updates.ts'
import type { Transaction } from './transaction.ts'

/**
 * Changes a recurrence from here on. Its pending occurrence changes with it: with the expression or the zone it moves to
 * the first time after now that they give; it is cancelled when the recurrence ends before it. An edit that changes nothing
 * leaves the version.
 *
 * @throws Problem `flag-not-found`, `recurrence-not-found`, `recurrence-ended`, `revision-mismatch`, `frozen`,
 *   and those of `refuseUpdates`
 */
export async function editRecurrence(
  tx: Transaction,
  address: RecurrenceAddress,
  edit: RecurrenceEdit,
  expectedVersion?: number,
): Promise<Recurrence> {
  const { locked, row } = await lockRecurrence(tx, address)
  requireCurrent('The recurrence', { version: row.version }, expectedVersion)
  if (edit.updates) await refuseUpdates(tx, locked.flag, edit.updates)
  const { until, ...rule } = edit.recurrence ?? {}
  const wanted: RecurrenceRow = {
    ...row,
    cron: rule.cron ?? row.cron,
    time_zone: rule.timeZone ?? row.time_zone,
    gap: rule.gap ?? row.gap,
    overlap: rule.overlap ?? row.overlap,
    until: until === undefined ? row.until : until === null ? null : new Date(until),
    count: rule.count === undefined ? row.count : rule.count,
    updates: edit.updates ?? row.updates,
    comment: edit.comment ?? row.comment,
    catch_up: edit.catchUp ?? row.catch_up,
  }
  if (isDeepStrictEqual(wanted, row)) return toRecurrence(row)
  const moves = (['cron', 'time_zone', 'gap', 'overlap'] as const).some((field) => wanted[field] !== row[field])
  const pending = await pendingOf(tx, row)
  // What an earlier rule missed is not made by a later one.
  if (moves && !pending) wanted.through_at = laterOf(row.through_at, locked.now)
  const rest = pending && restOf(wanted, locked, moves)
  if (rest) wanted.through_at = rest
  await tx.query(
    `UPDATE flag_schedule_recurrences SET cron = $2, time_zone = $3, gap = $4, overlap = $5, until = $6, count = $7,
       updates = $8, comment = $9, catch_up = $10, through_at = $11, version = version + 1, updated_at = clock_timestamp()
     WHERE id = $1`,
    [
      row.id,
      wanted.cron,
      wanted.time_zone,
      wanted.gap,
      wanted.overlap,
      wanted.until,
      wanted.count,
      JSON.stringify(wanted.updates),
      wanted.comment,
      wanted.catch_up,
      wanted.through_at,
    ],
  )
  if (pending && rest) {
    const { updates } = wanted
    const asked = { locked, scheduledAt: rest, updates, id: pending.id, added: false, moved: true }
    const guard = moves ? await guardSchedule(tx, asked, {}) : undefined
    await writePending(tx, 'schedule-updated', toSchedule(pending), locked.flag, {
      status: 'pending',
      scheduledAt: guard?.scheduledAt ?? pending.scheduled_at,
      updates,
      comment: wanted.comment,
      guard,
    })
    if (guard)
      await keepOrderOfDeferred(tx, [
        { flag_id: row.flag_id, scheduled_at: guard.scheduledAt, deferred_from: guard.deferredFrom },
      ])
  } else if (pending) {
    const why = 'its recurrence was edited and ends before it'
    await cancelPending(tx, pending, locked.flag, why)
    const after = await finish(tx, 'recurrence-updated', row, row.id)
    await endRecurrence(tx, { ...wanted, made: row.made }, why)
    return { ...after, ...toRecurrence(await readRecurrence(tx, row.id)) }
  }
  return await finish(tx, 'recurrence-updated', row, row.id)
}

/** Where the pending occurrence of an edited recurrence is now; undefined when there is none any more. */
function restOf(wanted: RecurrenceRow, { now, appliedThrough }: LockedFlag, moves: boolean): Date | undefined {
  const rule = { ...ruleOf(wanted), made: wanted.made - 1 }
  const after = moves ? laterOf(now, wanted.before_at, appliedThrough?.at) : justBefore(wanted.through_at)
  const [next] = nextOccurrences(rule, after, 1)
  return next && new Date(next.at)
}
