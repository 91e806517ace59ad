import type { EventType } from '../domain/event.ts'
import type { Flag } from '../domain/flag.ts'
import { type Freeze, firstFree } from '../domain/freeze.ts'
import { Problem } from '../domain/problems.ts'
import type { Milestone, PlanStatus, ReleasePlan, ReleasePlanSummary } from '../domain/release-plan.ts'
import { forecast, nextOf, type PlanTimes, waitsFor } from '../domain/release-plan-forecast.ts'
import type { Strategy } from '../domain/strategy.ts'
import type { Gate } from './change-request-gate.ts'
import type { Database } from './database.ts'
import { type FlagAddress, lockFlag } from './flags.ts'
import { freezesSince } from './freeze-rows.ts'
import { readMilestoneStrategies, toStrategy } from './strategy-rows.ts'
import { nudgeReleasePlan } from './tasks.ts'
import { ask, type Transaction } from './transaction.ts'

export const PLAN_COLUMNS = `p.id, p.flag_id, p.template_id, p.name, p.description, p.status, p.anchor, p.active_milestone_id,
  p.next_at, p.paused_at, p.pause_reason, p.version, p.created_by, p.created_at, p.updated_at, f.key AS flag_key, f.environment,
  f.enabled AS flag_enabled, clock_timestamp() AS now`

/** All of a `PlanRow`, of plans `p` of flags `f`. */
export const SELECT_PLAN = `SELECT ${PLAN_COLUMNS} FROM release_plans p JOIN feature_flags f ON f.id = p.flag_id`

export interface PlanRow {
  id: string
  flag_id: string
  template_id: string | null
  name: string
  description: string
  status: PlanStatus
  anchor: 'planned' | 'actual'
  active_milestone_id: string | null
  next_at: Date | null
  paused_at: Date | null
  pause_reason: string | null
  version: number
  created_by: string
  created_at: Date
  updated_at: Date
  flag_key: string
  environment: string
  flag_enabled: boolean
  now: Date
}

export interface MilestoneRow {
  id: string
  plan_id: string
  name: string
  sort_order: number
  dwell_seconds: number | null
  needs_approval: boolean
  planned_at: Date | null
  started_at: Date | null
  dwell_from: Date | null
  approved_at: Date | null
  approved_by: string | null
}

const MILESTONE_COLUMNS = `m.id, m.plan_id, m.name, m.sort_order, m.dwell_seconds, m.needs_approval, m.planned_at,
  m.started_at, m.dwell_from, m.approved_at, m.approved_by`

export function planNotFound(planId: string): Problem {
  return new Problem('plan-not-found', `There is no release plan "${planId}" here.`)
}

/** A plan by its id alone, as workflows know it, or within a flag, as paths name it. */
export type PlanAddress = { planId: string } & Partial<FlagAddress>

/** A plan with its milestones, its flag locked. */
export interface LockedPlan {
  flag: Flag
  /** Of the database, once the lock was ours. */
  now: Date
  plan: PlanRow
  milestones: MilestoneRow[]
}

/** Locks the flag of a plan, as every write to the plan does first. @throws Problem `flag-not-found`, `plan-not-found` */
export async function lockPlan(tx: Transaction, address: PlanAddress, gate?: Gate): Promise<LockedPlan> {
  const { planId, environment, flagKey } = address
  const whole = environment !== undefined && flagKey !== undefined
  const { flag } = await lockFlag(tx, whole ? { environment, flagKey } : await flagOf(tx, planId), gate)
  const [plan] = await tx.query<PlanRow>(`${SELECT_PLAN} WHERE p.id = $1 AND p.flag_id = $2`, [planId, flag.id])
  if (!plan) throw planNotFound(planId)
  return { flag, now: plan.now, plan, milestones: await milestonesOf(tx, [planId]) }
}

async function flagOf(tx: Transaction, planId: string): Promise<FlagAddress> {
  const [flag] = await tx.query<FlagAddress>(
    `SELECT f.environment, f.key AS "flagKey" FROM release_plans p JOIN feature_flags f ON f.id = p.flag_id WHERE p.id = $1`,
    [planId],
  )
  if (!flag) throw planNotFound(planId)
  return flag
}

/** @throws Problem `milestone-not-found` */
export function milestoneOf({ milestones }: LockedPlan, milestoneId: string): MilestoneRow {
  const found = milestones.find(({ id }) => id === milestoneId)
  if (!found) throw new Problem('milestone-not-found', `The release plan has no milestone "${milestoneId}".`)
  return found
}

/** Sends a plan's workflow on its way again; `because` tells one repair from another. */
export function enqueuePlanNudge(tx: Transaction, plan: PlanRow, because = ''): void {
  const { id: planId, flag_key: flagKey, environment, next_at, version } = plan
  tx.enqueueTriggerTask(
    `${planId}/${version}`,
    nudgeReleasePlan,
    { planId, flagKey, environment, nextAt: next_at?.toISOString() ?? null },
    { idempotencyKey: `release-plan/${planId}/${version}${because}` },
  )
}

/** Writes an event of a plan that the caller has locked. */
export function emitPlanEvent(
  tx: Transaction,
  type: Extract<EventType, `release-plan-${string}` | `milestone-${string}` | `safeguard-${string}`>,
  { id: planId, environment, flag_key: flagKey, flag_id: flagId }: PlanRow,
  data: Record<string, unknown>,
  revision?: number,
): void {
  tx.emitEvent({ type, environment, flagKey, flagId, revision: revision ?? null, data: { planId, ...data } })
}

