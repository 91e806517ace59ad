import { BY_ITSELF } from '../domain/event.ts'
import { compilePolicy } from '../domain/policy/compile.ts'
import type { PolicyDocument } from '../domain/policy/document.ts'
import { explainErrors } from '../domain/policy/interpret.ts'
import { ERROR_SAMPLES, type ErrorSample, STACK_CHARACTERS } from '../domain/policy-run.ts'
import { type Database, sqlState } from './database.ts'
import { ITEM_COLUMNS, type ItemRow, READY, toPolicyItem } from './media-item-rows.ts'
import { partitionOf } from './policy-partitions.ts'
import { type Transaction, transaction } from './transaction.ts'

/** A key range of a run, (after, to]; exhausted when its cursor is at `to`. */
export interface Range {
  number: number
  to: number
  cursor: number
  /** Items of the next batch, where fewer than usual because of one that cannot be evaluated. */
  limit?: number
}

/** The right to evaluate batches of a run, until somebody else claims it, or the run ends. */
export interface Slice {
  runId: string
  version: number
  document: PolicyDocument
  fence: number
  batchSize: number
  delayMs: number
}

/** Somebody else works on the run, or it is not running any more: nothing of this batch was written. */
export class Fenced extends Error {}

/**
 * Evaluates the next batch of a range in one transaction: items, cursor and counters together or not at all. The cursor
 * moves by compare-and-set and only under the slice's fence, so what a zombie or a cancelled run still does is rolled back.
 * An item that Postgres cannot evaluate or write is found by halving, recorded as an error, and the range goes on.
 *
 * @returns the range behind the batch, and how many items it had
 * @throws Fenced; whatever is no fault of an item
 */
export async function evaluateBatch(
  db: Database,
  slice: Slice,
  range: Range,
): Promise<{ range: Range; items: number }> {
  const limit = range.limit ?? slice.batchSize
  try {
    const done = (await transaction(db, (tx) => evaluate(tx, slice, range, limit), { origin: BY_ITSELF })).result
    // Grown again step by step: one bad item is seldom alone.
    return { ...done, range: { ...done.range, limit: Math.min(slice.batchSize, limit * 2) } }
  } catch (error) {
    if (isInterference(error)) return await evaluateBatch(db, slice, range)
    if (!isRefusedByData(error)) throw error
    if (limit > 1) return await evaluateBatch(db, slice, { ...range, limit: Math.ceil(limit / 2) })
    return (await transaction(db, (tx) => recordPoison(tx, slice, range, error), { origin: BY_ITSELF })).result
  }
}

/** A writer evaluated one of the items between our look and our insert; with a new look we see it. */
function isInterference(error: unknown): boolean {
  return sqlState(error) === '23505' && /_pkey$/.test((error as { constraint?: string }).constraint ?? '')
}

/** Bad data, constraint, raised by a trigger: an item's fault, however often it is tried. */
function isRefusedByData(error: unknown): error is Error {
  return /^(21|22|23|P0001)/.test(sqlState(error) ?? '')
}

interface BatchResult {
  cursor: number
  items: number
  samples: number
  error_ids: number[] | null
}

async function evaluate(tx: Transaction, slice: Slice, range: Range, limit: number) {
  const { text, values } = batchStatement(slice)
  const [batch] = await tx.query<BatchResult>(text, [
    slice.runId,
    range.number,
    range.cursor,
    range.to,
    limit,
    slice.fence,
    ...values,
  ])
  if (!batch) throw new Fenced()
  if (batch.error_ids && batch.samples < ERROR_SAMPLES)
    await addSamples(tx, slice, await explain(tx, slice, batch.error_ids))
  return { range: { ...range, cursor: batch.cursor }, items: batch.items }
}

const statements = new WeakMap<PolicyDocument, { text: string; values: unknown[] }>()

/**
 * One statement, so that a batch is one round trip: select, evaluate, write what is new or differs (but not what a writer
 * has changed since our look), move the cursor, count. The run's row comes last, since other ranges wait for it. Insert and
 * update instead of ON CONFLICT, which costs a third of the speed; what others insert meanwhile raises 23505.
 */
