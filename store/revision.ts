import type { Transaction } from './transaction.ts'

/**
 * The statement that makes a transaction the next configuration, once: what else it changes is of the same one. Rolled back to
 * a savepoint, it forgets that it did.
 */
export const NEXT_REVISION = `UPDATE configuration_revision SET made_by = pg_current_xact_id(),
    revision = revision + CASE WHEN made_by = pg_current_xact_id() THEN 0 ELSE 1 END
  RETURNING revision`

/**
 * Makes this transaction the next configuration: a gap-free total order of everything that applications see. Its row
 * is held to the end of the transaction, so it is asked for last.
 */
export async function bumpRevision(tx: Transaction): Promise<number> {
  const [row] = await tx.query<{ revision: number }>(NEXT_REVISION)
  return (row as { revision: number }).revision
}
