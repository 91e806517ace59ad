import { Problem } from '../domain/problems.ts'
import { waitsFor } from '../domain/release-plan-forecast.ts'
import { isBad, type MetricsAnswer, type MetricValue, type NewSafeguard, type Safeguard } from '../domain/safeguard.ts'
import { type Database, query } from './database.ts'
import { type FlagAddress, lockFlags } from './flags.ts'
import { beginMilestone } from './milestone-start.ts'
import { finish, planFromNowOn, touchPlan } from './milestones.ts'
import { pauseLocked } from './release-plan-control.ts'
import { emitPlanEvent, type LockedPlan, lockPlan, type PlanAddress, timesOf } from './release-plan-rows.ts'
import { getPlan } from './release-plans.ts'
import { mayGoOn, type SafeguardRow, toSafeguard } from './safeguard-rows.ts'
import { newUlid } from './strategy-rows.ts'
import type { Transaction } from './transaction.ts'

// What a plan does about its metrics was let through when the plan was started.
const HEARD = { gated: false }

/** More would make each value dear. */
const MOST = 20

/** Safeguards of a plan, oldest first. @throws Problem `flag-not-found`, `plan-not-found` */
export async function listSafeguards(db: Database, address: FlagAddress & { planId: string }): Promise<Safeguard[]> {
  const plan = await getPlan(db, address)
  const rows = await query<SafeguardRow>(db, 'SELECT * FROM release_plan_safeguards WHERE plan_id = $1 ORDER BY id', [
    plan.id,
  ])
  return rows.map(toSafeguard)
}

/** @throws Problem `flag-not-found`, `plan-not-found`, `too-many-safeguards` */
export async function addSafeguard(tx: Transaction, address: PlanAddress, input: NewSafeguard): Promise<Safeguard> {
  const locked = await lockPlan(tx, address)
  const [count] = await tx.query<{ n: number }>(
    'SELECT count(*)::integer AS n FROM release_plan_safeguards WHERE plan_id = $1',
    [locked.plan.id],
  )
  if ((count?.n ?? 0) >= MOST) {
    throw new Problem('too-many-safeguards', `A release plan may have ${MOST} safeguards at most.`, {
      members: { limit: MOST },
    })
  }
  const { metric, operator, threshold, action, freshSeconds } = input
  const [row] = await tx.query<SafeguardRow>(
    `INSERT INTO release_plan_safeguards (id, plan_id, metric, operator, threshold, action, fresh_seconds, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *`,
    [newUlid(), locked.plan.id, metric, operator, threshold, action, freshSeconds ?? null, tx.origin.actor],
  )
  const safeguard = toSafeguard(row as SafeguardRow)
  await finish(tx, locked, 'safeguard-added', { before: null, after: safeguard })
  return safeguard
}

/** A plan that only waited for its metric goes on. @throws Problem `flag-not-found`, `plan-not-found`, `safeguard-not-found` */
export async function removeSafeguard(
  tx: Transaction,
  { safeguardId, ...address }: PlanAddress & { safeguardId: string },
): Promise<Safeguard> {
  const locked = await lockPlan(tx, address)
  const [row] = await tx.query<SafeguardRow>(
    'DELETE FROM release_plan_safeguards WHERE id = $1 AND plan_id = $2 RETURNING *',
    [safeguardId, locked.plan.id],
  )
  if (!row) throw new Problem('safeguard-not-found', `The release plan has no safeguard "${safeguardId}".`)
  const before = toSafeguard(row)
  await letGo(tx, locked)
  await finish(tx, locked, 'safeguard-removed', { before, after: null })
  return before
}

/**
 * Hears what metrics of an environment are, one after the other. A value on the wrong side of a threshold pauses the plan or
 * takes it back, in this transaction; a good one lets go of a plan that waited for it.
 */
export async function recordMetrics(
  tx: Transaction,
  environment: string,
  values: MetricValue[],
): Promise<MetricsAnswer> {
  const addresses = (await guardedBy(tx, environment, values)).map(({ flagKey }) => ({ environment, flagKey }))
  const locked = new Set((await lockFlags(tx, addresses, HEARD)).map(({ flag }) => flag.key))
  const answer: MetricsAnswer = { safeguards: 0, triggered: [] }
  // Read again under their locks: a plan may have been deleted meanwhile, or another one made.
  for (const { flagKey, planId } of await guardedBy(tx, environment, values)) {
    if (!locked.has(flagKey)) continue
    const own = values.filter((value) => value.flagKey === undefined || value.flagKey === flagKey)
    const heard = await hear(tx, { environment, flagKey, planId }, own)
    answer.safeguards += heard.safeguards
    answer.triggered.push(...heard.triggered)
  }
  return answer
}

