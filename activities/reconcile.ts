import { activityInfo, heartbeat } from '@temporalio/activity'
import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import pLimit from 'p-limit'
import type { FlagSchedule } from '../domain/flag-schedule.ts'
import type { Log } from '../runtime/log.ts'
import type { Database } from '../store/database.ts'
import { purgeIdempotencyKeys } from '../store/idempotency.ts'
import { purgeOutbox } from '../store/outbox.ts'
import { nudgeAgain, schedulesToCheck } from '../store/reconcile.ts'
import { type Transaction, transaction } from '../store/transaction.ts'
import { CALL_DEADLINE_MS } from '../temporal/connection.ts'
import type { TemporalNames } from '../temporal/ids.ts'

/** Rows looked at in one run: what is near, at most, and 20/s of the others. */
const LIMITS = { soon: 5_000, others: 1_200 }
const DESCRIBE_AT_ONCE = 20

export type ReconcileActivities = ReturnType<typeof createReconcileActivities>

export function createReconcileActivities(deps: { db: Database; client: Client; names: TemporalNames; log: Log }) {
  const { db, client, names, log } = deps

  const isRunning = async (schedule: FlagSchedule): Promise<boolean> => {
    try {
      const handle = client.workflow.getHandle(names.flagSchedule(schedule.id))
      const { status } = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () => handle.describe())
      return status.name === 'RUNNING'
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false
      throw error
    }
  }

  return {
    /** Starts the workflows of pending schedules that have none. */
    async reconcileFlagSchedules(): Promise<{ looked: number; nudged: number }> {
      const limit = pLimit(DESCRIBE_AT_ONCE)
      const { schedules, done } = await schedulesToCheck(db, LIMITS)
      const orphans: FlagSchedule[] = []
      await limit.map(schedules, async (schedule) => {
        heartbeat()
        // One that cannot be looked at must not keep the others from being healed; the next round comes in a minute.
        const running = await isRunning(schedule).catch((error) => {
          log.warn({ err: error, scheduleId: schedule.id }, 'Could not look at a workflow')
          return true
        })
        if (!running) orphans.push(schedule)
      })
      if (orphans.length > 0) {
        log.warn(
          { scheduleIds: orphans.slice(0, 20).map(({ id }) => id), count: orphans.length },
          'Schedules had no workflow',
        )
        await nudgeAgain(db, orphans, activityInfo().workflowExecution?.runId ?? crypto.randomUUID())
      }
      await done()
      return { looked: schedules.length, nudged: orphans.length }
    },

    /** Deletes what nobody will ask for any more: dispatched outbox rows and idempotency keys, each after a day. */
    async purgeOldRows(): Promise<void> {
      const batch = 1_000
      for (const purge of [purgeOutbox, purgeIdempotencyKeys]) {
        const once = async () =>
          (
            await transaction(db, (tx: Transaction) => purge(tx, batch), {
              origin: { actor: 'interlock', door: 'schedule' },
            })
          ).result
        while ((await once()) === batch) heartbeat()
      }
    },
  }
}
