import { Problem } from '../domain/problems.ts'
import { sqlState } from './database.ts'
import type { Transaction } from './transaction.ts'

/** A request that must take effect once, however often it is sent. */
export interface Once {
  /** The caller's key; keys of different actors do not meet. */
  key: string
  /** Hash of what is asked, to tell a repetition from a key used twice. */
  fingerprint: string
  /** The header that the key came in. */
  header?: 'Idempotency-Key' | 'X-GitHub-Delivery'
}

/** Keys are kept this long; the README promises it. */
const KEPT = '24 hours'

/**
 * Takes the key for this transaction, waiting for another one that holds it.
 *
 * @returns the earlier request's result when there was one
 * @throws Problem `idempotency-key-reused` when that was another request, `busy` when it is still running
 */
export async function claimIdempotencyKey<T>(tx: Transaction, once: Once): Promise<{ result: T } | undefined> {
  const { header = 'Idempotency-Key' } = once
  try {
    const [fresh] = await tx.query(
      `INSERT INTO idempotency_keys AS earlier (actor, key, fingerprint) VALUES ($1, $2, $3)
       ON CONFLICT (actor, key) DO UPDATE SET fingerprint = excluded.fingerprint, created_at = excluded.created_at, result = NULL
         WHERE earlier.created_at < clock_timestamp() - interval '${KEPT}'
       RETURNING key`,
      [tx.origin.actor, once.key, once.fingerprint],
    )
    if (fresh) return undefined
  } catch (error) {
    if (sqlState(error) !== '55P03') throw error
    throw new Problem('busy', `The first request with this ${header} is still running. Send it again in a moment.`)
  }
  const [earlier] = await tx.query<{ fingerprint: string; result: T }>(
    'SELECT fingerprint, result FROM idempotency_keys WHERE actor = $1 AND key = $2',
    [tx.origin.actor, once.key],
  )
  if (earlier?.fingerprint !== once.fingerprint) {
    throw new Problem('idempotency-key-reused', `This ${header} was sent with another request before. Use a new one.`, {
      fields: [{ field: `header.${header.toLowerCase()}`, message: 'must be new for each request' }],
    })
  }
  return { result: earlier.result }
}

/** Keeps the request's result for its repetitions; it must survive JSON. */
export async function rememberResult(tx: Transaction, once: Once, result: unknown): Promise<void> {
  await tx.query('UPDATE idempotency_keys SET result = $3 WHERE actor = $1 AND key = $2', [
    tx.origin.actor,
    once.key,
    JSON.stringify(result),
  ])
}

/** Forgets keys whose time is over, at most `limit`. Returns how many. */
export async function purgeIdempotencyKeys(tx: Transaction, limit: number): Promise<number> {
  const rows = await tx.query(
    `DELETE FROM idempotency_keys WHERE (actor, key) IN (
       SELECT actor, key FROM idempotency_keys WHERE created_at < clock_timestamp() - interval '${KEPT}' ORDER BY created_at LIMIT $1)
     RETURNING 1`,
    [limit],
  )
  return rows.length
}