/** The plan as it is now, within the transaction that changed it. */
export async function rereadPlan(tx: Transaction, planId: string): Promise<PlanRow> {
  const [row] = await tx.query<PlanRow>(`${SELECT_PLAN} WHERE p.id = $1`, [planId])
  return row as PlanRow
}

export async function milestonesOf(from: Database | Transaction, planIds: string[]): Promise<MilestoneRow[]> {
  return await ask<MilestoneRow>(
    from,
    `SELECT ${MILESTONE_COLUMNS} FROM milestones m WHERE plan_id = ANY ($1) ORDER BY plan_id, sort_order`,
    [planIds],
  )
}

/** The freezes that a plan may meet, from when it is due on. */
export async function freezesAhead(
  from: Database | Transaction,
  { environment, next_at, now }: Pick<PlanRow, 'environment' | 'next_at' | 'now'>,
): Promise<Freeze[]> {
  return await freezesSince(from, [environment], next_at && next_at < now ? next_at : now)
}

export function progressionOf({ dwell_seconds: afterSeconds, needs_approval: approval }: MilestoneRow) {
  if (afterSeconds === null && !approval) return null
  return { ...(afterSeconds !== null && { afterSeconds }), approval }
}

export function timesOf(plan: PlanRow, milestones: MilestoneRow[]): PlanTimes {
  return {
    status: plan.status,
    anchor: plan.anchor,
    activeMilestoneId: plan.active_milestone_id,
    nextAt: plan.next_at?.getTime() ?? null,
    milestones: milestones.map((row) => ({
      id: row.id,
      progression: progressionOf(row),
      plannedAt: row.planned_at?.getTime() ?? null,
      startedAt: row.started_at?.getTime() ?? null,
      dwellFrom: row.dwell_from?.getTime() ?? null,
      approvedAt: row.approved_at?.getTime() ?? null,
    })),
  }
}

/** When the next milestone starts by itself: not before now, and not inside a freeze. */
export function willStartAt({ next_at, now }: Pick<PlanRow, 'next_at' | 'now'>, freezes: Freeze[]): Date | null {
  return next_at && new Date(firstFree(freezes, Math.max(next_at.getTime(), now.getTime())))
}

export function toSummary(row: PlanRow, milestones: MilestoneRow[]): ReleasePlanSummary {
  const times = timesOf(row, milestones)
  const { active } = nextOf(times)
  const { dwellFrom = null, progression = null } = active ?? {}
  const left =
    row.paused_at && dwellFrom !== null && progression?.afterSeconds !== undefined
      ? Math.max(0, dwellFrom / 1000 + progression.afterSeconds - row.paused_at.getTime() / 1000)
      : null
  return {
    id: row.id,
    flagKey: row.flag_key,
    environment: row.environment,
    flagEnabled: row.flag_enabled,
    templateId: row.template_id,
    name: row.name,
    description: row.description,
    status: row.status,
    anchor: row.anchor,
    activeMilestoneId: row.active_milestone_id,
    waitsFor: waitsFor(times, row.now.getTime()),
    nextAt: row.next_at?.toISOString() ?? null,
    remainingSeconds: left,
    pausedAt: row.paused_at?.toISOString() ?? null,
    pauseReason: row.pause_reason,
    version: row.version,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

/** A plan with all that people want to know of it. Reads its milestones, strategies and freezes. */
export async function toPlan(from: Database | Transaction, row: PlanRow): Promise<ReleasePlan> {
  const milestones = await milestonesOf(from, [row.id])
  const freezes = await freezesAhead(from, row)
  const served = await ask<{ id: string }>(
    from,
    'SELECT id FROM feature_strategies WHERE flag_id = $1 AND milestone_id IS NOT NULL',
    [row.flag_id],
  )
  const strategies = await strategiesOf(from, row, milestones, new Set(served.map(({ id }) => id)))
  const times = timesOf(row, milestones)
  const ahead = forecast(times, freezes, row.now.getTime())
  const { active, next } = nextOf(times)
  const statusOf = (index: number): Milestone['status'] => {
    const at = milestones.findIndex(({ id }) => id === active?.id)
    if (index === at) return 'running'
    if (index < at) return 'done'
    return milestones[index]?.id === next?.id ? 'next' : 'waiting'
  }
  return {
    ...toSummary(row, milestones),
    milestones: milestones.map((milestone, index) => {
      const later = ahead.get(milestone.id)
      const plannedAt = later ? instant(later.plannedAt) : (milestone.planned_at?.toISOString() ?? null)
      return {
        id: milestone.id,
        name: milestone.name,
        status: statusOf(index),
        progression: progressionOf(milestone),
        plannedAt,
        startedAt: milestone.started_at?.toISOString() ?? null,
        willStartAt: instant(later?.willStartAt ?? null),
        approvedAt: milestone.approved_at?.toISOString() ?? null,
        approvedBy: milestone.approved_by,
        strategies: strategies.get(milestone.id) ?? [],
      }
    }),
  }
}

function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

async function strategiesOf(
  from: Database | Transaction,
  { flag_key: flagKey }: PlanRow,
  milestones: MilestoneRow[],
  served: Set<string>,
): Promise<Map<string | null, Strategy[]>> {
  const copies = await readMilestoneStrategies(
    from,
    milestones.map(({ id }) => id),
  )
  const shown = copies.map((copy) => toStrategy(flagKey, copy, served.has(copy.id)))
  return Map.groupBy(shown, ({ milestoneId }) => milestoneId)
}
