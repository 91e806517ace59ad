import { activityInfo, heartbeat } from '@temporalio/activity'
import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import pLimit from 'p-limit'
import type { FlagSchedule } from '../domain/flag-schedule.ts'
import type { Log } from '../runtime/log.ts'
import type { Database } from '../store/database.ts'
import { expireEvaluated } from '../store/evaluated-versions.ts'
import { purgeIdempotencyKeys } from '../store/idempotency.ts'
import { purgeOutbox } from '../store/outbox.ts'
import { dropUnusedPartitions } from '../store/policy-partitions.ts'
import {
  failTerminated,
  makeMissingOccurrences,
  nudgeAgain,
  nudgeRun,
  runsToCheck,
  schedulesToCheck,
} from '../store/reconcile.ts'
import { type Transaction, transaction } from '../store/transaction.ts'
import { CALL_DEADLINE_MS } from '../temporal/connection.ts'
import { terminatorOf } from '../temporal/identity.ts'
import type { TemporalNames } from '../temporal/ids.ts'

/** Rows looked at in one run: what is near, at most, and 20/s of the others. */
const LIMITS = { soon: 5_000, others: 1_200 }
const DESCRIBE_AT_ONCE = 20

export type ReconcileActivities = ReturnType<typeof createReconcileActivities>

export function createReconcileActivities(deps: { db: Database; client: Client; names: TemporalNames; log: Log }) {
  const { db, client, names, log } = deps

  /** The status of a workflow, by asking for it: a list may be behind. */
  const statusOf = async (workflowId: string): Promise<string> => {
    try {
      const handle = client.workflow.getHandle(workflowId)
      return (await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () => handle.describe())).status.name
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'NOT_FOUND'
      throw error
    }
  }

  const isRunning = async (schedule: FlagSchedule) => (await statusOf(names.flagSchedule(schedule.id))) === 'RUNNING'

  return {
    /** Starts the workflows of pending schedules that have none, and makes the occurrences that recurrences lack. */
    async reconcileFlagSchedules(): Promise<{ looked: number; nudged: number }> {
      await makeMissingOccurrences(db)
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

    /** Starts the workflows of running policy runs that have none; ends the runs whose workflow was terminated. */
    async reconcilePolicyRuns(): Promise<{ looked: number; nudged: number; failed: number }> {
      const runs = await runsToCheck(db)
      const done = { looked: runs.length, nudged: 0, failed: 0 }
      for (const run of runs) {
        heartbeat()
        const workflowId = names.policyRun(run.target_policy_version, run.id)
        const status = await statusOf(workflowId).catch((error) => {
          log.warn({ err: error, runId: run.id }, 'Could not look at a workflow')
          return 'RUNNING'
        })
        if (status === 'RUNNING') continue
        log.warn({ runId: run.id, status }, 'A policy run had no workflow')
        if (status === 'TERMINATED') {
          await failTerminated(db, run, await terminatorOf(client, workflowId))
          done.failed++
        } else {
          await nudgeRun(db, run, activityInfo().workflowExecution?.runId ?? crypto.randomUUID())
          done.nudged++
        }
      }
      return done
    },

    /**
     * Deletes what nobody will ask for any more: dispatched outbox rows and idempotency keys, each after a day, and what
     * was kept of policy versions.
     */
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
      const { result: expired } = await transaction(db, (tx) => expireEvaluated(tx), {
        origin: { actor: 'interlock', door: 'schedule' },
      })
      const dropped = await dropUnusedPartitions(db)
      if (expired > 0 || dropped.length > 0) log.info({ expired, dropped }, 'Forgot evaluations that nobody needs')
    },
  }
}
