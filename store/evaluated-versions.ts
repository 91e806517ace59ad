import type { PolicyDocument } from '../domain/policy/document.ts'
import type { Transaction } from './transaction.ts'

// Two keys of an advisory lock; nobody else in this database uses the first.
const BARRIER = '(1970170469, 1)'

/** Why writers of items evaluate a version; see `migrations/0003_policy_activation.sql`. */
export type Why = 'active' | 'preparing' | 'resumable' | 'ready' | 'reverse'

/** How long a version is kept evaluated that is not live: every write of an item pays for it. */
const KEPT: Record<Why, string | null> = {
  active: null,
  preparing: null,
  resumable: '24 hours',
  ready: '7 days',
  reverse: '24 hours',
}

export interface EvaluatedVersion {
  version: number
  document: PolicyDocument
}

/**
 * What the writer of an item does first: holds the shared side of the barrier to the end of its transaction, and only then,
 * in a statement with a snapshot of its own, reads which versions it must evaluate. In one statement, the snapshot would
 * be older than the wait.
 */
export async function enterAsWriter(tx: Transaction): Promise<EvaluatedVersion[]> {
  await tx.query(`SELECT pg_advisory_xact_lock_shared${BARRIER}`)
  return await tx.query<EvaluatedVersion>(
    `SELECT p.version, p.document FROM evaluated_versions JOIN catalog_policies p USING (version) ORDER BY p.version`,
  )
}

/**
 * Waits until every writer that may not know the list of versions as it is now has committed. Whoever comes later reads it
 * anew. Waits at most 200 ms, because writers queue behind it meanwhile; then it throws 55P03, and the caller tries again.
 */
export async function passBarrier(tx: Transaction): Promise<void> {
  await tx.query(`SET LOCAL lock_timeout = '200ms'`)
  await tx.query(`SELECT pg_advisory_xact_lock${BARRIER}`)
}

/** Puts a version on the list, or changes why it is there. */
export async function keepEvaluated(tx: Transaction, version: number, why: Why): Promise<void> {
  await tx.query(
    `INSERT INTO evaluated_versions (version, why, until) VALUES ($1, $2, clock_timestamp() + $3::interval)
     ON CONFLICT (version) DO UPDATE SET why = excluded.why, until = excluded.until`,
    [version, why, KEPT[why]],
  )
}

/** Takes a version off the list: from now on its evidence is void. */
export async function stopEvaluating(tx: Transaction, version: number): Promise<void> {
  await tx.query(`DELETE FROM evaluated_versions WHERE version = $1`, [version])
}

/** Locks a version's place on the list to the end of the transaction. Returns why it is there, undefined when it is not. */
export async function lockEvaluated(tx: Transaction, version: number): Promise<Why | undefined> {
  const [row] = await tx.query<{ why: Why }>(
    `SELECT why FROM evaluated_versions WHERE version = $1 AND (until IS NULL OR until > clock_timestamp()) FOR UPDATE`,
    [version],
  )
  return row?.why
}

/** Takes off the list what was kept long enough. Returns how many versions. */
export async function expireEvaluated(tx: Transaction): Promise<number> {
  const rows = await tx.query(`DELETE FROM evaluated_versions WHERE until <= clock_timestamp() RETURNING 1`)
  return rows.length
}
