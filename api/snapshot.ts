import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { Problem } from '../domain/problems.ts'
import type { Log } from '../runtime/log.ts'
import { applyChanges, NOTHING, readChanges, type Snapshot } from '../store/configuration.ts'
import { clientOptions } from '../store/database.ts'

/** What this process serves applications by, following the configuration as it is committed. */
export interface ConfigurationFollower {
  /** @throws Problem `unavailable` before the first one was read */
  current(): Snapshot
  /**
   * A snapshot with everything that was committed before the call.
   * @throws Problem `unavailable` when Postgres does not show it within a second
   */
  refresh(): Promise<Snapshot>
  /** Milliseconds since Postgres last said that there is nothing newer; undefined before the first snapshot. */
  age(): number | undefined
  /** Calls `listener` after each change. Returns what ends that. */
  onChange(listener: () => void): () => void
  /** Resolves when its connection is closed; the last snapshot stays. */
  stop(): Promise<void>
}

/** Looks this often when nobody is told anything: a NOTIFY may be lost with its connection, and some poolers pass none on. */
const POLL_MS = 1_000
const REFRESH_WITHIN_MS = 1_000
/** A server that says nothing for so long is given up, and connected to again. The first read is of everything. */
const ANSWER_WITHIN_MS = 10_000
const RECONNECT_MS = { first: 50, last: 2_000 }

interface Waiter {
  asked: number
  resolve: (snapshot: Snapshot) => void
}

/** Begins to follow, on a connection of its own; what it has read stays when Postgres is away. */
export function followConfiguration({ url, log }: { url: string; log: Log }): ConfigurationFollower {
  let snapshot = NOTHING
  let confirmedAt: number | undefined
  // Only the loop reads; all others ask it to. What was asked before a read began is answered by it.
  let asked = 0
  const waiters = new Set<Waiter>()
  const listeners = new Set<() => void>()
  const stopping = new AbortController()
  let wake = () => {}
  const ask = () => {
    asked++
    wake()
  }
  stopping.signal.addEventListener('abort', () => wake())

  async function readOnce(client: pg.Client): Promise<void> {
    const [upTo, begun] = [asked, performance.now()]
    const before = snapshot
    snapshot = applyChanges(snapshot, await readChanges(client, snapshot.revision))
    confirmedAt = begun
    if (snapshot !== before) for (const listener of listeners) listener()
    for (const waiter of waiters) {
      if (waiter.asked > upTo) continue
      waiters.delete(waiter)
      waiter.resolve(snapshot)
    }
    if (asked > upTo || stopping.signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, POLL_MS)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    wake = () => {}
  }

  async function followOn(client: pg.Client, onRead: () => void): Promise<void> {
    client.on('error', () => wake())
    client.on('notification', ({ payload }) => {
      if (Number(payload) > snapshot.revision) ask()
    })
    await client.connect()
    await client.query('LISTEN interlock_configuration')
    while (!stopping.signal.aborted) {
      await readOnce(client)
      onRead()
    }
  }

  async function follow(): Promise<void> {
    let pause = RECONNECT_MS.first
    while (!stopping.signal.aborted) {
      const client = new pg.Client({
        ...clientOptions({ url, name: 'configuration', statementTimeoutMs: ANSWER_WITHIN_MS }),
        query_timeout: ANSWER_WITHIN_MS,
      })
      try {
        await followOn(client, () => {
          pause = RECONNECT_MS.first
        })
      } catch (error) {
        log.warn({ err: error, revision: snapshot.revision }, 'Lost the configuration; the last one is served')
      }
      await client.end().catch(() => {})
      await wait(pause * (0.5 + Math.random() / 2), undefined, { signal: stopping.signal }).catch(() => {})
      pause = Math.min(pause * 2, RECONNECT_MS.last)
    }
  }
  const following = follow()

  return {
    current() {
      if (confirmedAt === undefined) throw new Problem('unavailable', 'The configuration has not been read yet.')
      return snapshot
    },
    refresh: () =>
      new Promise((resolve, reject) => {
        ask()
        const waiter: Waiter = {
          asked,
          resolve: (reached) => {
            clearTimeout(timer)
            resolve(reached)
          },
        }
        const timer = setTimeout(() => {
          waiters.delete(waiter)
          reject(new Problem('unavailable', 'The configuration cannot be read from Postgres now.'))
        }, REFRESH_WITHIN_MS)
        waiters.add(waiter)
      }),
    age: () => (confirmedAt === undefined ? undefined : performance.now() - confirmedAt),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async stop() {
      stopping.abort()
      await following
    },
  }
}
