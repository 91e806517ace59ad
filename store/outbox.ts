import { z } from 'zod'
import { Problem } from '../domain/problems.ts'
import { Instant } from '../domain/text.ts'
import { type Database, query } from './database.ts'
import { type Page, type PageRequest, page, readCursor } from './page.ts'
import type { Transaction } from './transaction.ts'

export const OutboxState = z.enum(['pending', 'dispatched', 'dead'])
export type OutboxState = z.infer<typeof OutboxState>

export const OutboxRow = z
  .object({
    id: z.int(),
    key: z.string(),
    task: z.string(),
    payload: z.unknown(),
    idempotencyKey: z.string(),
    state: OutboxState,
    attempts: z.int(),
    nextAt: Instant,
    lastError: z.string().nullable(),
    requestId: z.string().nullable(),
    createdAt: Instant,
    dispatchedAt: Instant.nullable(),
  })
  .meta({ id: 'OutboxRow' })
export type OutboxRow = z.infer<typeof OutboxRow>

export interface ClaimedTask {
  id: number
  key: string
  task: string
  payload: unknown
  idempotencyKey: string
  attempts: number
}

interface Stored {
  id: number
  key: string
  task: string
  payload: unknown
  idempotency_key: string
  state: OutboxState
  attempts: number
  next_at: Date
  last_error: string | null
  request_id: string | null
  created_at: Date
  dispatched_at: Date | null
}

function toOutboxRow(row: Stored): OutboxRow {
  return {
    id: row.id,
    key: row.key,
    task: row.task,
    payload: row.payload,
    idempotencyKey: row.idempotency_key,
    state: row.state,
    attempts: row.attempts,
    nextAt: row.next_at.toISOString(),
    lastError: row.last_error,
    requestId: row.request_id,
    createdAt: row.created_at.toISOString(),
    dispatchedAt: row.dispatched_at?.toISOString() ?? null,
  }
}

/**
 * Claims up to `limit` rows that are waiting, for `leaseMs`: no other relay sees them until then. Rows are found by state
 * and time alone; a high-water mark over ids would skip what commits out of order.
 */
export async function claimOutbox(db: Database, limit: number, leaseMs: number): Promise<ClaimedTask[]> {
  return await query<ClaimedTask>(
    db,
    `UPDATE outbox SET attempts = attempts + 1, next_at = clock_timestamp() + $2 * interval '1 ms'
     WHERE id IN (SELECT id FROM outbox WHERE state = 'pending' AND next_at <= (SELECT clock_timestamp())
       ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED)
     RETURNING id, key, task, payload, idempotency_key AS "idempotencyKey", attempts`,
    [limit, leaseMs],
  )
}

export async function markDispatched(db: Database, ids: number[]): Promise<void> {
  await query(
    db,
    `UPDATE outbox SET state = 'dispatched', dispatched_at = clock_timestamp() WHERE id = ANY ($1) AND state <> 'dispatched'`,
    [ids],
  )
}

export interface FailedAttempt {
  error: string
  /** Milliseconds until it is tried again; null dead-letters it. */
  retryInMs: number | null
  /** Does it count towards the dead letter? An outage does not. */
  counts: boolean
}

export async function markAttemptFailed(
  db: Database,
  id: number,
  { error, retryInMs, counts }: FailedAttempt,
): Promise<void> {
  await query(
    db,
    `UPDATE outbox SET last_error = $2, state = CASE WHEN $3::float8 IS NULL THEN 'dead' ELSE state END,
       next_at = clock_timestamp() + coalesce($3, 0) * interval '1 ms', attempts = attempts - $4::int
     WHERE id = $1 AND state = 'pending'`,
    [id, error.slice(0, 2000), retryInMs, counts ? 0 : 1],
  )
}

/** Rows of the outbox in the order of their ids. */
export async function listOutbox(
  db: Database,
  { state, limit, cursor }: PageRequest & { state?: OutboxState | undefined },
): Promise<Page<OutboxRow>> {
  const [after] = readCursor(cursor, /^\d{1,15}$/) ?? []
  const rows = await query<Stored>(
    db,
    `SELECT * FROM outbox WHERE ($1::text IS NULL OR state = $1) AND ($2::bigint IS NULL OR id > $2) ORDER BY id LIMIT $3`,
    [state ?? null, after ?? null, limit + 1],
  )
  return page(rows, limit, toOutboxRow, (row) => [row.id])
}

/**
 * Gives a dead-lettered row back to the relay, with its attempts forgotten.
 *
 * @throws Problem `outbox-row-not-found`, `outbox-row-not-dead`
 */
export async function requeueOutboxRow(tx: Transaction, id: number): Promise<OutboxRow> {
  const [row] = await tx.query<Stored>(
    `UPDATE outbox SET state = 'pending', attempts = 0, next_at = clock_timestamp() WHERE id = $1 AND state = 'dead' RETURNING *`,
    [id],
  )
  if (row) {
    tx.emitEvent({
      type: 'outbox-requeued',
      data: { outboxId: id, task: row.task, payload: row.payload, lastError: row.last_error },
    })
    return toOutboxRow(row)
  }
  const [other] = await tx.query<{ state: OutboxState }>('SELECT state FROM outbox WHERE id = $1', [id])
  if (!other) throw new Problem('outbox-row-not-found', `There is no outbox row ${id}.`)
  throw new Problem('outbox-row-not-dead', `The row is ${other.state}; only dead-lettered rows can be re-queued.`)
}

/** Deletes up to `limit` rows that were dispatched over a day ago. Returns how many. */
export async function purgeOutbox(tx: Transaction, limit: number): Promise<number> {
  const rows = await tx.query(
    `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
       WHERE state = 'dispatched' AND dispatched_at < clock_timestamp() - interval '1 day' ORDER BY dispatched_at LIMIT $1)
     RETURNING 1`,
    [limit],
  )
  return rows.length
}
