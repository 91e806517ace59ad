import { type Database, query } from './database.ts'
import type { Transaction } from './transaction.ts'

/** Days after its last run that the evaluations of a version are kept which nobody evaluates any more. */
const KEPT_DAYS = 7

/** The partition of a version: its name is made of a number, so it may stand in SQL. */
export function partitionOf(version: number): string {
  if (!Number.isInteger(version)) throw new Error(`${version} is no version`)
  return `media_catalog_evaluations_v${version}`
}

/**
 * Makes the partition of a version, if it has none. Made apart and attached: `CREATE TABLE … PARTITION OF` would lock every
 * reader of every version out; ATTACH lets them go on, and the CHECK spares it the scan.
 */
export async function ensurePartition(tx: Transaction, version: number): Promise<void> {
  const name = partitionOf(version)
  const [existing] = await tx.query<{ pending: boolean }>(
    'SELECT inhdetachpending AS pending FROM pg_inherits WHERE inhrelid = to_regclass($1)',
    [name],
  )
  if (existing && !existing.pending) return
  await tx.query(`SET LOCAL lock_timeout = '2s'`)
  // Dropping it was interrupted.
  if (existing) await tx.query(`ALTER TABLE media_catalog_evaluations DETACH PARTITION ${name} FINALIZE`)
  await tx.query(`DROP TABLE IF EXISTS ${name}`)
  await tx.query(
    `CREATE TABLE ${name} (LIKE media_catalog_evaluations INCLUDING ALL, CHECK (policy_version = ${version}))`,
  )
  await tx.query(`ALTER TABLE media_catalog_evaluations ATTACH PARTITION ${name} FOR VALUES IN (${version})`)
}

export async function hasPartition(db: Database, version: number): Promise<boolean> {
  return (
    (await query(db, 'SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass($1)', [partitionOf(version)])).length > 0
  )
}

/**
 * Drops the evaluations of versions that nobody evaluates any more and whose last run ended more than a week ago. Detached
 * concurrently first: a plain DETACH or DROP would lock readers of every version out.
 *
 * @returns the versions whose evaluations were dropped
 */
export async function dropUnusedPartitions(db: Database): Promise<number[]> {
  const unused = await query<{ version: number; attached: boolean; pending: boolean }>(
    db,
    `SELECT p.version, h.inhrelid IS NOT NULL AS attached, coalesce(h.inhdetachpending, false) AS pending
     FROM catalog_policies p JOIN pg_class c ON c.oid = to_regclass('media_catalog_evaluations_v' || p.version)
       LEFT JOIN pg_inherits h ON h.inhrelid = c.oid
     WHERE NOT EXISTS (SELECT FROM evaluated_versions e WHERE e.version = p.version)
       AND NOT EXISTS (SELECT FROM catalog_evaluation_runs r WHERE r.target_policy_id = p.id
         AND coalesce(r.finished_at, 'infinity') > now() - interval '${KEPT_DAYS} days')
     -- Postgres detaches one at a time: what was interrupted comes first.
     ORDER BY 3 DESC, p.version`,
  )
  if (unused.length === 0) return []
  const client = await db.pool.connect()
  try {
    await client.query(`SET lock_timeout = '200ms'`)
    for (const { version, attached, pending } of unused) {
      const detach = `ALTER TABLE media_catalog_evaluations DETACH PARTITION ${partitionOf(version)}`
      if (attached) await client.query(`${detach} ${pending ? 'FINALIZE' : 'CONCURRENTLY'}`)
      await client.query(`DROP TABLE ${partitionOf(version)}`)
    }
  } finally {
    // Not given back: its lock_timeout is not that of the pool.
    client.release(true)
  }
  return unused.map(({ version }) => version)
}
