import type { Flag } from '../domain/flag.ts'
import { Problem } from '../domain/problems.ts'
import type { ReleasePlan } from '../domain/release-plan.ts'
import { refuseArchived } from './flags.ts'
import { finish, planFromNowOn } from './milestones.ts'
import { type LockedPlan, lockPlan, type PlanAddress, toPlan } from './release-plan-rows.ts'
import { rearmSafeguards } from './safeguard-rows.ts'
import type { Transaction } from './transaction.ts'

/**
 * Pauses a running plan: no milestone starts by itself, users keep what they have. Again, it changes nothing.
 *
 * @throws Problem `flag-not-found`, `plan-not-found`, `plan-not-running` for one that has not begun, or is complete
 */
export async function pausePlan(tx: Transaction, address: PlanAddress, reason?: string): Promise<ReleasePlan> {
  const locked = await lockPlan(tx, address, { gated: false })
  const { plan } = locked
  if (plan.status === 'paused') return await toPlan(tx, plan)
  if (plan.status !== 'running') {
    const why = plan.status === 'draft' ? 'has not been started' : 'is complete'
    throw new Problem('plan-not-running', `The release plan ${why}: there is nothing to pause.`)
  }
  return await pauseLocked(tx, locked, reason ?? tx.origin.reason ?? null)
}

/** Pauses the plan of a flag that is being archived, if it runs. */
export async function pausePlanOfFlag(tx: Transaction, { id: flagId }: Flag): Promise<void> {
  const [plan] = await tx.query<{ planId: string }>(
    `SELECT id AS "planId" FROM release_plans WHERE flag_id = $1 AND status = 'running'`,
    [flagId],
  )
  if (plan) await pauseLocked(tx, await lockPlan(tx, plan), 'the flag is archived')
}

/** Pauses a plan that the caller has locked, and found running. */
export async function pauseLocked(tx: Transaction, locked: LockedPlan, reason: string | null): Promise<ReleasePlan> {
  const { plan, now } = locked
  await tx.query(
    `UPDATE release_plans SET status = 'paused', paused_at = $2, pause_reason = $3, next_at = NULL WHERE id = $1`,
    [plan.id, now, reason],
  )
  return await finish(tx, locked, 'release-plan-paused', {
    milestoneId: plan.active_milestone_id,
    nextAt: plan.next_at?.toISOString() ?? null,
    pauseReason: reason,
  })
}

/**
 * Goes on with a paused plan: what was left of the dwell time is still to come, and all that follows is later by the pause. A
 * running one stays as it is. Safeguards may trigger again.
 *
 * @throws Problem `flag-not-found`, `flag-archived`, `plan-not-found`, `plan-not-paused`
 */
export async function resumePlan(tx: Transaction, address: PlanAddress): Promise<ReleasePlan> {
  const locked = await lockPlan(tx, address)
  refuseArchived(locked.flag)
  const { plan, now, milestones } = locked
  if (plan.status === 'running') return await toPlan(tx, plan)
  if (plan.status !== 'paused') {
    const how = plan.status === 'draft' ? 'Start its first milestone.' : 'It is complete.'
    throw new Problem('plan-not-paused', `The release plan is not paused. ${how}`)
  }
  const active = milestones.find(({ id }) => id === plan.active_milestone_id)
  const pausedMs = now.getTime() - (plan.paused_at as Date).getTime()
  const last = milestones.at(-1)?.id === active?.id
  const status = last ? ('completed' as const) : ('running' as const)
  await tx.query(`UPDATE release_plans SET status = $2, paused_at = NULL, pause_reason = NULL WHERE id = $1`, [
    plan.id,
    status,
  ])
  if (active?.dwell_from) {
    const dwellFrom = new Date(active.dwell_from.getTime() + pausedMs)
    await tx.query('UPDATE milestones SET dwell_from = $2 WHERE id = $1', [active.id, dwellFrom])
    await planFromNowOn(tx, { ...locked, plan: { ...plan, status } }, { ...active, dwell_from: dwellFrom })
  }
  await rearmSafeguards(tx, plan.id)
  return await finish(tx, locked, 'release-plan-resumed', { milestoneId: plan.active_milestone_id, pausedMs })
}
