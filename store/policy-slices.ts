import { BY_ITSELF } from '../domain/event.ts'
import type { PolicyDocument } from '../domain/policy/document.ts'
import type { Database } from './database.ts'
import { query } from './database.ts'
import { keepEvaluated, passBarrier } from './evaluated-versions.ts'
import { READY } from './media-item-rows.ts'
import { Fenced, type Range, type Slice } from './policy-batches.ts'
import { partitionOf } from './policy-partitions.ts'
import { counters, emitRunEvent, type RunRow } from './policy-runs.ts'
import { type Transaction, transaction } from './transaction.ts'

/** How much the last slice weighs in the smoothed rate. */
const RATE_WEIGHT = 0.4

/**
 * Claims a run for one slice: everybody who worked on it before is fenced off. Undefined when the run is not running.
 */
export async function claimSlice(db: Database, runId: string): Promise<{ slice: Slice; run: RunRow } | undefined> {
  const [run] = await query<RunRow & { document: PolicyDocument }>(
    db,
    `UPDATE catalog_evaluation_runs r SET fence = fence + 1 FROM catalog_policies p
     WHERE r.id = $1 AND r.status = 'running' AND p.id = r.target_policy_id RETURNING r.*, p.document`,
    [runId],
  )
  if (!run) return undefined
  const { target_policy_version: version, document, fence, batch_size: batchSize, delay_ms: delayMs } = run
  return { slice: { runId, version, document, fence, batchSize, delayMs }, run }
}

/** The ranges of a run that are not exhausted. On the first call passes the writer barrier, fixes the cutoff and counts. */
export async function openRanges(db: Database, { runId, fence }: Slice, run: RunRow): Promise<Range[]> {
  if (!run.snapshot_cutoff) await fixCutoff(db, runId, fence)
  if (run.total_ready_snapshot === null) await countAndSplit(db, runId, fence, run.parallelism)
  return await query<Range>(
    db,
    `SELECT number, to_id AS "to", cursor FROM catalog_evaluation_ranges WHERE run_id = $1 AND cursor < to_id ORDER BY number`,
    [runId],
  )
}

async function fixCutoff(db: Database, runId: string, fence: number): Promise<void> {
  await transaction(
    db,
    async (tx) => {
      await passBarrier(tx)
      // What is committed was written before the cutoff; what is written from now on is later, and evaluated by its writer.
      const fixed = await tx.query(
        `UPDATE catalog_evaluation_runs SET snapshot_cutoff = clock_timestamp()
         WHERE id = $1 AND status = 'running' AND fence = $2 RETURNING 1`,
        [runId, fence],
      )
      if (fixed.length === 0) throw new Fenced()
    },
    { origin: BY_ITSELF },
  )
}

/**
 * Counts what is to be evaluated, and cuts it into ranges of about as many items each. Items only leave what was ready at
 * the cutoff, by an edit or a deletion, which their writers evaluate: so none is processed that is not counted here.
 */
async function countAndSplit(db: Database, runId: string, fence: number, parallelism: number): Promise<void> {
  await transaction(
    db,
    async (tx) => {
      const [ids] = await tx.query<{ first: number | null; last: number | null }>(
        'SELECT min(id) AS first, max(id) AS last FROM media_items',
      )
      const { first, last } = ids as { first: number | null; last: number | null }
      const slots = first === null || last === null ? [] : await countSlots(tx, runId, first, last)
      const total = slots.reduce((sum, { items }) => sum + items, 0)
      const ranges = first === null ? [] : cut(slots, total, parallelism, first - 1)
      const counted = await tx.query(
        `UPDATE catalog_evaluation_runs SET total_ready_snapshot = $3 WHERE id = $1 AND status = 'running' AND fence = $2 AND total_ready_snapshot IS NULL RETURNING 1`,
        [runId, fence, total],
      )
      if (counted.length === 0) throw new Fenced()
      await tx.query(
        `INSERT INTO catalog_evaluation_ranges (run_id, number, after_id, to_id, cursor)
         SELECT $1, number, after, "to", after FROM jsonb_to_recordset($2::jsonb) AS r(number integer, after bigint, "to" bigint)`,
        [runId, JSON.stringify(ranges)],
      )
    },
    { origin: BY_ITSELF },
  )
}

interface Slot {
  items: number
  last: number
}

// One pass, by slots of the key: exact cuts would sort all ids, which took as long again.
async function countSlots(tx: Transaction, runId: string, first: number, last: number): Promise<Slot[]> {
  return await tx.query<Slot>(
    `SELECT count(*)::integer AS items, max(id) AS last FROM media_items
     WHERE ${READY} AND updated_at <= (SELECT snapshot_cutoff FROM catalog_evaluation_runs WHERE id = $1)
     GROUP BY (id - $2) * 1000 / ($3 - $2 + 1) ORDER BY 2`,
    [runId, first, last],
  )
}

/** Key ranges of about as many items each, whose borders are those of slots. */
function cut(slots: Slot[], total: number, parallelism: number, after: number) {
  const ranges: { number: number; after: number; to: number }[] = []
  let seen = 0
  for (const { items, last } of slots) {
    seen += items
    if (seen < (total * (ranges.length + 1)) / parallelism) continue
    ranges.push({ number: ranges.length + 1, after: ranges.at(-1)?.to ?? after, to: last })
  }
  return ranges
}

/** Notes how fast a slice went, for the estimate of what is left. */
export async function noteRate(db: Database, { runId, fence }: Slice, items: number, seconds: number): Promise<void> {
  await query(
    db,
    `UPDATE catalog_evaluation_runs SET rate = coalesce(rate * ${1 - RATE_WEIGHT} + $3 * ${RATE_WEIGHT}, $3)
     WHERE id = $1 AND fence = $2 AND status = 'running'`,
    [runId, fence, items / seconds],
  )
}

/** Ends a run whose ranges are all exhausted, as the query says, not as anybody counted. @returns is it a success now? */
export async function completeRun(db: Database, { runId, fence, version }: Slice): Promise<boolean> {
  // The gate and the diff read the whole partition; they are planned with these figures.
  await query(db, `ANALYZE ${partitionOf(version)}`)
  const { result } = await transaction(
    db,
    async (tx) => {
      const [row] = await tx.query<RunRow>(
        `UPDATE catalog_evaluation_runs r SET status = 'success', finished_at = clock_timestamp(), version = version + 1,
           failing_since = NULL, last_error = NULL
         WHERE id = $1 AND fence = $2 AND status = 'running' AND total_ready_snapshot IS NOT NULL
           AND NOT EXISTS (SELECT FROM catalog_evaluation_ranges g WHERE g.run_id = r.id AND g.cursor < g.to_id)
         RETURNING *`,
        [runId, fence],
      )
      if (!row) return false
      await keepEvaluated(tx, version, 'ready')
      emitRunEvent(tx, 'policy-run-succeeded', row, { total: row.total_ready_snapshot, ...counters(row) })
      return true
    },
    { origin: BY_ITSELF },
  )
  return result
}

/** Notes that a slice failed. Returns for how many seconds slices have failed since a batch was committed. */
export async function noteFailure(db: Database, runId: string, error: string): Promise<number> {
  const [row] = await query<{ seconds: number }>(
    db,
    `UPDATE catalog_evaluation_runs SET failing_since = coalesce(failing_since, clock_timestamp()), last_error = $2
     WHERE id = $1 AND status = 'running'
     RETURNING extract(epoch FROM clock_timestamp() - failing_since)::float8 AS seconds`,
    [runId, error],
  )
  return row?.seconds ?? 0
}
