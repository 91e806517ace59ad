import { setTimeout as wait } from 'node:timers/promises'
import { isGrpcServiceError } from '@temporalio/client'
import type { Log } from '../runtime/log.ts'
import type { Database } from '../store/database.ts'
import { type ClaimedTask, claimOutbox, markAttemptFailed, markDispatched } from '../store/outbox.ts'
import type { TaskRunner } from './dispatcher.ts'

const BATCH = 100
const LEASE_MS = 30_000
const POLL_MS = 1_000
/** Refusals of Temporal before a row is dead-lettered: with the backoff below, about five minutes. */
const MAX_ATTEMPTS = 10
const MAX_BACKOFF_MS = 60_000
const OUTAGE_RETRY_MS = 3_000

// gRPC codes of a server that cannot be reached or is overloaded: nothing is wrong with the row, however often they come.
const OUTAGE = new Set([1 /* cancelled */, 4 /* deadline */, 8 /* exhausted */, 14 /* unavailable */])

function isOutage(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause)) return OUTAGE.has(cause.code)
  }
  return false
}

/** Messages of an error and its causes: the client's own says only which call it was. */
function describe(error: unknown): string {
  const messages = new Set<string>()
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    messages.add(isGrpcServiceError(cause) ? cause.details || cause.message : cause.message)
  }
  return [...messages].join(': ')
}

/** Milliseconds until the next attempt, with jitter so that a healed server is not hit by all rows at once. */
export function backoffMs(attempts: number, random = Math.random()): number {
  return Math.min(MAX_BACKOFF_MS, 500 * 2 ** attempts) * (0.5 + random / 2)
}

/**
 * Sends what the in-process dispatch could not: polls the outbox, about once a second and at once while there is more.
 * Several relays may run side by side.
 *
 * @returns a function that stops it and waits for what is under way
 */
export function startRelay(db: Database, run: TaskRunner, log: Log): () => Promise<void> {
  const stopping = new AbortController()
  const loop = async () => {
    while (!stopping.signal.aborted) {
      const sent = await relayOnce(db, run, log).catch((error) => {
        log.warn({ err: error }, 'The relay could not read the outbox')
        return 0
      })
      if (sent === BATCH) continue
      await wait(POLL_MS * (0.75 + Math.random() / 2), undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  const running = loop()
  return async () => {
    stopping.abort()
    await running
  }
}

/** Claims one batch of waiting rows and sends it. Returns how many rows were claimed. */
export async function relayOnce(db: Database, run: TaskRunner, log: Log): Promise<number> {
  const claimed = await claimOutbox(db, BATCH, LEASE_MS)
  const dispatched: number[] = []
  const send = async (row: ClaimedTask) => {
    try {
      await run(row)
      dispatched.push(row.id)
    } catch (error) {
      const outage = isOutage(error)
      const dead = !outage && row.attempts >= MAX_ATTEMPTS
      const level = dead ? 'error' : 'warn'
      log[level](
        { err: error, outboxId: row.id, task: row.task, attempts: row.attempts },
        dead ? 'Dead-lettered a task' : 'Could not relay a task',
      )
      const retryInMs = dead ? null : outage ? OUTAGE_RETRY_MS * (0.5 + Math.random()) : backoffMs(row.attempts)
      await markAttemptFailed(db, row.id, { error: describe(error), retryInMs, counts: !outage })
    }
  }
  await Promise.all(claimed.map(send))
  if (dispatched.length > 0) await markDispatched(db, dispatched)
  return claimed.length
}
