import { activityInfo, heartbeat } from '@temporalio/activity'
import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import pLimit from 'p-limit'
import { BY_ITSELF } from '../domain/event.ts'
import type { FlagSchedule } from '../domain/flag-schedule.ts'
import type { Log } from '../runtime/log.ts'
import { isOutage } from '../store/apply-due.ts'
import { suspendIfConflicted } from '../store/change-request-apply.ts'
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
import { migrationsToCheck, nudgeMigration, pauseTerminated } from '../store/reconcile-account-migrations.ts'
import { nudgeRequest, requestsToCheck } from '../store/reconcile-change-requests.ts'
import { gameplansToCheck, nudgeStoppedGameplan } from '../store/reconcile-gameplans.ts'
import { nudgePlan, plansToCheck } from '../store/reconcile-plans.ts'
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

  /** One that cannot be looked at must not keep the others from being healed; the next round comes in a minute. */
  const statusIfKnown = (workflowId: string): Promise<string> =>
    statusOf(workflowId).catch((error) => {
      log.warn({ err: error, workflowId }, 'Could not look at a workflow')
      return 'RUNNING'
    })

  /** Names the run of the reconciler, so that each sends a nudge once. */
  const thisRun = () => activityInfo().workflowExecution?.runId ?? crypto.randomUUID()

  /** One that cannot be healed must not keep the others from it either, unless nothing can be: then all is tried again. */
  async function alone<T>(heal: () => Promise<T>, row: { id: string }): Promise<T | undefined> {
    return await heal().catch((error) => {
      if (isOutage(error)) throw error
      log.error({ err: error, id: row.id }, 'Could not be reconciled')
      return undefined
    })
  }

  /** Nudges those that are late, and those without a workflow. */
  async function wake<R extends { id: string; late: boolean }>(
    what: string,
    rows: R[],
    workflowIdOf: (id: string) => string,
    nudge: (db: Database, row: R, because: string) => Promise<boolean>,
  ): Promise<{ looked: number; nudged: number }> {
    const run = thisRun()
    let nudged = 0
    await pLimit(DESCRIBE_AT_ONCE).map(rows, async (row) => {
      heartbeat()
      const status = row.late ? 'LATE' : await statusIfKnown(workflowIdOf(row.id))
      if (status === 'RUNNING' || !(await alone(() => nudge(db, row, run), row))) return
      log[row.late ? 'info' : 'warn']({ id: row.id, status }, `${what} did not go on`)
      nudged++
    })
    return { looked: rows.length, nudged }
  }

  return {
    /** Starts the workflows of pending schedules that have none, and makes the occurrences that recurrences lack. */
    async reconcileFlagSchedules(): Promise<{ looked: number; nudged: number }> {
      await makeMissingOccurrences(db)
      const limit = pLimit(DESCRIBE_AT_ONCE)
      const { schedules, done } = await schedulesToCheck(db, LIMITS)
      const stopped: FlagSchedule[] = []
      await limit.map(schedules, async (schedule) => {
        heartbeat()
        if ((await statusIfKnown(names.flagSchedule(schedule.id))) !== 'RUNNING') stopped.push(schedule)
      })
      const nudged = stopped.length > 0 ? await nudgeAgain(db, stopped, thisRun()) : []
      if (nudged.length > 0) {
        log.warn({ scheduleIds: nudged.slice(0, 20), count: nudged.length }, 'Schedules had no workflow')
      }
      await done()
      return { looked: schedules.length, nudged: nudged.length }
    },

    /** Starts the workflows of running policy runs that have none; ends the runs whose workflow was terminated. */
    async reconcilePolicyRuns(): Promise<{ looked: number; nudged: number; failed: number }> {
      const runs = await runsToCheck(db)
      const done = { looked: runs.length, nudged: 0, failed: 0 }
      for (const run of runs) {
        heartbeat()
        const workflowId = names.policyRun(run.target_policy_version, run.id)
        const status = await statusIfKnown(workflowId)
        if (status === 'RUNNING') continue
        const heal = async () =>
          status === 'TERMINATED'
            ? await failTerminated(db, run, await terminatorOf(client, workflowId))
            : await nudgeRun(db, run, thisRun())
        if (!(await alone(heal, run))) continue
        log.warn({ runId: run.id, status }, 'A policy run had no workflow')
        done[status === 'TERMINATED' ? 'failed' : 'nudged']++
      }
      return done
    },

    /**
     * Starts the workflows of running release plans that have none, and wakes those that are late: what held them, such as a
     * freeze, may be gone.
     */
    async reconcileReleasePlans(): Promise<{ looked: number; nudged: number }> {
      return await wake('A release plan', await plansToCheck(db), names.releasePlan, nudgePlan)
    },

    /**
     * Starts the workflows of change requests that wait and have none, and suspends those that something stands against: writes
     * that are made directly do not look for them.
     */
    async reconcileChangeRequests(): Promise<{ looked: number; nudged: number }> {
      const requests = await requestsToCheck(db)
      const run = thisRun()
      let nudged = 0
      await pLimit(DESCRIBE_AT_ONCE).map(requests, async (request) => {
        heartbeat()
        const heal = async () => {
          if (request.scheduled && (await suspendIfConflicted(db, request.id))) return
          if ((await statusIfKnown(names.changeRequest(request.id))) === 'RUNNING') return
          if (await nudgeRequest(db, request, run)) nudged++
        }
        await alone(heal, request)
      })
      if (nudged > 0) log.warn({ count: nudged }, 'Change requests had no workflow')
      return { looked: requests.length, nudged }
    },

    /**
     * Starts the workflows of running gameplans that have none, and wakes those whose change request, release plan or schedule has
     * come to an end.
     */
    async reconcileGameplans(): Promise<{ looked: number; nudged: number }> {
      return await wake('A gameplan', await gameplansToCheck(db), names.gameplan, nudgeStoppedGameplan)
    },

    /** Starts the workflows of migrations that have none; pauses those whose workflow was terminated while it moved accounts. */
    async reconcileAccountMigrations(): Promise<{ looked: number; nudged: number; paused: number }> {
      const migrations = await migrationsToCheck(db)
      const done = { looked: migrations.length, nudged: 0, paused: 0 }
      for (const migration of migrations) {
        heartbeat()
        const workflowId = names.accountMigration(migration.id)
        const status = await statusIfKnown(workflowId)
        if (status === 'RUNNING') continue
        const terminated = status === 'TERMINATED' && migration.status === 'running'
        const heal = async () =>
          terminated
            ? await pauseTerminated(db, migration, await terminatorOf(client, workflowId))
            : await nudgeMigration(db, migration, thisRun())
        if (!(await alone(heal, migration))) continue
        log.warn({ migrationId: migration.id, status }, 'A migration of accounts had no workflow')
        done[terminated ? 'paused' : 'nudged']++
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
              origin: BY_ITSELF,
            })
          ).result
        while ((await once()) === batch) heartbeat()
      }
      const { result: expired } = await transaction(db, (tx) => expireEvaluated(tx), {
        origin: BY_ITSELF,
      })
      const dropped = await dropUnusedPartitions(db)
      if (expired > 0 || dropped.length > 0) log.info({ expired, dropped }, 'Forgot evaluations that nobody needs')
    },
  }
}
