import { Problem } from '../domain/problems.ts'
import type { Database } from './database.ts'
import { keepEvaluated } from './evaluated-versions.ts'
import { READY } from './media-item-rows.ts'
import type { Slice } from './policy-batches.ts'
import { promote, readWholeTables } from './policy-promote.ts'
import { counters, emitRunEvent, type RunRow } from './policy-runs.ts'
import { type Transaction, transaction } from './transaction.ts'

/**
 * Goes back to a version in one transaction: its run becomes a success with the counters that a query finds, and is promoted
 * like any other. Nothing has to be evaluated, because writers never stopped evaluating the version. When the gate refuses,
 * the run stays a success that is not ready to be promoted, and says why.
 *
 * @param db a pool for reads of whole tables
 * @returns the gate's refusal, if it refused
 */
export async function goBack(db: Database, slice: Slice, run: RunRow): Promise<Problem | undefined> {
  const origin = { actor: run.created_by, door: 'http', reason: 'rollback' } as const
  const work = async (tx: Transaction) => {
    if (!(await verify(tx, slice))) return undefined
    try {
      await tx.savepoint(() => promote(tx, slice.runId, run.gate))
    } catch (error) {
      if (error instanceof Problem) return error
      throw error
    }
  }
  return (await transaction(db, work, { origin })).result
}

async function verify(tx: Transaction, { runId, fence, version }: Slice): Promise<boolean> {
  await readWholeTables(tx)
  const [row] = await tx.query<RunRow>(
    `WITH found AS MATERIALIZED (
       SELECT count(*)::integer AS total, count(e.status)::integer AS processed,
         count(*) FILTER (WHERE e.status = 'eligible')::integer AS eligible,
         count(*) FILTER (WHERE e.status = 'ineligible')::integer AS ineligible,
         count(*) FILTER (WHERE e.status = 'pending')::integer AS pending,
         count(*) FILTER (WHERE e.status = 'error')::integer AS errors
       FROM media_items i LEFT JOIN media_catalog_evaluations e
         ON e.media_item_id = i.id AND e.item_version = i.version AND e.policy_version = $3
       WHERE ${READY})
     UPDATE catalog_evaluation_runs r SET status = 'success', finished_at = clock_timestamp(), version = version + 1,
       snapshot_cutoff = clock_timestamp(), total_ready_snapshot = f.total, processed = f.processed, eligible = f.eligible,
       ineligible = f.ineligible, pending = f.pending, errors = f.errors
     FROM found f WHERE r.id = $1 AND r.fence = $2 AND r.status = 'running' RETURNING r.*`,
    [runId, fence, version],
  )
  if (!row) return false
  await keepEvaluated(tx, version, 'ready')
  emitRunEvent(tx, 'policy-run-succeeded', row, { total: row.total_ready_snapshot, ...counters(row) })
  return true
}
