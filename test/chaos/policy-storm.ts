import { setTimeout as wait } from 'node:timers/promises'
import { createToken } from '../../dev/token.ts'
import { MediaItemLine } from '../../domain/media-item.ts'
import { Problem } from '../../domain/problems.ts'
import { createLog } from '../../runtime/log.ts'
import { type Database, isConnectionLost, openBatchDatabase, openDatabase, sqlState } from '../../store/database.ts'
import { deleteItem, patchItem, putItems } from '../../store/media-items.ts'
import { evaluateBatch, Fenced, type Range, type Slice } from '../../store/policy-batches.ts'
import { type Transaction, transaction } from '../../store/transaction.ts'
import { itemOf } from '../helpers/catalog.ts'
import { JWT_SECRET, type Stack } from '../helpers/processes.ts'
import type { Caller } from './caller.ts'
import { randomOf } from './random.ts'

/** Items that there are, and the first that no storm touches. */
export const COUNT = 6_000
export const UNTOUCHED_FROM = 4_501
const HTTP_WRITERS = 8
const SQL_WRITERS = 4

const quiet = createLog('storm', 'silent')
const origin = { actor: 'storm', door: 'http' } as const

export async function importCatalog(stack: Stack): Promise<void> {
  const token = await createToken({ secret: JWT_SECRET, subject: 'chaos', role: 'admin' })
  const response = await fetch(`${stack.url}/api/admin/media-items/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: Array.from({ length: COUNT }, (_, n) => JSON.stringify(itemOf(n + 1))).join('\n'),
  })
  const report = (await response.json()) as { created: number }
  if (report.created !== COUNT) throw new Error(JSON.stringify(report))
}

export interface Storm {
  /** Resolves when the last write is answered: how many there were, by what came of them. */
  stop(): Promise<Record<string, number>>
  /** What should not have been answered or committed. */
  outrages: string[]
}

/**
 * Writes items until it is stopped: over HTTP, and by the store's functions in long transactions that sleep at random
 * points. For a run it also plays the attempt that does not know that it is history.
 */
export function startStorm(stack: Stack, caller: Caller, seed: number, runId?: () => string | undefined): Storm {
  let blowing = true
  const tally: Record<string, number> = {}
  const outrages: string[] = []
  const count = (what: string) => (tally[what] = (tally[what] ?? 0) + 1)
  const db = openDatabase({ url: stack.databaseUrl, name: 'api', log: quiet, connections: SQL_WRITERS })
  const batchDb = openBatchDatabase({ url: stack.databaseUrl, log: quiet, connections: 2 })
  const repeat = async (once: () => Promise<void>) => {
    while (blowing) await once()
  }
  const writers = [
    ...Array.from({ length: HTTP_WRITERS }, (_, n) => {
      const random = randomOf(seed + n)
      return repeat(async () => {
        const { method, path, body } = requestOf(random)
        const { status, code } = await caller.call(method, path, body)
        count(`${method} ${status}`)
        if (status >= 400 && code !== 'media-item-not-found') outrages.push(`${method} ${path}: ${status} ${code}`)
        await wait(random() * 25)
      })
    }),
    ...Array.from({ length: SQL_WRITERS }, (_, n) => {
      const random = randomOf(seed + 100 + n)
      return repeat(async () => {
        const { result } = await transaction(db, (tx) => writeSlowly(tx, random), { origin }).catch((error) => {
          // Whatever happened to it, nothing of it was committed, or all of it: the oracle sees the rows.
          if (!isExpected(error)) outrages.push(`a writer got ${error.message}`)
          return { result: 'SQL failed' }
        })
        count(result)
        await wait(random() * 60)
      })
    }),
    repeat(async () => {
      const id = runId?.()
      if (id) await haunt(stack, batchDb, id, count, outrages).catch((error) => count(`zombie: ${error.message}`))
      await wait(100)
    }),
  ]
  return {
    outrages,
    async stop() {
      blowing = false
      await Promise.all(writers)
      await Promise.all([db.pool.end(), batchDb.pool.end()])
      return tally
    },
  }
}

function requestOf(random: () => number): { method: string; path: string; body?: object } {
  const id = 1 + Math.floor(random() * (UNTOUCHED_FROM - 1))
  const path = `/media-items/${id}`
  const { id: _, ...content } = itemOf(id, { trendingScore: Math.floor(random() * 1_000) })
  const metadata = { adult: random() < 0.2, ...(random() < 0.9 && { rating: Math.floor(random() * 100) / 10 }) }
  const action = random()
  if (action < 0.35) return { method: 'PATCH', path, body: { metadata } }
  if (action < 0.5) return { method: 'PUT', path, body: { ...content, metadata } }
  // As it is, or as it was before somebody deleted it.
  if (action < 0.6) return { method: 'PUT', path, body: content }
  if (action < 0.72) return { method: 'DELETE', path }
  if (action < 0.8) {
    // Behind all ranges, or brought back.
    return {
      method: 'PUT',
      path: `/media-items/${100_000 + Math.floor(random() * 200)}`,
      body: { ...content, metadata },
    }
  }
  const ingestionStatus = ['ready', 'ready', 'pending', 'failed'][Math.floor(random() * 4)]
  return { method: 'PATCH', path, body: { ingestionStatus } }
}

async function writeSlowly(tx: Transaction, random: () => number): Promise<string> {
  const sleep = () => wait(random() * 150)
  // Mostly in order; the others meet in deadlocks, which are retried.
  const ids = Array.from({ length: 3 }, () => 1 + Math.floor(random() * (UNTOUCHED_FROM - 1)))
  if (random() < 0.9) ids.sort((a, b) => a - b)
  const [first, second, third] = ids as [number, number, number]
  const metadata = { adult: random() < 0.2, rating: Math.floor(random() * 10) }
  // Missing items are no failure of the transaction.
  const attempt = (work: () => Promise<unknown>) =>
    work().catch((error) => {
      if (!(error instanceof Problem)) throw error
    })
  await attempt(() => patchItem(tx, first, { metadata }))
  await sleep()
  await putItems(tx, [MediaItemLine.parse(itemOf(second, { metadata, trendingScore: Math.floor(random() * 1_000) }))])
  await sleep()
  await attempt(() => (random() < 0.3 ? deleteItem(tx, third) : patchItem(tx, third, { ingestionStatus: 'ready' })))
  await sleep()
  if (random() < 0.1) throw new Problem('media-item-not-found', 'Changed their mind')
  return 'SQL committed'
}

function isExpected(error: unknown): boolean {
  if (error instanceof Problem || isConnectionLost(error)) return true
  // A partition that was attached in the middle of a transaction that had evaluated items already: Postgres does not look
  // again for partitions of a table that it has locked. The API writes items once in a transaction.
  if (/^no partition of relation/.test((error as Error).message)) return true
  // A deadlock that was tried again in vain, a lock that was not had in time.
  return /^(40P01|55P03|57014)$/.test(sqlState(error) ?? '')
}

/** Two attempts that are history: one with an old fence, one with an old cursor. Neither may commit anything. */
async function haunt(
  { sql }: Stack,
  db: Database,
  runId: string,
  count: (what: string) => void,
  outrages: string[],
): Promise<void> {
  const [run] = await sql<Slice & { fence: number }>(
    `SELECT r.id AS "runId", p.version, p.document, r.fence, r.batch_size AS "batchSize", 0 AS "delayMs"
     FROM catalog_evaluation_runs r JOIN catalog_policies p ON p.id = r.target_policy_id
     WHERE r.id = $1 AND r.status = 'running'`,
    [runId],
  )
  const ranges = await sql<Range & { after: number }>(
    `SELECT number, to_id AS "to", cursor, after_id AS after FROM catalog_evaluation_ranges
     WHERE run_id = $1 AND cursor > after_id AND cursor < to_id`,
    [runId],
  )
  if (!run) return
  for (const { after, ...range } of ranges) {
    const history: [string, Slice, Range][] = [
      ['fence', { ...run, fence: run.fence - 1 }, range],
      ['cursor', run, { ...range, cursor: after }],
    ]
    for (const [old, slice, at] of history) {
      try {
        await evaluateBatch(db, slice, at)
        outrages.push(`a batch with an old ${old} was committed`)
      } catch (error) {
        if (!(error instanceof Fenced || isExpected(error))) throw error
        count(`zombie with an old ${old}`)
      }
    }
  }
}
