import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import type { PoolClient } from 'pg'
import type { Origin } from '../domain/event.ts'
import { type Database, isConnectionLost, prepared, query, type Row, sqlState } from './database.ts'
import {
  type CollectedEffects,
  type CommittedTask,
  createEffectsAccumulator,
  type EffectsContext,
  idempotencyKeyTaken,
  type TriggerTaskHandle,
} from './effects.ts'
import { claimIdempotencyKey, type Once, rememberResult } from './idempotency.ts'
import { type LostCommit, requireCommitted, type Witness } from './lost-commit.ts'

export interface Transaction extends EffectsContext {
  readonly origin: Origin
  query<R extends object = Row>(text: string, values?: unknown[]): Promise<R[]>
  /** Runs `work` so that, when it throws, its rows and its effects vanish and the transaction can go on. */
  savepoint<T>(work: () => Promise<T>): Promise<T>
}

export interface TransactionResult<T> {
  result: T
  /** What was dispatched within the short wait after the commit, by the key given to `enqueueTriggerTask`. */
  triggerHandles: Map<string, TriggerTaskHandle>
}

export interface TransactionOptions {
  origin: Origin
  /** With it, a repeated request gets the first one's result and changes nothing. */
  once?: Once | undefined
  /** Conditions for a lost COMMIT: how long to look for the outcome, in milliseconds. */
  lookUpForMs?: number
}

// Serialization failure and deadlock: the same work succeeds when it is done again.
const RETRIED = new Set(['40001', '40P01'])
const ATTEMPTS = 6

const running = new AsyncLocalStorage<true>()

/** Is this code running inside a transaction's callback? The Temporal client refuses to be called there. */
export function isInsideTransaction(): boolean {
  return running.getStore() === true
}

/**
 * One fact, one transaction: rows, audit events and queued tasks of `work` commit together or not at all; queued tasks are
 * dispatched and caches invalidated only after the commit. Serialization failures and deadlocks are retried from the
 * top with fresh effects. When the reply to COMMIT is lost, the outcome is looked up by the transaction's id.
 *
 * @throws whatever `work` throws, after a rollback; Problem `outcome-unknown` when a lost COMMIT cannot be looked up
 */
export async function transaction<T>(
  db: Database,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<TransactionResult<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { result, effects, tasks, lost } = await running.run(true, () => attemptOnce(db, work, options))
      // Looked up only now that the broken connection is given back: a restart of Postgres breaks all of a pool at once.
      if (lost) await requireCommitted(db, lost, options.lookUpForMs)
      if (effects.cacheInvalidations.length > 0) db.onInvalidate(effects.cacheInvalidations)
      const triggerHandles = tasks.length > 0 ? await db.dispatcher.dispatch(tasks) : new Map()
      return { result, triggerHandles }
    } catch (error) {
      if (attempt === ATTEMPTS || !RETRIED.has(sqlState(error) ?? '')) throw error
      await wait(Math.random() * 5 * 2 ** attempt)
    }
  }
}

interface Attempt<T> {
  result: T
  effects: CollectedEffects
  tasks: CommittedTask[]
  /** Set when the connection broke at COMMIT, so that nobody knows what came of it. */
  lost?: LostCommit | undefined
}

