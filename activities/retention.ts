import { heartbeat } from '@temporalio/activity'
import type { Log } from '../runtime/log.ts'
import type { Database } from '../store/database.ts'
import { type Purged, purgeSchedules, type Retention } from '../store/retention.ts'
import { transaction } from '../store/transaction.ts'

/** Rows of a transaction: some 20 ms of locks. */
const BATCH = 1_000
/** Batches of an activity; then its workflow shows how far it is. */
const BATCHES = 20

export type RetentionActivities = ReturnType<typeof createRetentionActivities>

export function createRetentionActivities({ db, log, retention }: { db: Database; log: Log; retention: Retention }) {
  const origin = { actor: 'interlock', door: 'schedule' } as const
  return {
    /** Deletes final schedules whose time is over; `more` when there may be others. */
    async purgeOldSchedules(): Promise<Purged & { more: boolean }> {
      const sum = { applied: 0, cancelled: 0, more: true }
      for (let batch = 0; batch < BATCHES && sum.more; batch++) {
        heartbeat()
        const { result } = await transaction(db, (tx) => purgeSchedules(tx, retention, BATCH), { origin })
        sum.applied += result.applied
        sum.cancelled += result.cancelled
        sum.more = result.applied === BATCH || result.cancelled === BATCH
      }
      if (sum.applied + sum.cancelled > 0) log.info(sum, 'Purged old schedules')
      return sum
    },
  }
}
