import type { ExpectedSchedule } from '../domain/flag-history.ts'
import type { FlagSchedule } from '../domain/flag-schedule.ts'
import type { Freeze } from '../domain/freeze.ts'
import { freezesSince } from './freeze-rows.ts'
import { following, laterOf, RECURRENCE_COLUMNS, type RecurrenceRow } from './recurrence-occurrences.ts'
import type { Transaction } from './transaction.ts'

/** So many occurrences that are not made yet are foreseen: 1,000 of every minute are 17 hours, and 0.1 s of work. */
export const FORESEEN = 1_000

/** What will make schedules of a flag, as it is under the flag's lock. */
export interface Recurring {
  rows: (RecurrenceRow & { applied_through_at: Date | null })[]
  freezes: Freeze[]
}

/** The active recurrences of a flag that the caller has locked, and the freezes that are ahead of them. */
export async function readRecurring(tx: Transaction, flagId: string): Promise<Recurring> {
  const rows = await tx.query<Recurring['rows'][number]>(
    `SELECT ${RECURRENCE_COLUMNS}, f.applied_through_at
     FROM flag_schedule_recurrences r JOIN feature_flags f ON f.id = r.flag_id
     WHERE r.flag_id = $1 AND r.status = 'active' AND f.archived_at IS NULL ORDER BY r.id`,
    [flagId],
  )
  const [first] = rows
  if (!first) return { rows, freezes: [] }
  const since = new Date(Math.min(...rows.map(({ through_at }) => through_at.getTime())))
  return { rows, freezes: await freezesSince(tx, [first.environment], since) }
}

export interface Foreseen {
  /** In the order in which they will be applied. */
  schedules: ExpectedSchedule[]
  /** How many of these are occurrences that are not made yet. */
  occurrences: number
  /** All that is due until here is among them: the instant asked for, or an earlier one where the limit was reached. */
  until: Date
}

/**
 * What is applied to a flag until an instant, if nobody changes anything and all is applied in time: its pending schedules, in
 * the order (due time, sequence), and the occurrences that its recurrences make as each one before is applied.
 */
export function foresee(
  pending: FlagSchedule[],
  { rows, freezes }: Recurring,
  now: Date,
  until: Date,
  limit = FORESEEN,
): Foreseen {
  const recurrences = new Map(rows.map((row) => [row.id, { ...row }]))
  const schedules: ExpectedSchedule[] = []
  const made = (id: string, after: Date | null, clock: Date) => {
    const row = recurrences.get(id)
    const next = row && following({ ...row, applied_through_at: after, now: clock }, freezes)
    return row && next && 'at' in next ? [{ row, ...next }] : []
  }
  const makeNext = (ids: string[], after: Date | null, clock: Date): ExpectedSchedule[] =>
    ids
      .flatMap((id) => made(id, after, clock))
      // As they are inserted: it is their order where two are due at one instant.
      .sort((a, b) => compare(a.at, b.at) || compare(a.row.id, b.row.id))
      .map(({ row, at, deferred }) => {
        row.made++
        row.through_at = new Date(at)
        const { updates, created_by: createdBy, id: recurrenceId } = row
        const [scheduledAt, deferredFrom] = deferred ? [deferred.to, at] : [at, null]
        return { id: null, scheduledAt, deferredFrom, updates, createdBy, recurrenceId, releaseId: null }
      })
      .filter(({ scheduledAt }) => Date.parse(scheduledAt) <= until.getTime())

  let applied = rows[0]?.applied_through_at ?? null
  let expected = makeNext(
    rows.flatMap(({ id, pending_id }) => (pending_id ? [] : id)),
    applied,
    now,
  )
  let occurrences = 0
  let clock = now.toISOString()
  for (let read = 0; ; ) {
    const [first] = [pending[read], ...expected].flatMap((one) => one?.scheduledAt ?? []).sort()
    if (!first) return { schedules, occurrences, until }
    if (expected.length > 0 && occurrences >= limit) {
      return { schedules, occurrences, until: new Date(schedules.at(-1)?.scheduledAt ?? now) }
    }
    if (clock < first) clock = first
    const isDue = ({ scheduledAt }: ExpectedSchedule) => scheduledAt <= clock
    const due: ExpectedSchedule[] = []
    for (let one = pending[read]; one && isDue(one); one = pending[++read]) due.push(one)
    const occurring = expected.filter(isDue)
    occurrences += occurring.length
    for (const one of occurring) due.splice(placeOf(one, due), 0, one)
    schedules.push(...due)
    applied = laterOf(new Date((due.at(-1) as ExpectedSchedule).scheduledAt), applied)
    const next = makeNext(
      due.flatMap(({ recurrenceId }) => recurrenceId ?? []),
      applied,
      new Date(clock),
    )
    expected = [...expected.filter((one) => !isDue(one)), ...next]
  }
}

/** As `keepAskedOrder` has it, where a freeze has put several off to one instant; otherwise what is made last comes last. */
function placeOf(one: ExpectedSchedule, due: ExpectedSchedule[]): number {
  const isBefore = (other: ExpectedSchedule) =>
    other.scheduledAt < one.scheduledAt ||
    (other.scheduledAt === one.scheduledAt && (other.releaseId !== null || askedAt(other) <= askedAt(one)))
  return due.findLastIndex(isBefore) + 1
}

function askedAt({ deferredFrom, scheduledAt }: ExpectedSchedule): string {
  return deferredFrom ?? scheduledAt
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
