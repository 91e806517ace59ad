import type { Flag } from '../domain/flag.ts'
import type { Recurrence } from '../domain/flag-recurrence.ts'
import { type Freeze, firstFree, freezeAt } from '../domain/freeze.ts'
import { latestOccurrence, nextOccurrences, type Rule } from '../domain/recurrence.ts'
import { freezesSince } from './freeze-rows.ts'
import { keepOrderOfDeferred } from './schedule-guards.ts'
import { emitScheduleEvent, enqueueNudge, SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './schedule-rows.ts'
import type { Transaction } from './transaction.ts'

export const RECURRENCE_COLUMNS = `r.id, r.flag_id, r.cron, r.time_zone, r.gap, r.overlap, r.until, r.count, r.made, r.catch_up, r.updates,
  r.comment, r.status, r.through_at, r.before_at, r.version, r.created_by, r.created_at, r.updated_at, f.key AS flag_key,
  f.environment, (SELECT p.id FROM feature_flag_schedules p WHERE p.recurrence_id = r.id AND p.status = 'pending') AS pending_id`

export interface RecurrenceRow {
  id: string
  flag_id: string
  cron: string
  time_zone: string
  gap: Rule['gap']
  overlap: Rule['overlap']
  until: Date | null
  count: number | null
  made: number
  catch_up: Recurrence['catchUp']
  updates: Recurrence['updates']
  comment: string | null
  status: Recurrence['status']
  through_at: Date
  before_at: Date
  version: number
  created_by: string
  created_at: Date
  updated_at: Date
  flag_key: string
  environment: string
  pending_id: string | null
}

export function toRecurrence(row: RecurrenceRow): Recurrence {
  return {
    id: row.id,
    flagKey: row.flag_key,
    environment: row.environment,
    recurrence: {
      cron: row.cron,
      timeZone: row.time_zone,
      until: row.until?.toISOString() ?? null,
      count: row.count,
      gap: row.gap,
      overlap: row.overlap,
    },
    updates: row.updates,
    comment: row.comment,
    catchUp: row.catch_up,
    status: row.status,
    made: row.made,
    pendingScheduleId: row.pending_id,
    version: row.version,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

export function ruleOf({ cron, time_zone, gap, overlap, until, count, made }: RecurrenceRow): Rule {
  return { cron, timeZone: time_zone, gap, overlap, until, count, made }
}

/** The later one of instants, of which some may be missing. */
export function laterOf(first: Date, ...others: (Date | null | undefined)[]): Date {
  return new Date(Math.max(first.getTime(), ...others.map((other) => other?.getTime() ?? Number.NEGATIVE_INFINITY)))
}

/**
 * Makes the next occurrence of each active recurrence that has none pending, or ends it when there is none, in the
 * transaction that made the one before final. The caller holds the locks of their flags. What was missed is made as the
 * recurrence says; never at or before the flag's watermark, for it could not be applied in order.
 */
export async function makeNextOccurrences(tx: Transaction, recurrenceIds: string[]): Promise<void> {
  const rows = await tx.query<RecurrenceRow & { applied_through_at: Date | null; archived: boolean; now: Date }>(
    `SELECT ${RECURRENCE_COLUMNS}, f.applied_through_at, f.archived_at IS NOT NULL AS archived, clock_timestamp() AS now
     FROM flag_schedule_recurrences r JOIN feature_flags f ON f.id = r.flag_id
     WHERE r.id = ANY ($1::uuid[]) AND r.status = 'active'
       AND NOT EXISTS (SELECT 1 FROM feature_flag_schedules p WHERE p.recurrence_id = r.id AND p.status = 'pending')
     ORDER BY r.id`,
    [recurrenceIds],
  )
  if (rows.length === 0) return
  const freezes = await freezesOf(tx, rows)
  const made: MadeOccurrence[] = []
  for (const row of rows) {
    const next = row.archived ? { why: 'the flag is archived' } : following(row, freezes.get(row.environment) ?? [])
    if ('at' in next) made.push({ id: row.id, ...next })
    else await endRecurrence(tx, row, next.why)
  }
  if (made.length > 0) await insertOccurrences(tx, made)
}

/** When an occurrence is made for; and when it is due instead, if a freeze puts it off. */
interface NextOccurrence {
  at: string
  deferred: { to: string; freezeId: string } | null
}
type MadeOccurrence = NextOccurrence & { id: string }

async function freezesOf(tx: Transaction, rows: RecurrenceRow[]): Promise<Map<string, Freeze[]>> {
  const since = new Date(Math.min(...rows.map(({ through_at }) => through_at.getTime())))
  const environments = rows.map(({ environment }) => environment)
  return Map.groupBy(await freezesSince(tx, environments, since), ({ environment }) => environment)
}

/** When the next occurrence of a recurrence is, if the flag's watermark and the clock are as given; or why there is none. */
export function following(
  row: RecurrenceRow & { applied_through_at: Date | null; now: Date },
  freezes: Freeze[],
): NextOccurrence | { why: string } {
  try {
    for (let after = laterOf(row.through_at, row.applied_through_at); ; ) {
      const at = pick(row, after)
      if (!at) return { why: 'it has no further occurrence' }
      const freeze = freezeAt(freezes, Date.parse(at))
      if (!freeze) return { at, deferred: null }
      if (freeze.mode === 'defer') {
        return { at, deferred: { to: new Date(firstFree(freezes, Date.parse(at))).toISOString(), freezeId: freeze.id } }
      }
      // Nobody is there to be told of a refusal: what lies in such a freeze is left out.
      after = new Date(Date.parse(freeze.to) - 1)
    }
  } catch (error) {
    // A zone that this process does not know any more; the sweep must not stand still for it.
    return { why: (error as Error).message }
  }
}

/** The first occurrence after an instant, with what was missed as the recurrence says. */
function pick(row: RecurrenceRow & { now: Date }, after: Date): string | undefined {
  const rule = ruleOf(row)
  const later = laterOf(after, row.now)
  if (row.catch_up === 'latest' && later > after) {
    const missed = latestOccurrence(rule, after, later)
    if (missed) return missed.at
  }
  return nextOccurrences(rule, row.catch_up === 'all' ? after : later, 1)[0]?.at
}

async function insertOccurrences(tx: Transaction, made: MadeOccurrence[]): Promise<void> {
  const rows = await tx.query<ScheduleRow>(
    `WITH next AS (
       SELECT n.id, n.at, n.deferred ->> 'to' AS "to", n.deferred ->> 'freezeId' AS freeze_id
       FROM jsonb_to_recordset($1::jsonb) AS n(id uuid, at timestamptz, deferred jsonb)
     ), moved AS (
       UPDATE flag_schedule_recurrences r SET made = made + 1, before_at = through_at, through_at = n.at,
         updated_at = clock_timestamp()
       FROM next n WHERE r.id = n.id RETURNING r.*, n."to", n.freeze_id
     ), s AS (
       INSERT INTO feature_flag_schedules (flag_id, scheduled_at, updates, comment, created_by, recurrence_id, occurrence,
         deferred_from, freeze_id)
       SELECT flag_id, coalesce("to"::timestamptz, through_at), updates, comment, created_by, id, made,
         CASE WHEN freeze_id IS NOT NULL THEN through_at END, freeze_id::uuid
       FROM moved ORDER BY through_at, id RETURNING *
     )
     SELECT ${SCHEDULE_COLUMNS} FROM s JOIN feature_flags f ON f.id = s.flag_id ORDER BY s.sequence`,
    [JSON.stringify(made)],
  )
  for (const row of rows) {
    const schedule = toSchedule(row)
    emitScheduleEvent(tx, 'schedule-created', row.flag_id, null, schedule)
    enqueueNudge(tx, schedule.id, schedule)
  }
  await keepOrderOfDeferred(tx, rows)
}

/** Ends a recurrence whose pending occurrence, if there was one, the caller has cancelled. */
export async function endRecurrence(tx: Transaction, row: RecurrenceRow, why: string): Promise<void> {
  await tx.query(
    `UPDATE flag_schedule_recurrences SET status = 'ended', version = version + 1, updated_at = clock_timestamp() WHERE id = $1`,
    [row.id],
  )
  const { environment, flag_key: flagKey, flag_id: flagId } = row
  const data = { recurrenceId: row.id, made: row.made, why }
  tx.emitEvent({ type: 'recurrence-ended', environment, flagKey, flagId, data })
}

/** Ends what recurs on a flag that the caller has locked, and whose pending schedules it cancels. */
export async function endRecurrencesOfFlag(tx: Transaction, flag: Flag): Promise<void> {
  const rows = await tx.query<RecurrenceRow>(
    `SELECT ${RECURRENCE_COLUMNS} FROM flag_schedule_recurrences r JOIN feature_flags f ON f.id = r.flag_id
     WHERE r.flag_id = $1 AND r.status <> 'ended' ORDER BY r.id`,
    [flag.id],
  )
  for (const row of rows) await endRecurrence(tx, row, 'the flag is archived')
}
