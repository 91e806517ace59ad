import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from '../runtime/log.ts'
import type { Database } from '../store/database.ts'
import { type EventNotice, lastEventId, type RunProgress, readNotices, readRunProgress } from '../store/live.ts'
import type { ConfigurationFollower } from './snapshot.ts'

/** What happened since the last time. */
export interface LiveNews {
  events: EventNotice[]
  /** Runs whose counters have moved. */
  progress: RunProgress[]
  /** Configuration revision that this process serves applications by; undefined: as before. */
  revision?: number | undefined
  /** Every event up to this id has been told. */
  upTo: number
}

/** Tells what is committed, by whichever process, while anybody listens: one reader for all listeners of this process. */
export interface LiveFollower {
  /**
   * Tells everything that is committed after it has resolved; some of it, and some of before, perhaps twice.
   * @returns the id up to which nothing will be told any more, and what ends it
   */
  subscribe(tell: (news: LiveNews) => void): Promise<{ upTo: number; unsubscribe: () => void }>
  stop(): void
}

/** A new configuration is told of at once; what changes none is found by looking. */
const POLL_MS = 1_000
const PAGE = 500
/** An id that is given out is seen when its transaction commits; none of ours takes longer. */
const IN_FLIGHT_MS = 15_000
const MOST_IN_FLIGHT = 1_000

export function followLive({
  db,
  configuration,
  log,
}: {
  db: Database
  configuration: ConfigurationFollower
  log: Log
}): LiveFollower {
  const listeners = new Set<(news: LiveNews) => void>()
  let ready: Promise<void> | undefined
  let running = false
  let [wake, stopped] = [() => {}, false]

  let last = 0
  /** Ids below the last one that are not there yet, and since when they are missed: their transactions may still commit. */
  let missing = new Map<number, number>()
  let progress = new Map<string, number>()
  let revision: number | undefined

  const upTo = () => Math.min(last, ...[...missing.keys()].map((id) => id - 1))

  async function begin(): Promise<void> {
    last = Math.max(0, (await lastEventId(db)) - MOST_IN_FLIGHT)
    missing = new Map()
    await readEvents()
  }

  async function readEvents(): Promise<EventNotice[]> {
    const found: EventNotice[] = []
    for (let more = true; more; ) {
      const page = await readNotices(db, { after: last, missing: [...missing.keys()], limit: PAGE })
      more = page.filter(({ id }) => id > last).length === PAGE
      const now = performance.now()
      for (const { id } of page) {
        missing.delete(id)
        for (let gap = Math.max(last + 1, id - MOST_IN_FLIGHT); gap < id; gap++) missing.set(gap, now)
        last = Math.max(last, id)
      }
      found.push(...page)
    }
    for (const [id, since] of missing) if (performance.now() - since > IN_FLIGHT_MS) missing.delete(id)
    return found
  }

  async function readProgress(): Promise<RunProgress[]> {
    const runs = await readRunProgress(db)
    const moved = runs.filter(({ runId, processed }) => progress.get(runId) !== processed)
    progress = new Map(runs.map(({ runId, processed }) => [runId, processed]))
    return moved
  }

  async function look(): Promise<void> {
    const [events, moved] = [await readEvents(), await readProgress()]
    const known = configuration.age() === undefined ? undefined : configuration.current().revision
    const news = { events, progress: moved, revision: known === revision ? undefined : known, upTo: upTo() }
    revision = known
    if (events.length === 0 && moved.length === 0 && news.revision === undefined) return
    for (const tell of listeners) tell(news)
  }

  async function follow(): Promise<void> {
    running = true
    while (listeners.size > 0 && !stopped) {
      const timer = new AbortController()
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      await look().catch((error) => log.warn({ err: error }, 'Cannot see what happens; trying again'))
      await Promise.race([woken, wait(POLL_MS, undefined, { signal: timer.signal }).catch(() => {})])
      timer.abort()
    }
    running = false
    ready = undefined
  }

  const unlisten = configuration.onChange(() => wake())

  return {
    async subscribe(tell) {
      // Nobody listened until now, so what was seen is of before.
      ready ??= begin()
      await ready.catch((error) => {
        ready = undefined
        throw error
      })
      listeners.add(tell)
      if (!running) void follow()
      return {
        upTo: upTo(),
        unsubscribe: () => {
          listeners.delete(tell)
          if (listeners.size === 0) wake()
        },
      }
    },
    stop() {
      stopped = true
      unlisten()
      wake()
    },
  }
}