/** Plans of flags of an environment, not archived, with a safeguard that one of the values is for, by flag. */
async function guardedBy(
  tx: Transaction,
  environment: string,
  values: MetricValue[],
): Promise<{ flagKey: string; planId: string }[]> {
  return await tx.query(
    `SELECT DISTINCT f.key AS "flagKey", p.id AS "planId"
     FROM jsonb_to_recordset($2::jsonb) AS v(metric text, "flagKey" text)
     JOIN release_plan_safeguards s ON s.metric = v.metric
     JOIN release_plans p ON p.id = s.plan_id
     JOIN feature_flags f ON f.id = p.flag_id AND f.environment = $1 AND f.archived_at IS NULL
       AND (v."flagKey" IS NULL OR v."flagKey" = f.key)
     ORDER BY "flagKey"`,
    [environment, JSON.stringify(values)],
  )
}

async function hear(
  tx: Transaction,
  address: FlagAddress & { planId: string },
  values: MetricValue[],
): Promise<MetricsAnswer> {
  const answer: MetricsAnswer = { safeguards: 0, triggered: [] }
  const locked = await lockPlan(tx, address, HEARD)
  const rows = await tx.query<SafeguardRow>('SELECT * FROM release_plan_safeguards WHERE plan_id = $1 ORDER BY id', [
    address.planId,
  ])
  for (const row of rows) {
    const own = values.filter(({ metric }) => metric === row.metric)
    const last = own.at(-1)
    if (!last) continue
    answer.safeguards++
    await tx.query('UPDATE release_plan_safeguards SET last_value = $2, last_at = $3 WHERE id = $1', [
      row.id,
      last.value,
      locked.now,
    ])
    const bad = own.find(({ value }) => isBad(row, value))
    if (!bad || row.triggered_at) continue
    const activeMilestoneId = await trigger(tx, address, row, bad.value)
    if (activeMilestoneId === undefined) continue
    const { metric, operator, threshold, action } = row
    const { planId, flagKey } = address
    const { value } = bad
    const safeguardId = row.id
    answer.triggered.push({
      safeguardId,
      planId,
      flagKey,
      metric,
      value,
      operator,
      threshold,
      action,
      activeMilestoneId,
    })
  }
  if (answer.safeguards > 0 && answer.triggered.length === 0) await goOnIfHeld(tx, address)
  return answer
}

/**
 * Does what a safeguard is for. To pause needs a plan that runs; to go back needs a milestone that was started, also of a
 * plan that is paused or complete. From the first milestone there is no way back, so the plan is paused there.
 *
 * @returns the milestone that is active now; undefined when there was nothing to stop
 */
async function trigger(
  tx: Transaction,
  address: PlanAddress,
  { id: safeguardId, metric, operator, threshold, action }: SafeguardRow,
  value: number,
): Promise<string | null | undefined> {
  // Another safeguard may have changed it since.
  const locked = await lockPlan(tx, address, HEARD)
  const { plan, milestones } = locked
  const at = milestones.findIndex(({ id }) => id === plan.active_milestone_id)
  const previous = action === 'rollback' ? milestones[at - 1] : undefined
  if (at < 0 || (!previous && plan.status !== 'running')) return undefined
  if (previous && (await wasTakenBack(tx, plan.id))) return undefined
  await tx.query('UPDATE release_plan_safeguards SET triggered_at = $2 WHERE id = $1', [safeguardId, locked.now])
  const why = `${metric} was ${value}, ${operator} ${threshold}`
  const activeMilestoneId = previous?.id ?? plan.active_milestone_id
  const data = {
    safeguardId,
    metric,
    operator,
    threshold,
    value,
    action,
    from: plan.active_milestone_id,
    activeMilestoneId,
  }
  emitPlanEvent(tx, 'safeguard-triggered', plan, data)
  if (previous) {
    const note = { safeguardId }
    await beginMilestone(tx, locked, previous, { plannedAt: locked.now, pauseReason: why, note })
  } else await pauseLocked(tx, locked, why)
  return activeMilestoneId
}

/** Two metrics are bad for one reason, most often: until somebody has looked, a plan is taken back by one milestone, not by each. */
async function wasTakenBack(tx: Transaction, planId: string): Promise<boolean> {
  const rows = await tx.query(
    `SELECT 1 FROM release_plan_safeguards WHERE plan_id = $1 AND action = 'rollback' AND triggered_at IS NOT NULL`,
    [planId],
  )
  return rows.length > 0
}

/** A plan that was held for want of a fresh, good value goes on, from now. */
async function goOnIfHeld(tx: Transaction, address: PlanAddress): Promise<void> {
  const locked = await lockPlan(tx, address, HEARD)
  if (!(await mayGoOn(tx, locked.plan.id, locked.now))) return
  if (await letGo(tx, locked)) await touchPlan(tx, locked)
}

/** @returns false, and does nothing, when the plan was not held by a metric */
async function letGo(tx: Transaction, locked: LockedPlan): Promise<boolean> {
  const { plan, milestones, now } = locked
  const active = milestones.find(({ id }) => id === plan.active_milestone_id)
  if (!active || !waitsFor(timesOf(plan, milestones), now.getTime()).includes('metric')) return false
  await planFromNowOn(tx, locked, active)
  return true
}
