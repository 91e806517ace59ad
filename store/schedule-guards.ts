import { briefly, type FlagSchedule, fieldsOf, type ScheduleWarning } from '../domain/flag-schedule.ts'
import { type Freeze, firstFree, freezeAt } from '../domain/freeze.ts'
import { Problem } from '../domain/problems.ts'
import { contestedFields } from '../domain/schedule-conflicts.ts'
import type { LockedFlag } from './flags.ts'
import { freezesSince, frozen, requireReason } from './freeze-rows.ts'
import type { Transaction } from './transaction.ts'

/** What an installation has set against mistakes, and what a request asks to be let through. */
export interface ScheduleGuards {
  /** Pending schedules that a flag may have; 0: as many as you like. */
  maxPendingPerFlag?: number
  /** What becomes of a schedule that sets a field to something else than another one of the same instant. */
  conflicts?: 'allow' | 'warn' | 'refuse'
  /** Let it into a freeze. Needs a reason. */
  overrideFreeze?: boolean
}

/** A schedule of a locked flag that is about to be made, moved or changed. */
export interface Guarded {
  locked: LockedFlag
  scheduledAt: Date
  updates: FlagSchedule['updates']
  /** Of a schedule that is there already. */
  id?: string
  /** Is it not pending yet? Then it counts towards the limit. */
  added: boolean
  /** Is its due time new? Then freezes count. */
  moved: boolean
}

/** Where the guards let a schedule go. */
export interface Guard {
  scheduledAt: Date
  /** When it was asked to be due, and the freeze that put it off; null when none did. */
  deferredFrom: Date | null
  freezeId: string | null
  /** The freeze that it was let into. */
  overrode: Freeze | null
  warnings: ScheduleWarning[]
}

interface Rival {
  id: string | null
  flagId: string
  scheduledAt: number
  updates: FlagSchedule['updates']
  createdBy: string
}

/**
 * Applies freezes, limit and conflict policy to schedules whose flags the caller has locked; earlier ones count for later
 * ones. Statements of their own, after the locks, so that they see what was committed before these were granted.
 *
 * @returns for each, where it may go, or why it may not: Problem `frozen`, `too-many-schedules`, `schedule-conflict`
 * @throws Problem `validation-failed` for an override without a reason
 */
export async function guardSchedules(
  tx: Transaction,
  asked: Guarded[],
  { maxPendingPerFlag = 0, conflicts = 'allow', overrideFreeze = false }: ScheduleGuards,
): Promise<(Guard | Problem)[]> {
  requireReason(tx, overrideFreeze)
  const freezes = await freezesAhead(tx, asked)
  const pending = maxPendingPerFlag > 0 ? await countPending(tx, asked) : new Map<string, number>()
  const placed = asked.map((one) => placeOne(one, freezes.get(one.locked.flag.environment) ?? [], overrideFreeze))
  // What moves in the same request is no rival where it was.
  const moving = new Set(asked.flatMap(({ id, moved }) => (id && moved ? [id] : [])))
  const rivals =
    conflicts === 'allow' ? [] : (await rivalsOf(tx, asked, placed)).filter(({ id }) => !id || !moving.has(id))
  return placed.map((guard, i) => {
    if (guard instanceof Problem) return guard
    const { locked, updates, id, added } = asked[i] as Guarded
    const flagId = locked.flag.id
    const count = pending.get(flagId) ?? 0
    if (maxPendingPerFlag > 0 && added && count >= maxPendingPerFlag) return tooMany(maxPendingPerFlag)
    const at = guard.scheduledAt.getTime()
    const warnings = rivals
      .filter((rival) => rival.flagId === flagId && rival.scheduledAt === at && (!id || rival.id !== id))
      .flatMap((rival) => contestedFields(updates, rival.updates).map((field) => warningOf(rival, field)))
    if (conflicts === 'refuse' && warnings[0]) return conflicting(warnings[0])
    if (added) pending.set(flagId, count + 1)
    if (conflicts !== 'allow' && !id)
      rivals.push({ id: null, flagId, scheduledAt: at, updates, createdBy: tx.origin.actor })
    return { ...guard, warnings }
  })
}

/** The same for one. @throws Problem `frozen`, `too-many-schedules`, `schedule-conflict`, `validation-failed` */
export async function guardSchedule(tx: Transaction, asked: Guarded, guards: ScheduleGuards): Promise<Guard> {
  const [guard] = await guardSchedules(tx, [asked], guards)
  if (guard instanceof Problem) throw guard
  return guard as Guard
}

/** What a guard has to say beside the schedule, in the data of its event. */
export function overrodeBy({ overrode }: Pick<Guard, 'overrode'>): Record<string, unknown> {
  return overrode ? { overrodeFreeze: { id: overrode.id, reason: overrode.reason, until: overrode.to } } : {}
}

/**
 * Gives pending schedules of one instant, to which a freeze has put some of them off, the order in which they were asked to be
 * due: those that would come too early get new sequences, at the end. A release keeps its place, and so does what comes before it.
 */
