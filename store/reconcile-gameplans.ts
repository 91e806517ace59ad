import { BY_ITSELF } from '../domain/event.ts'
import { type Database, query } from './database.ts'
import { enqueueGameplanNudge, lockGameplan } from './gameplan-rows.ts'
import { type Transaction, transaction } from './transaction.ts'

/** Looked at in one run: more than a team ships at once. */
const MOST = 1_000

export interface RunningGameplan {
  id: string
  version: number
  /** Its change request, or its release plan, has come to an end: nobody has told it. */
  late: boolean
}

/** Running gameplans without a message under way, those with news first. */
export async function gameplansToCheck(db: Database): Promise<RunningGameplan[]> {
  return await query<RunningGameplan>(
    db,
    `SELECT g.id, g.version, (
       (g.change_request_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM change_requests r
          WHERE r.id = g.change_request_id AND r.state NOT IN ('applied', 'rejected', 'cancelled')))
       OR (g.flag_state = 'switching' AND g.release_plan_id IS NOT NULL AND g.change_request_id IS NULL AND NOT EXISTS (
          SELECT 1 FROM release_plans p WHERE p.id = g.release_plan_id AND p.status <> 'completed'))
       OR (g.flag_state = 'switching' AND g.schedule_id IS NOT NULL AND g.change_request_id IS NULL AND NOT EXISTS (
          SELECT 1 FROM feature_flag_schedules s WHERE s.id = g.schedule_id AND s.status = 'pending'))
     ) AS late
     FROM gameplans g
     WHERE g.status = 'running'
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.state <> 'dispatched' AND o.payload ->> 'gameplanId' = g.id)
     ORDER BY late DESC, g.id LIMIT ${MOST}`,
  )
}

/**
 * Sends a gameplan's workflow on its way again. `because` names the reconciler's run, so that each run sends once.
 *
 * @returns false, and does nothing, when the gameplan has changed since it was picked: then its workflow was told
 */
export async function nudgeStoppedGameplan(
  db: Database,
  { id, version }: RunningGameplan,
  because: string,
): Promise<boolean> {
  const nudge = async (tx: Transaction) => {
    const [there] = await tx.query('SELECT 1 FROM gameplans WHERE id = $1 AND version = $2', [id, version])
    if (there) enqueueGameplanNudge(tx, await lockGameplan(tx, { id }), `/${because}`)
    return there !== undefined
  }
  return (await transaction(db, nudge, { origin: BY_ITSELF })).result
}
