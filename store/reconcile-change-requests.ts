import { BY_ITSELF } from '../domain/event.ts'
import { enqueueRequestNudge, flagKeysOf, loadRequest } from './change-request-rows.ts'
import { type Database, query } from './database.ts'
import { type Transaction, transaction } from './transaction.ts'

/** Looked at in one run, soonest due first. */
const MOST = 1_000

export interface WaitingRequest {
  id: string
  version: number
  scheduled: boolean
}

/** Scheduled and suspended change requests without a message under way. */
export async function requestsToCheck(db: Database): Promise<WaitingRequest[]> {
  return await query<WaitingRequest>(
    db,
    `SELECT r.id, r.version, r.state = 'scheduled' AS scheduled FROM change_requests r WHERE r.state IN ('scheduled', 'suspended')
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.state <> 'dispatched' AND o.payload ->> 'requestId' = r.id)
     ORDER BY r.scheduled_at, r.id LIMIT ${MOST}`,
  )
}

/**
 * Sends a request's workflow on its way again. `because` names the reconciler's run, so that each run sends once.
 *
 * @returns false, and does nothing, when the request has changed since it was picked: then its workflow was told
 */
export async function nudgeRequest(db: Database, { id, version }: WaitingRequest, because: string): Promise<boolean> {
  const nudge = async (tx: Transaction) => {
    const [there] = await tx.query('SELECT 1 FROM change_requests WHERE id = $1 AND version = $2', [id, version])
    if (!there) return false
    const { row, changes } = await loadRequest(tx, { id })
    enqueueRequestNudge(tx, row, flagKeysOf(changes), `/${because}`)
    return true
  }
  return (await transaction(db, nudge, { origin: BY_ITSELF })).result
}
