import { BY_ITSELF } from '../domain/event.ts'
import { firstFree } from '../domain/freeze.ts'
import type { PlanStatus } from '../domain/release-plan.ts'
import { nextOf } from '../domain/release-plan-forecast.ts'
import { type Database, query } from './database.ts'
import { beginMilestone } from './milestone-start.ts'
import { touchPlan } from './milestones.ts'
import {
  freezesAhead,
  lockPlan,
  milestonesOf,
  type PlanRow,
  SELECT_PLAN,
  timesOf,
  willStartAt,
} from './release-plan-rows.ts'
import { mayGoOn } from './safeguard-rows.ts'
import { type Transaction, transaction } from './transaction.ts'

/** A plan as its workflow has to know it. */
export interface PlanProgress {
  planId: string
  flagKey: string
  environment: string
  status: PlanStatus
  /** When the next milestone starts by itself: not before now, not inside a freeze; null when it waits for something else. */
  dueAt: Date | null
  /** Milliseconds until then by the database's clock. */
  dueInMs: number | null
  /** Places in the plan, from 1; none before its start. */
  active: number | null
  milestones: number
}

/** Undefined when the plan is gone. */
export async function readPlanProgress(db: Database, planId: string): Promise<PlanProgress | undefined> {
  const [row] = await query<PlanRow>(db, `${SELECT_PLAN} WHERE p.id = $1`, [planId])
  if (!row) return undefined
  const milestones = await milestonesOf(db, [planId])
  const dueAt = row.next_at && willStartAt(row, await freezesAhead(db, row))
  const active = milestones.findIndex(({ id }) => id === row.active_milestone_id)
  return {
    planId,
    flagKey: row.flag_key,
    environment: row.environment,
    status: row.status,
    dueAt,
    dueInMs: dueAt && dueAt.getTime() - row.now.getTime(),
    active: active < 0 ? null : active + 1,
    milestones: milestones.length,
  }
}

/**
 * Starts the next milestone of a plan if it is due by the database's clock: one, so that of several that an outage has left
 * behind each has its turn, in order, with its event. One whose safeguard wants a fresh value and has none is held.
 *
 * @returns whether anything was done
 * @throws Problem `plan-not-found`
 */
export async function advancePlan(db: Database, planId: string): Promise<boolean> {
  const advance = async (tx: Transaction) => {
    const locked = await lockPlan(tx, { planId })
    const { plan, milestones, now } = locked
    const freezes = await freezesAhead(tx, plan)
    const startsAt = willStartAt(plan, freezes)
    if (!plan.next_at || !startsAt || startsAt > now) return false
    const { next } = nextOf(timesOf(plan, milestones))
    const milestone = milestones.find(({ id }) => id === next?.id)
    if (!milestone) throw new Error(`The release plan ${planId} has a time for a milestone that it does not have`)
    if (!(await mayGoOn(tx, planId, now))) {
      await tx.query('UPDATE release_plans SET next_at = NULL WHERE id = $1', [planId])
      await touchPlan(tx, locked)
    } else {
      // A freeze shifts the plan, as a pause does; lateness does not.
      const plannedAt = new Date(firstFree(freezes, plan.next_at.getTime()))
      await beginMilestone(tx, locked, milestone, { plannedAt })
    }
    return true
  }
  return (await transaction(db, advance, { origin: BY_ITSELF })).result
}
