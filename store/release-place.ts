import { ofChange } from '../domain/flag-release.ts'
import { firstFree } from '../domain/freeze.ts'
import { Problem } from '../domain/problems.ts'
import { freezesSince } from './freeze-rows.ts'
import type { Change } from './release-rows.ts'
import { type Guard, guardSchedules, overrodeBy, type ScheduleGuards } from './schedule-guards.ts'
import type { Transaction } from './transaction.ts'

/**
 * Where the guards let a release go, whose flags the caller has locked: where it was asked to be due, or, where a freeze puts one
 * of its changes off, the first instant that is free in all its environments.
 *
 * @returns the due time, what put it off, and what its events say beside it
 * @throws Problem `frozen`, `too-many-schedules`, `schedule-conflict`, naming the flag; `validation-failed` for an override without a reason
 */
export async function placeRelease(tx: Transaction, changes: Change[], asked: Date, guards: ScheduleGuards) {
  const { overrideFreeze = false } = guards
  const freezesOnly = await guardAll(tx, changes, asked, { overrideFreeze })
  const deferred = freezesOnly.find((guard) => guard.deferredFrom)
  const scheduledAt = deferred ? await firstFreeOf(tx, changes, asked) : asked
  const warnings = (await guardAll(tx, changes, scheduledAt, guards)).flatMap((guard, i) => {
    const { flagKey, environment } = changes[i] as Change
    return guard.warnings.map((warning) => ({ ...warning, flagKey, environment }))
  })
  const overrode = freezesOnly.find((guard) => guard.overrode)
  const note: Record<string, unknown> = overrode ? overrodeBy(overrode) : {}
  return { scheduledAt, deferredFrom: deferred ? asked : null, freezeId: deferred?.freezeId ?? null, note, warnings }
}

async function guardAll(tx: Transaction, changes: Change[], scheduledAt: Date, guards: ScheduleGuards) {
  const asked = changes.map(({ locked, updates, id }) => {
    return { locked, scheduledAt, updates, ...(id && { id }), added: id === undefined, moved: true }
  })
  return (await guardSchedules(tx, asked, guards)).map((guard, i): Guard => {
    if (guard instanceof Problem) throw ofChange(guard, changes[i] as Change, i)
    return guard
  })
}

/** The first instant from `at` on that lies in no freeze of the changes' environments. */
export async function firstFreeOf(tx: Transaction, changes: { environment: string }[], at: Date): Promise<Date> {
  const environments = changes.map(({ environment }) => environment)
  return new Date(firstFree(await freezesSince(tx, environments, at), at.getTime()))
}

/**
 * Puts a release, which a freeze has just put off, where it belongs in the order in which what waits at that instant was asked to be
 * due: behind it, and before single schedules that were asked for later. All its members get new sequences together, under the locks of
 * all its flags, so that two releases come in the same order on each flag that both change; other releases keep their place.
 */
export async function keepOrderOfRelease(tx: Transaction, releaseId: string): Promise<void> {
  await tx.query(`UPDATE feature_flag_schedules SET sequence = DEFAULT WHERE release_id = $1 AND status = 'pending'`, [
    releaseId,
  ])
  const later = await tx.query<{ id: string }>(
    `SELECT s.id FROM feature_flag_schedules m
     JOIN feature_flag_schedules s ON s.flag_id = m.flag_id AND s.status = 'pending' AND s.scheduled_at = m.scheduled_at
     WHERE m.release_id = $1 AND m.status = 'pending' AND s.release_id IS NULL
       AND coalesce(s.deferred_from, s.scheduled_at) > coalesce(m.deferred_from, m.scheduled_at)
       AND s.sequence > coalesce((SELECT max(o.sequence) FROM feature_flag_schedules o WHERE o.flag_id = s.flag_id
         AND o.status = 'pending' AND o.scheduled_at = s.scheduled_at AND o.release_id <> $1), 0)
     ORDER BY coalesce(s.deferred_from, s.scheduled_at), s.sequence`,
    [releaseId],
  )
  // One after the other: within a statement, nobody promises an order of the new numbers.
  for (const { id } of later) await tx.query('UPDATE feature_flag_schedules SET sequence = DEFAULT WHERE id = $1', [id])
}
