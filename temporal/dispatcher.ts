import { setTimeout as wait } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { Log } from '../runtime/log.ts'
import type { Database } from '../store/database.ts'
import type { CommittedTask, Dispatcher, TriggerTask, TriggerTaskHandle } from '../store/effects.ts'
import { markDispatched } from '../store/outbox.ts'

/** How long a request waits for its own dispatch; a healthy one takes about 10 ms. */
const PATIENCE_MS = 250
/** Calls to Temporal under way at once; more only queue up at the server. */
const CONCURRENCY = 50
/** Tasks that wait here for their turn at most; those of a large change are left to the relay, which has a queue on disk. */
const BACKLOG = 1_000
/** Dispatched rows are marked together: one statement for all that finish within this time. */
const MARK_AFTER_MS = 20

export type TaskRunner = (task: {
  task: string
  payload: unknown
  idempotencyKey: string
}) => Promise<TriggerTaskHandle>

/** Runs tasks by their names, a limited number at once. */
export function createTaskRunner(tasks: TriggerTask[]): TaskRunner {
  const limit = pLimit(CONCURRENCY)
  const byId = new Map(tasks.map((task) => [task.id, task]))
  return ({ task: id, payload, idempotencyKey }) =>
    limit(async () => {
      const task = byId.get(id)
      if (!task) throw new Error(`This version knows no task "${id}"`)
      return await task.trigger(payload as never, { idempotencyKey })
    })
}

export interface StoppableDispatcher extends Dispatcher {
  /** Resolves when everything under way has ended and is marked. */
  drain(): Promise<void>
}

/**
 * Sends tasks right after their commit. Failures are logged, left out of the handles and never thrown: the rows stay in
 * the outbox, where the relay finds them.
 *
 * @param outbox where dispatched rows are marked, off the request's path
 */
export function createDispatcher(run: TaskRunner, outbox: () => Database, log: Log): StoppableDispatcher {
  const underWay = new Set<Promise<unknown>>()
  let dispatched: number[] = []
  let marking = false

  const mark = async () => {
    await wait(MARK_AFTER_MS)
    marking = false
    const ids = dispatched
    dispatched = []
    // Unmarked rows are sent again by the relay, which does no harm.
    await markDispatched(outbox(), ids).catch((error) => log.warn({ err: error }, 'Could not mark outbox rows'))
  }

  const track = <T>(promise: Promise<T>): Promise<T> => {
    underWay.add(promise)
    void promise.finally(() => underWay.delete(promise))
    return promise
  }

  return {
    async dispatch(tasks: CommittedTask[]) {
      const handles = new Map<string, TriggerTaskHandle>()
      const room = Math.max(0, BACKLOG - underWay.size)
      const sending = tasks.slice(0, room).map(({ key, task, payload, idempotencyKey, outboxId }) =>
        track(
          run({ task: task.id, payload, idempotencyKey }).then(
            (handle) => {
              handles.set(key, handle)
              dispatched.push(outboxId)
              if (!marking) void track(mark())
              marking = true
            },
            (error) =>
              log.error({ err: error, task: task.id, key, outboxId }, 'Could not dispatch a task; the relay will'),
          ),
        ),
      )
      const patience = new AbortController()
      await Promise.race([Promise.all(sending), wait(PATIENCE_MS, undefined, { signal: patience.signal })])
      patience.abort()
      return new Map(handles)
    },
    async drain() {
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}
