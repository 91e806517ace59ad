import type { Transaction } from './transaction.ts'

/**
 * Makes this transaction the next configuration: a gap-free total order of everything that applications see. Its row
 * is held to the end of the transaction, so it is asked for last.
 */
export async function bumpRevision(tx: Transaction): Promise<number> {
  const [row] = await tx.query<{ revision: number }>(
    'UPDATE configuration_revision SET revision = revision + 1 RETURNING revision',
  )
  return (row as { revision: number }).revision
}
