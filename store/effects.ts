import { isDeepStrictEqual } from 'node:util'
import type { NewEvent } from '../domain/event.ts'

/** What a cache is told to forget, such as `['flag', 'production', 'new-checkout']`. */
export type CacheKey = readonly string[]

/**
 * The name of a background task, as code inside a transaction knows it. It cannot be called: only the dispatcher, after
 * the commit, has the task behind the name (`TriggerTask`).
 */
export interface TaskRef<Payload> {
  readonly id: string
  readonly payload?: Payload
}

export function taskRef<Payload>(id: string): TaskRef<Payload> {
  return { id }
}

export interface TriggerTaskHandle {
  /** What the task started; for a nudge the workflow's id. */
  id: string
}

/** A background task itself. `trigger` must be harmless when called twice with one idempotency key. */
export interface TriggerTask<Payload = never> {
  readonly id: string
  trigger(payload: Payload, options: { idempotencyKey: string }): Promise<TriggerTaskHandle>
}

export interface QueuedTriggerTask<Payload = unknown> {
  /** The caller's name for it; its handle is found under it. */
  key: string
  task: TaskRef<Payload>
  payload: Payload
  idempotencyKey: string
}

/** A queued task that was committed, with the id of its outbox row. */
export interface CommittedTask extends QueuedTriggerTask {
  outboxId: number
}

export interface Dispatcher {
  /**
   * Triggers committed tasks. Waits only briefly; what was not dispatched stays in the outbox for the relay. Never throws.
   *
   * @returns handles of what was dispatched, by the caller's key
   */
  dispatch(tasks: CommittedTask[]): Promise<Map<string, TriggerTaskHandle>>
}

/** For processes that do not reach Temporal: all tasks are left to the relay. */
export const refuseDispatch: Dispatcher = { dispatch: async () => new Map() }

/** What a transaction may cause beyond its own rows. Collected while it runs, made real only by its commit. */
export interface EffectsContext {
  /** Writes an entry of the audit trail in the same commit. */
  emitEvent(event: NewEvent): void
  /**
   * Queues a background task: an outbox row in the same commit, dispatched after it.
   *
   * @param key names the task's handle; unique within the transaction
   * @param options.idempotencyKey the same key with the same payload is sent once (remembered for a day); default: a key of its own
   * @throws Error when the key, or the idempotency key with another payload, is already queued
   */
  enqueueTriggerTask<Payload>(
    key: string,
    task: TaskRef<Payload>,
    payload: Payload,
    options?: { idempotencyKey?: string },
  ): void
  /** Tells caches of this process, after the commit, to forget `key`. */
  invalidateCache(key: CacheKey): void
}

export interface CollectedEffects {
  events: NewEvent[]
  triggerTasks: QueuedTriggerTask[]
  cacheInvalidations: CacheKey[]
}

/** An empty collection and the callbacks that fill it. */
export function createEffectsAccumulator(): { effects: CollectedEffects; context: EffectsContext } {
  const effects: CollectedEffects = { events: [], triggerTasks: [], cacheInvalidations: [] }
  const { triggerTasks } = effects
  // Positions in the list, which a savepoint may have cut: one found beyond its end, or taken by another task, is void.
  const byKey = new Map<string, number>()
  const byIdempotencyKey = new Map<string, number>()
  const context: EffectsContext = {
    emitEvent: (event) => void effects.events.push(event),
    invalidateCache: (key) => void effects.cacheInvalidations.push(key),
    enqueueTriggerTask: (key, task, payload, { idempotencyKey = crypto.randomUUID() } = {}) => {
      if (triggerTasks[byKey.get(key) ?? -1]?.key === key) {
        throw new Error(`A task with the key "${key}" is queued already in this transaction`)
      }
      const same = triggerTasks[byIdempotencyKey.get(idempotencyKey) ?? -1]
      if (same?.idempotencyKey === idempotencyKey) {
        if (same.task.id === task.id && isDeepStrictEqual(same.payload, payload)) return
        throw idempotencyKeyTaken(idempotencyKey)
      }
      const position = triggerTasks.push({ key, task, payload, idempotencyKey }) - 1
      byKey.set(key, position)
      byIdempotencyKey.set(idempotencyKey, position)
    },
  }
  return { effects, context }
}

export function idempotencyKeyTaken(key: string): Error {
  return new Error(`The idempotency key "${key}" was already used for another task or payload`)
}
