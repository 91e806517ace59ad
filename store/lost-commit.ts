import { setTimeout as wait } from 'node:timers/promises'
import { Problem } from '../domain/problems.ts'
import { type Database, isConnectionLost, query, sqlState } from './database.ts'

/** A row that the transaction wrote. Its id alone is no proof: ids that a crash has lost are given out again. */
export interface Witness {
  relation: 'events' | 'outbox'
  id: number
  createdAt: string
}

/** A transaction whose connection broke at COMMIT, so that nobody said what came of it. */
export interface LostCommit {
  xid: string
  witness: Witness | null
  cause: Error
}

/**
 * Finds out what became of a transaction, waiting for Postgres to come back.
 *
 * @throws with SQLSTATE 40001 when it was rolled back, so that it is done again; Problem `outcome-unknown` after `lookUpForMs`
 */
export async function requireCommitted(db: Database, lost: LostCommit, lookUpForMs = 10_000): Promise<void> {
  db.log.warn({ err: lost.cause, xid: lost.xid }, 'Lost the reply to COMMIT; looking the outcome up')
  const until = performance.now() + lookUpForMs
  for (;;) {
    try {
      const committed = await wasCommitted(db, lost)
      if (committed) return
      if (committed === false) {
        throw Object.assign(new Error('The connection broke before COMMIT took effect', { cause: lost.cause }), {
          code: '40001',
        })
      }
    } catch (error) {
      if (!isConnectionLost(error)) throw error
    }
    if (performance.now() > until) {
      const next = 'Look the change up, or send the request again with the same Idempotency-Key.'
      throw new Problem('outcome-unknown', next, { cause: lost.cause })
    }
    await wait(50)
  }
}

/**
 * Whether a transaction was committed; undefined while it still runs. Its id tells only whether it has ended: a crash
 * loses the ids of what was not flushed, and Postgres gives them to others, whose success is not ours. So the row decides,
 * read after the id, because it may be committed in between.
 */
async function wasCommitted(db: Database, { xid, witness }: LostCommit): Promise<boolean | undefined> {
  const [row] = await query<{ status: string }>(db, 'SELECT pg_xact_status($1::xid8) AS status', [xid]).catch(
    (error) => {
      // "Is in the future": lost in a crash, and nobody has got it yet.
      if (sqlState(error) === '22023') return [{ status: 'aborted' }]
      throw error
    },
  )
  if (row?.status === 'in progress') return undefined
  if (!witness || row?.status === 'aborted') return row?.status === 'committed'
  const { relation, id, createdAt } = witness
  const found = await query(db, `SELECT 1 FROM ${relation} WHERE id = $1 AND created_at = $2::timestamptz`, [
    id,
    createdAt,
  ])
  return found.length > 0
}
