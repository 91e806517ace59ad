import { isDeepStrictEqual } from 'node:util'
import { requireCurrent } from '../domain/if-match.ts'
import { Problem } from '../domain/problems.ts'
import type { MilestoneEdit, ReleasePlan } from '../domain/release-plan.ts'
import { dueAfter } from '../domain/release-plan-forecast.ts'
import { refuseArchived } from './flags.ts'
import { refuseFrozen } from './freeze-rows.ts'
import { beginMilestone } from './milestone-start.ts'
import {
  emitPlanEvent,
  enqueuePlanNudge,
  type LockedPlan,
  lockPlan,
  type MilestoneRow,
  milestoneOf,
  type PlanAddress,
  type PlanRow,
  progressionOf,
  rereadPlan,
  timesOf,
  toPlan,
} from './release-plan-rows.ts'
import { rearmSafeguards } from './safeguard-rows.ts'
import { overrodeBy } from './schedule-guards.ts'
import type { Transaction } from './transaction.ts'

type MilestoneAddress = PlanAddress & { milestoneId: string }

/**
 * Starts a milestone now: the next one before its time, an earlier one to go back, the active one to begin it again. A paused
 * plan goes on from there.
 *
 * @throws Problem `flag-not-found`, `flag-archived`, `plan-not-found`, `milestone-not-found`, `revision-mismatch`, `frozen`,
 *   `validation-failed` for an override without a reason
 */
export async function startMilestone(
  tx: Transaction,
  { milestoneId, ...address }: MilestoneAddress,
  {
    enable = false,
    overrideFreeze = false,
    expectedVersion,
  }: { enable?: boolean; overrideFreeze?: boolean; expectedVersion?: number | undefined } = {},
): Promise<ReleasePlan> {
  const locked = await lockPlan(tx, address)
  refuseArchived(locked.flag)
  requireCurrent('The release plan', { version: locked.plan.version }, expectedVersion)
  const milestone = milestoneOf(locked, milestoneId)
  const overrode = await refuseFrozen(tx, locked.plan.environment, locked.now, overrideFreeze)
  await rearmSafeguards(tx, locked.plan.id)
  const note = overrodeBy({ overrode })
  return await toPlan(tx, await beginMilestone(tx, locked, milestone, { plannedAt: locked.now, enable, note }))
}

/**
 * Approves that the milestone after the active one may start. Again, it changes nothing.
 *
 * @param address without a milestone, the active one is meant
 * @throws Problem `flag-not-found`, `flag-archived`, `plan-not-found`, `milestone-not-found`, `milestone-not-active`,
 *   `approval-not-needed`
 */
export async function approveMilestone(
  tx: Transaction,
  { milestoneId, ...address }: PlanAddress & { milestoneId?: string | undefined },
): Promise<ReleasePlan> {
  const locked = await lockPlan(tx, address)
  refuseArchived(locked.flag)
  const { plan, now } = locked
  const active = locked.milestones.find(({ id }) => id === plan.active_milestone_id)
  const asked = milestoneId ? milestoneOf(locked, milestoneId) : active
  if (!asked || asked !== active) {
    throw new Problem('milestone-not-active', 'Only the active milestone can be approved.', {
      members: { activeMilestoneId: plan.active_milestone_id },
    })
  }
  if (!active.needs_approval || plan.status === 'completed') {
    throw new Problem('approval-not-needed', `Nothing waits for an approval of "${active.name}".`)
  }
  if (active.approved_at) return await toPlan(tx, plan)
  await tx.query('UPDATE milestones SET approved_at = $2, approved_by = $3 WHERE id = $1', [
    active.id,
    now,
    tx.origin.actor,
  ])
  await planFromNowOn(tx, locked, { ...active, approved_at: now })
  return await finish(tx, locked, 'milestone-approved', { milestoneId: active.id, name: active.name })
}

/**
 * Changes a milestone's name, or what the one after it waits for: of the active one, from now on, so that a dwell time which is
 * over by the new one ends at once. `expectedVersion` is the caller's If-Match.
 *
 * @throws Problem `flag-not-found`, `flag-archived`, `plan-not-found`, `milestone-not-found`, `revision-mismatch`
 */
export async function editMilestone(
  tx: Transaction,
  { milestoneId, ...address }: MilestoneAddress,
  edit: MilestoneEdit,
  expectedVersion?: number,
): Promise<ReleasePlan> {
  const locked = await lockPlan(tx, address)
  refuseArchived(locked.flag)
  requireCurrent('The release plan', { version: locked.plan.version }, expectedVersion)
  const milestone = milestoneOf(locked, milestoneId)
  const before = { name: milestone.name, progression: progressionOf(milestone) }
  const after = {
    name: edit.name ?? before.name,
    progression: edit.progression === undefined ? before.progression : edit.progression,
  }
  if (isDeepStrictEqual(before, after)) return await toPlan(tx, locked.plan)
  const changed: MilestoneRow = {
    ...milestone,
    dwell_seconds: after.progression?.afterSeconds ?? null,
    needs_approval: after.progression?.approval ?? false,
  }
  await tx.query('UPDATE milestones SET name = $2, dwell_seconds = $3, needs_approval = $4 WHERE id = $1', [
    milestone.id,
    after.name,
    changed.dwell_seconds,
    changed.needs_approval,
  ])
  const active = milestone.id === locked.plan.active_milestone_id
  if (active && !isDeepStrictEqual(before.progression, after.progression)) await planFromNowOn(tx, locked, changed)
  return await finish(tx, locked, 'milestone-updated', { milestoneId: milestone.id, before, after })
}

/**
 * Says anew when the milestone after `active` starts. Who changes a plan plans from now on: nothing gets a time that has
 * passed. Only the clock catches up, with what was missed.
 */
export async function planFromNowOn(tx: Transaction, { plan, now }: LockedPlan, active: MilestoneRow): Promise<void> {
  if (plan.status !== 'running') return
  const [times] = timesOf(plan, [active]).milestones
  const due = times ? dueAfter(times) : null
  const nextAt = due === null ? null : new Date(Math.max(due, now.getTime()))
  await tx.query('UPDATE release_plans SET next_at = $2 WHERE id = $1', [plan.id, nextAt])
}

/** The end of a change of a locked plan that users see nothing of: its version, and a nudge to its workflow. */
export async function touchPlan(tx: Transaction, { plan }: LockedPlan): Promise<PlanRow> {
  await tx.query('UPDATE release_plans SET version = version + 1, updated_at = clock_timestamp() WHERE id = $1', [
    plan.id,
  ])
  const row = await rereadPlan(tx, plan.id)
  enqueuePlanNudge(tx, row)
  return row
}

/** The same, with its event. Returns the plan as it is now. */
export async function finish(
  tx: Transaction,
  locked: LockedPlan,
  type: Parameters<typeof emitPlanEvent>[1],
  data: Record<string, unknown>,
): Promise<ReleasePlan> {
  const row = await touchPlan(tx, locked)
  emitPlanEvent(tx, type, row, data)
  return await toPlan(tx, row)
}
