import { heartbeat } from '@temporalio/activity'
import { Problem } from '../domain/problems.ts'
import type { Log } from '../runtime/log.ts'
import { accountsAtRest } from '../store/accounts.ts'
import type { Database } from '../store/database.ts'
import { cleanUp } from '../store/notes/clean-up.ts'
import { accountsWithOldTombstones } from '../store/notes/roles.ts'
import { type Purged, purgeSchedules, type Retention } from '../store/retention.ts'
import { transaction } from '../store/transaction.ts'
import type { AccountMigrationDependencies } from './account-migration.ts'

/** Rows of a transaction: some 20 ms of locks. */
const BATCH = 1_000
/** Batches of an activity; then its workflow shows how far it is. */
const BATCHES = 20
/** Accounts that are looked at in one statement. */
const ACCOUNTS = 500

export type RetentionActivities = ReturnType<typeof createRetentionActivities>

export interface RetentionDependencies {
  db: Database
  log: Log
  retention: Retention
  notes: AccountMigrationDependencies['notes']
  /** How long a tombstone is kept. */
  reverseWindowHours: number
}

export function createRetentionActivities({ db, log, retention, notes, reverseWindowHours }: RetentionDependencies) {
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

    /**
     * Forgets old tombstones of accounts that are in one store; a migration does so itself with those that it moves. Looks at
     * some accounts behind `after`, and returns behind which the next ones are (null: there are none).
     */
    async forgetOldTombstones(after: string): Promise<{ tombstones: number; after: string | null }> {
      const ids = notes ? await accountsAtRest(db, after, ACCOUNTS) : []
      let tombstones = 0
      for (const database of [notes?.databases.legacy, notes?.databases.current]) {
        if (!notes || !database) continue
        for (const id of await accountsWithOldTombstones(database, ids, reverseWindowHours)) {
          heartbeat()
          tombstones += await cleanUp(db, notes.stores, id, origin).catch((error) => {
            // Somebody moves it by now. There is another day.
            if (error instanceof Problem) return 0
            throw error
          })
        }
      }
      if (tombstones > 0) log.info({ tombstones, behind: after }, 'Forgot old tombstones')
      return { tombstones, after: ids.length < ACCOUNTS ? null : (ids.at(-1) ?? null) }
    },
  }
}
