import { BY_ITSELF } from '../domain/event.ts'
import { type Database, query } from './database.ts'
import { enqueuePlanNudge, lockPlan, PLAN_COLUMNS, type PlanRow } from './release-plan-rows.ts'
import { type Transaction, transaction } from './transaction.ts'

/** Looked at in one run: more than flags usually have, soonest due first. */
const MOST = 1_000

/** Running release plans without a message under way, those that are due first; `late` by two seconds, and in no freeze. */
export async function plansToCheck(db: Database): Promise<(PlanRow & { late: boolean })[]> {
  return await query<PlanRow & { late: boolean }>(
    db,
    `SELECT ${PLAN_COLUMNS}, coalesce(p.next_at < clock_timestamp() - interval '2 seconds', false) AND NOT EXISTS (
       SELECT 1 FROM freezes z WHERE z.environment = f.environment AND clock_timestamp() >= z.from_at
         AND clock_timestamp() < z.to_at) AS late
     FROM release_plans p JOIN feature_flags f ON f.id = p.flag_id
     WHERE p.status = 'running'
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.state <> 'dispatched' AND o.payload ->> 'planId' = p.id)
     ORDER BY p.next_at NULLS LAST, p.id LIMIT ${MOST}`,
  )
}

/**
 * Sends a plan's workflow on its way again. `because` names the reconciler's run, so that each run sends once.
 *
 * @returns false, and does nothing, when the plan has changed since it was picked: then its workflow was told
 */
export async function nudgePlan(db: Database, { id: planId, version }: PlanRow, because: string): Promise<boolean> {
  const nudge = async (tx: Transaction) => {
    const [there] = await tx.query('SELECT 1 FROM release_plans WHERE id = $1', [planId])
    if (!there) return false
    const { plan } = await lockPlan(tx, { planId })
    if (plan.version !== version) return false
    enqueuePlanNudge(tx, plan, `/${because}`)
    return true
  }
  return (await transaction(db, nudge, { origin: BY_ITSELF })).result
}