export async function keepAskedOrder(tx: Transaction, flagIds: string[], at: Date): Promise<void> {
  const rows = await tx.query<{ id: string; flagId: string; sequence: number }>(
    `SELECT id, flag_id AS "flagId", sequence FROM feature_flag_schedules s
     WHERE flag_id = ANY ($1::uuid[]) AND status = 'pending' AND scheduled_at = $2 AND release_id IS NULL
       AND sequence > coalesce((SELECT max(r.sequence) FROM feature_flag_schedules r WHERE r.flag_id = s.flag_id
         AND r.status = 'pending' AND r.scheduled_at = $2 AND r.release_id IS NOT NULL), 0)
     ORDER BY coalesce(deferred_from, scheduled_at), sequence`,
    [flagIds, at],
  )
  for (const own of Map.groupBy(rows, ({ flagId }) => flagId).values()) {
    const wrong = own.findIndex(({ sequence }, i) => sequence < (own[i - 1]?.sequence ?? 0))
    if (wrong < 0) continue
    // One after the other: within a statement, nobody promises an order of the new numbers.
    for (const { id } of own.slice(wrong))
      await tx.query('UPDATE feature_flag_schedules SET sequence = DEFAULT WHERE id = $1', [id])
  }
}

/** The same for each instant to which a freeze has put one of `rows` off. */
export async function keepOrderOfDeferred(
  tx: Transaction,
  rows: { flag_id: string; scheduled_at: Date; deferred_from: Date | null }[],
): Promise<void> {
  const deferred = rows.filter((row) => row.deferred_from)
  for (const [at, same] of Map.groupBy(deferred, (row) => row.scheduled_at.getTime()))
    await keepAskedOrder(tx, [...new Set(same.map((row) => row.flag_id))], new Date(at))
}

async function freezesAhead(tx: Transaction, asked: Guarded[]): Promise<Map<string, Freeze[]>> {
  const moved = asked.filter((one) => one.moved)
  if (moved.length === 0) return new Map()
  const environments = [...new Set(moved.map(({ locked }) => locked.flag.environment))]
  const since = new Date(Math.min(...moved.map(({ scheduledAt }) => scheduledAt.getTime())))
  return Map.groupBy(await freezesSince(tx, environments, since), ({ environment }) => environment)
}

function placeOne(one: Guarded, freezes: Freeze[], override: boolean): Guard | Problem {
  const { scheduledAt } = one
  const straight = { scheduledAt, deferredFrom: null, freezeId: null, overrode: null, warnings: [] }
  const asked = scheduledAt.getTime()
  const freeze = one.moved ? freezeAt(freezes, asked) : undefined
  if (!freeze) return straight
  if (override) return { ...straight, overrode: freeze }
  const free = new Date(firstFree(freezes, asked))
  if (freeze.mode === 'refuse') return intoFreeze(freeze, free.toISOString())
  return { ...straight, scheduledAt: free, deferredFrom: scheduledAt, freezeId: freeze.id }
}

async function countPending(tx: Transaction, asked: Guarded[]): Promise<Map<string, number>> {
  const rows = await tx.query<{ flagId: string; count: number }>(
    `SELECT flag_id AS "flagId", count(*) AS count FROM feature_flag_schedules
     WHERE flag_id = ANY ($1::uuid[]) AND status = 'pending' GROUP BY flag_id`,
    [asked.map(({ locked }) => locked.flag.id)],
  )
  return new Map(rows.map(({ flagId, count }) => [flagId, count]))
}

async function rivalsOf(tx: Transaction, asked: Guarded[], placed: (Guard | Problem)[]): Promise<Rival[]> {
  const wanted = placed.flatMap((guard, i) =>
    guard instanceof Problem ? [] : [{ flagId: asked[i]?.locked.flag.id, scheduledAt: guard.scheduledAt }],
  )
  const rows = await tx.query<Omit<Rival, 'scheduledAt'> & { scheduledAt: Date }>(
    `SELECT DISTINCT s.id, s.flag_id AS "flagId", s.scheduled_at AS "scheduledAt", s.updates, s.created_by AS "createdBy", s.sequence
     FROM unnest($1::uuid[], $2::timestamptz[]) AS n (flag_id, scheduled_at)
     JOIN feature_flag_schedules s ON s.flag_id = n.flag_id AND s.scheduled_at = n.scheduled_at AND s.status = 'pending'
     ORDER BY s.sequence`,
    [wanted.map(({ flagId }) => flagId), wanted.map(({ scheduledAt }) => scheduledAt)],
  )
  return rows.map((row) => ({ ...row, scheduledAt: row.scheduledAt.getTime() }))
}

function warningOf({ id, updates, createdBy }: Rival, field: string): ScheduleWarning {
  const value = briefly(fieldsOf(updates).get(field))
  const which = id ? `The schedule ${id} of ${createdBy}` : 'Another schedule of this request'
  const detail = `${which} sets ${field} to ${value} at the same instant; the one created last wins.`
  return { code: 'schedule-conflict', detail, field, scheduleId: id, createdBy }
}

function conflicting({ detail, field, scheduleId, createdBy }: ScheduleWarning): Problem {
  return new Problem('schedule-conflict', detail, {
    fields: [{ field: `updates.${field}`, message: 'must be the same as there, or due at another instant' }],
    members: { scheduleId, field, createdBy },
  })
}

function tooMany(limit: number): Problem {
  return new Problem('too-many-schedules', `A flag may have ${limit} pending schedules at most.`, {
    fields: [{ field: 'path.flagKey', message: `must name a flag with fewer than ${limit} pending schedules` }],
    members: { limit },
  })
}

function intoFreeze(freeze: Freeze, firstFreeAt: string): Problem {
  const message = `must lie in no freeze; the first free instant is ${firstFreeAt}`
  return frozen(freeze, firstFreeAt, { field: 'scheduledAt', message })
}