async function attemptOnce<T>(
  db: Database,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<Attempt<T>> {
  const client = await db.pool.connect()
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  client.on('error', onError)
  const { effects, context } = createEffectsAccumulator()
  try {
    await client.query('BEGIN')
    const tx = { ...context, origin: options.origin, ...statements(client, effects) }
    const earlier = options.once && (await claimIdempotencyKey<T>(tx, options.once))
    if (earlier) {
      await client.query('ROLLBACK')
      return { result: earlier.result, effects: createEffectsAccumulator().effects, tasks: [] }
    }
    const result = await work(tx)
    if (options.once) await rememberResult(tx, options.once, result)
    const { proof, tasks } = await flush(client, options.origin, effects)
    const lost = await commit(client, proof)
    broken ??= lost?.cause
    return { result, effects, tasks, lost }
  } catch (error) {
    if (isConnectionLost(error)) broken ??= error as Error
    else await client.query('ROLLBACK').catch((failure: Error) => (broken = failure))
    throw error
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}

function statements(client: PoolClient, effects: CollectedEffects): Pick<Transaction, 'query' | 'savepoint'> {
  let depth = 0
  return {
    query: async <R extends object>(text: string, values: unknown[] = []) =>
      (await client.query<R>(prepared(text, values))).rows,
    savepoint: async (work) => {
      const name = `s${++depth}`
      const kept = (Object.keys(effects) as (keyof CollectedEffects)[]).map(
        (kind) => [kind, effects[kind].length] as const,
      )
      await client.query(`SAVEPOINT ${name}`)
      try {
        const result = await work()
        await client.query(`RELEASE ${name}`)
        return result
      } catch (error) {
        if (isConnectionLost(error)) throw error
        await client.query(`ROLLBACK TO ${name}; RELEASE ${name}`)
        for (const [kind, length] of kept) effects[kind].length = length
        throw error
      }
    },
  }
}

// Events, outbox rows and the transaction's id in one statement: what effects cost is one round trip.
// Its events share one instant: between two of them, a flag would look as nobody has ever seen it.
const FLUSH = `
  WITH new_events AS (
    INSERT INTO events (type, environment, flag_key, flag_id, schedule_id, policy_version, run_id, revision, data, actor, door,
      reason, request_id, created_at)
    SELECT e.type, e.environment, e."flagKey", e."flagId", e."scheduleId", e."policyVersion", e."runId", e.revision, e.data,
      $2, coalesce(e.door, $3), $4, $5, (SELECT clock_timestamp())
    FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (type text, environment text, "flagKey" text, "flagId" uuid,
      "scheduleId" uuid, "policyVersion" integer, "runId" uuid, revision bigint, data jsonb, door text)) WITH ORDINALITY AS e
    ORDER BY e.ordinality
    RETURNING id, created_at
  ), new_tasks AS (
    INSERT INTO outbox AS row (key, task, payload, idempotency_key, request_id, next_at)
    SELECT t.key, t.task, t.payload, t."idempotencyKey", $5, clock_timestamp() + interval '5 seconds'
    FROM jsonb_to_recordset($6::jsonb) AS t(key text, task text, payload jsonb, "idempotencyKey" text)
    ORDER BY t."idempotencyKey"
    ON CONFLICT (idempotency_key) DO UPDATE SET idempotency_key = excluded.idempotency_key
      WHERE row.task = excluded.task AND row.payload = excluded.payload
    RETURNING id, created_at, idempotency_key, (xmax = 0) AS fresh
  ), written AS (
    SELECT 'events' AS relation, id, created_at AS "createdAt" FROM new_events
    UNION ALL SELECT 'outbox', id, created_at FROM new_tasks WHERE fresh
    LIMIT 1
  )
  SELECT pg_current_xact_id()::text AS xid, (SELECT to_jsonb(written) FROM written) AS witness,
    (SELECT jsonb_agg(jsonb_build_object('id', id, 'idempotencyKey', idempotency_key, 'fresh', fresh)) FROM new_tasks) AS tasks`

async function flush(client: PoolClient, origin: Origin, effects: CollectedEffects) {
  const { events, triggerTasks } = effects
  if (events.length === 0 && triggerTasks.length === 0) return { proof: undefined, tasks: [] }
  const rows = triggerTasks.map(({ key, task, payload, idempotencyKey }) => ({
    key,
    task: task.id,
    payload,
    idempotencyKey,
  }))
  const { rows: flushed } = await client.query<{
    xid: string
    witness: Witness | null
    tasks: { id: number; idempotencyKey: string; fresh: boolean }[] | null
  }>(
    prepared(FLUSH, [
      JSON.stringify(events),
      origin.actor,
      origin.door,
      origin.reason ?? null,
      origin.requestId ?? null,
      JSON.stringify(rows),
    ]),
  )
  const { xid, witness, tasks: stored } = flushed[0] as (typeof flushed)[0]
  const byKey = new Map((stored ?? []).map((row) => [row.idempotencyKey, row]))
  const tasks: CommittedTask[] = []
  for (const queued of triggerTasks) {
    const row = byKey.get(queued.idempotencyKey)
    if (!row) throw idempotencyKeyTaken(queued.idempotencyKey)
    if (row.fresh) tasks.push({ ...queued, outboxId: row.id })
  }
  return { proof: { xid, witness }, tasks }
}

async function commit(client: PoolClient, proof: Omit<LostCommit, 'cause'> | undefined) {
  try {
    const { command } = await client.query('COMMIT')
    // Postgres answers COMMIT of a failed transaction with ROLLBACK and no error: a statement's error was swallowed.
    if (command !== 'COMMIT') throw new Error('The transaction was rolled back: one of its statements had failed')
  } catch (error) {
    if (!isConnectionLost(error) || !proof) throw error
    return { ...proof, cause: error as Error }
  }
}

/** Asks inside a transaction or outside, for reads that both need. */
export async function ask<R extends object>(
  from: Database | Transaction,
  text: string,
  values: unknown[],
): Promise<R[]> {
  return 'pool' in from ? await query<R>(from, text, values) : await from.query<R>(text, values)
}
