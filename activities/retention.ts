import { heartbeat } from '@temporalio/activity'
import { BY_ITSELF } from '../domain/event.ts'
import { Problem } from '../domain/problems.ts'
import type { Log } from '../runtime/log.ts'
import { accountsAtRest } from '../store/accounts.ts'
import type { Database } from '../store/database.ts'
import { cleanUp } from '../store/notes/clean-up.ts'
import { Fenced } from '../store/notes/note-store.ts'
import { accountsWithOldTombstones } from '../store/notes/roles.ts'
import { type Purged, purgeSchedules, type Retention } from '../store/retention.ts'
import { transaction } from '../store/transaction.ts'
import type { AccountMigrationDependencies } from './account-migration.ts'
import { beating } from './last-second.ts'

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
  return {
    /** Deletes final schedules whose time is over; `more` when there may be others. */
    async purgeOldSchedules(): Promise<Purged & { more: boolean }> {
      const sum = { applied: 0, cancelled: 0, more: true }
      for (let batch = 0; batch < BATCHES && sum.more; batch++) {
        heartbeat()
        const { result } = await transaction(db, (tx) => purgeSchedules(tx, retention, BATCH), { origin: BY_ITSELF })
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
      const sum = { tombstones: 0, after: after as string | null }
      for (let batch = 0; batch < BATCHES && sum.after !== null; batch++) {
        const ids = notes ? await accountsAtRest(db, sum.after, ACCOUNTS) : []
        for (const id of await withOldTombstones(ids)) sum.tombstones += await beating(() => forget(id))
        sum.after = ids.length < ACCOUNTS ? null : (ids.at(-1) ?? null)
      }
      if (sum.tombstones > 0) log.info(sum, 'Forgot old tombstones')
      return sum
    },
  }

  /** Asks both stores before anything is done: an account whose epoch only one of them knows is refused until the other is back. */
  async function withOldTombstones(ids: string[]): Promise<Set<string>> {
    heartbeat()
    const found = new Set<string>()
    for (const store of [notes?.databases.legacy, notes?.databases.current]) {
      if (!store) continue
      for (const id of await accountsWithOldTombstones(store, ids, reverseWindowHours)) found.add(id)
    }
    return found
  }

  async function forget(accountId: string): Promise<number> {
    const { stores } = notes as NonNullable<typeof notes>
    return await cleanUp(db, stores, accountId, BY_ITSELF, { olderThanHours: reverseWindowHours }).catch((error) => {
      // Somebody moves it by now. There is another day.
      if (error instanceof Problem || error instanceof Fenced) return 0
      throw error
    })
  }
}