function batchStatement({ document, version }: Slice): { text: string; values: unknown[] } {
  const made = statements.get(document)
  if (made) return made
  const { over, values } = compilePolicy(document, 7)
  const partition = partitionOf(version)
  const found = ['version', 'status', 'reasons', 'relevance'].map((column) => `was_${column}`)
  // The items of the batch with what there is of them already, both in the order of the key: a merge join reads each once.
  // Looking them up one by one took a sixth longer.
  const page = `(SELECT i.*, e.* FROM (SELECT * FROM media_items
      WHERE id > $3 AND id <= $4 AND ${READY}
        AND updated_at <= (SELECT snapshot_cutoff FROM catalog_evaluation_runs WHERE id = $1)
      ORDER BY id LIMIT $5) i
    LEFT JOIN (SELECT media_item_id, item_version AS was_version, status AS was_status, reasons AS was_reasons,
        relevance AS was_relevance
      FROM ${partition} WHERE media_item_id > $3 AND media_item_id <= $4 ORDER BY media_item_id OFFSET 0) e
      ON e.media_item_id = i.id)`
  const text = `WITH evaluated AS MATERIALIZED (
    SELECT id, version, status::evaluation_status AS status, reasons, relevance, ${found.join(', ')},
      (was_version, was_status, was_reasons, was_relevance) IS DISTINCT FROM
        (version, status::evaluation_status, reasons, relevance) AS differs
    FROM (${over(page, ['id', 'version', ...found])}) v
  ), inserted AS (
    INSERT INTO ${partition} (media_item_id, policy_version, item_version, status, reasons, relevance)
    SELECT id, ${version}, version, status, reasons, relevance FROM evaluated WHERE was_version IS NULL
  ), updated AS (
    UPDATE ${partition} e SET item_version = v.version, status = v.status, reasons = v.reasons, relevance = v.relevance,
      evaluated_at = now()
    FROM evaluated v
    -- The list makes it an index condition: with the join alone, a plan that was made while the partition was empty read all
    -- of it for every batch.
    WHERE e.media_item_id = ANY (ARRAY(SELECT id FROM evaluated WHERE was_version IS NOT NULL AND differs))
      AND v.id = e.media_item_id AND e.item_version = v.was_version
  ), counts AS (
    SELECT count(*)::integer AS items, max(id) AS last, count(*) FILTER (WHERE status = 'eligible')::integer AS eligible,
      count(*) FILTER (WHERE status = 'ineligible')::integer AS ineligible,
      count(*) FILTER (WHERE status = 'pending')::integer AS pending,
      count(*) FILTER (WHERE status = 'error')::integer AS errors,
      (array_agg(id ORDER BY id) FILTER (WHERE status = 'error'))[:${ERROR_SAMPLES}] AS error_ids
    FROM evaluated
  ), moved AS (
    UPDATE catalog_evaluation_ranges r SET cursor = CASE WHEN c.items < $5 THEN r.to_id ELSE c.last END
    FROM counts c WHERE r.run_id = $1 AND r.number = $2 AND r.cursor = $3 RETURNING r.cursor
  )
  UPDATE catalog_evaluation_runs r SET processed = processed + c.items, eligible = r.eligible + c.eligible,
    ineligible = r.ineligible + c.ineligible, pending = r.pending + c.pending, errors = r.errors + c.errors, failing_since = NULL,
    last_error = NULL
  FROM counts c, moved WHERE r.id = $1 AND r.status = 'running' AND r.fence = $6
  RETURNING moved.cursor, c.items, c.error_ids, jsonb_array_length(r.error_sample) AS samples`
  const statement = { text, values }
  statements.set(document, statement)
  return statement
}

/** Says of each item why it could not be evaluated. */
async function explain(tx: Transaction, { document }: Slice, ids: number[]): Promise<ErrorSample[]> {
  const rows = await tx.query<ItemRow>(
    `SELECT ${ITEM_COLUMNS} FROM media_items WHERE id = ANY ($1::bigint[]) ORDER BY id`,
    [ids],
  )
  return rows.map((row) => ({
    mediaItemId: row.id,
    message: explainErrors(document, toPolicyItem(row)).join('; ').slice(0, STACK_CHARACTERS),
  }))
}

/** Records that the next item of a range cannot be evaluated or written, and goes past it. */
async function recordPoison(tx: Transaction, slice: Slice, range: Range, error: Error) {
  const [item] = await tx.query<{ id: number; version: number }>(
    `SELECT id, version FROM media_items WHERE id > $1 AND id <= $2 AND ${READY}
       AND updated_at <= (SELECT snapshot_cutoff FROM catalog_evaluation_runs WHERE id = $3) ORDER BY id LIMIT 1`,
    [range.cursor, range.to, slice.runId],
  )
  // It was edited or deleted meanwhile.
  if (!item) return await evaluate(tx, slice, range, 1)
  // Where not even the error can be written there is no row, and the gate sees that the item is missing.
  await tx
    .savepoint(() =>
      tx.query(
        `INSERT INTO ${partitionOf(slice.version)} AS e (media_item_id, policy_version, item_version, status, reasons)
         VALUES ($1, $2, $3, 'error', '{}')
         ON CONFLICT (media_item_id, policy_version) DO UPDATE SET item_version = excluded.item_version, status = 'error',
           reasons = '{}', relevance = NULL WHERE e.item_version <= excluded.item_version`,
        [item.id, slice.version, item.version],
      ),
    )
    .catch((failure) => {
      if (!isRefusedByData(failure)) throw failure
    })
  const [moved] = await tx.query(
    `WITH moved AS (UPDATE catalog_evaluation_ranges SET cursor = $4 WHERE run_id = $1 AND number = $2 AND cursor = $3 RETURNING 1)
     UPDATE catalog_evaluation_runs SET processed = processed + 1, errors = errors + 1
     FROM moved WHERE id = $1 AND status = 'running' AND fence = $5 RETURNING 1`,
    [slice.runId, range.number, range.cursor, item.id, slice.fence],
  )
  if (!moved) throw new Fenced()
  const stack = (error.stack ?? '').slice(0, STACK_CHARACTERS)
  await addSamples(tx, slice, [{ mediaItemId: item.id, message: error.message.slice(0, STACK_CHARACTERS), stack }])
  return { range: { ...range, cursor: item.id }, items: 1 }
}

async function addSamples(tx: Transaction, { runId }: Slice, samples: ErrorSample[]): Promise<void> {
  await tx.query(
    `UPDATE catalog_evaluation_runs SET error_sample = (SELECT coalesce(jsonb_agg(sample ORDER BY n), '[]')
       FROM jsonb_array_elements(error_sample || $2::jsonb) WITH ORDINALITY AS s(sample, n) WHERE n <= ${ERROR_SAMPLES})
     WHERE id = $1`,
    [runId, JSON.stringify(samples)],
  )
}
