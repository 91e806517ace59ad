import type { NewEvent } from '../../domain/event.ts'
import type { Database } from '../../store/database.ts'
import type { CacheKey, QueuedTriggerTask } from '../../store/effects.ts'
import { createEffectsAccumulator } from '../../store/effects.ts'
import type { Transaction } from '../../store/transaction.ts'
import { alice } from './database.ts'

export interface TestEffectsContext {
  ctx: Transaction
  getQueuedTriggerTasks(): QueuedTriggerTask[]
  getQueuedTriggerTaskByKey(key: string): QueuedTriggerTask | undefined
  getCacheInvalidations(): CacheKey[]
  getEvents(): NewEvent[]
}

/**
 * A transaction's context over the test's own connection, whose effects are collected and never made real: what a store
 * function queues can be looked at without mocking a module.
 */
export function createTestEffectsContext(db: Database, origin = alice): TestEffectsContext {
  const { effects, context } = createEffectsAccumulator()
  return {
    ctx: {
      ...context,
      origin,
      query: async <R extends object>(text: string, values?: unknown[]) => (await db.pool.query<R>(text, values)).rows,
      savepoint: (work) => work(),
    },
    getQueuedTriggerTasks: () => effects.triggerTasks,
    getQueuedTriggerTaskByKey: (key) => effects.triggerTasks.find((task) => task.key === key),
    getCacheInvalidations: () => effects.cacheInvalidations,
    getEvents: () => effects.events,
  }
}
