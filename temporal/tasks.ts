import type { Client } from '@temporalio/client'
import { TypedSearchAttributes } from '@temporalio/common'
import type { TaskRef, TriggerTask } from '../store/effects.ts'
import {
  nudgeAccountMigration,
  nudgeChangeRequest,
  nudgeFlagSchedule,
  nudgePolicyRun,
  nudgeReleasePlan,
} from '../store/tasks.ts'
import { DUE_AT, ENVIRONMENT, FLAG_KEY, POLICY_VERSION } from '../workflows/search-attributes.ts'
import { CALL_DEADLINE_MS } from './connection.ts'
import type { TemporalNames } from './ids.ts'

function implement<Payload>(ref: TaskRef<Payload>, trigger: TriggerTask<Payload>['trigger']): TriggerTask<Payload> {
  return { id: ref.id, trigger }
}

/**
 * The tasks behind the names of `store/tasks.ts`. Each is a nudge: signal-with-start under a deterministic workflow id,
 * harmless when it is sent twice.
 */
export function createTasks(client: Client, names: TemporalNames): TriggerTask[] {
  return [
    implement(nudgeFlagSchedule, async ({ scheduleId, flagKey, environment, scheduledAt }) => {
      const handle = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
        client.workflow.signalWithStart('flagSchedule', {
          workflowId: names.flagSchedule(scheduleId),
          taskQueue: names.queues.timers,
          args: [{ scheduleId }],
          signal: 'nudge',
          signalArgs: [],
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          typedSearchAttributes: new TypedSearchAttributes([
            { key: FLAG_KEY, value: flagKey },
            { key: ENVIRONMENT, value: environment },
            { key: DUE_AT, value: new Date(scheduledAt) },
          ]),
          staticSummary: `Scheduled change of ${flagKey} (${environment})`,
          staticDetails: `Changes the flag \`${flagKey}\` in \`${environment}\` at its due time. The schedule is a row in Postgres; cancel or move it over HTTP, or with the signals \`cancel\` and \`reschedule\`.`,
        }),
      )
      return { id: handle.workflowId }
    }),
    implement(nudgeReleasePlan, async ({ planId, flagKey, environment, nextAt }) => {
      const handle = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
        client.workflow.signalWithStart('releasePlan', {
          workflowId: names.releasePlan(planId),
          taskQueue: names.queues.timers,
          args: [{ planId }],
          signal: 'nudge',
          signalArgs: [],
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          typedSearchAttributes: new TypedSearchAttributes([
            { key: FLAG_KEY, value: flagKey },
            { key: ENVIRONMENT, value: environment },
            ...(nextAt ? [{ key: DUE_AT, value: new Date(nextAt) }] : []),
          ]),
          staticSummary: `Release plan of ${flagKey} (${environment})`,
          staticDetails: `Starts the milestones of the release plan of \`${flagKey}\` in \`${environment}\`. The plan is a row in Postgres; start, approve, pause and resume it over HTTP, or with the signals \`start\`, \`approve\`, \`pause\` and \`resume\`. Cancelling this workflow pauses the plan, which stays.`,
        }),
      )
      return { id: handle.workflowId }
    }),
    implement(nudgeChangeRequest, async ({ requestId, environment, flagKey, dueAt }) => {
      const handle = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
        client.workflow.signalWithStart('changeRequest', {
          workflowId: names.changeRequest(requestId),
          taskQueue: names.queues.timers,
          args: [{ requestId }],
          signal: 'nudge',
          signalArgs: [],
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          typedSearchAttributes: new TypedSearchAttributes([
            ...(flagKey ? [{ key: FLAG_KEY, value: flagKey }] : []),
            { key: ENVIRONMENT, value: environment },
            ...(dueAt ? [{ key: DUE_AT, value: new Date(dueAt) }] : []),
          ]),
          staticSummary: `Change request of ${environment}`,
          staticDetails: `Applies an approved change request in \`${environment}\` at its time. The request is a row in Postgres; apply or cancel it over HTTP, or with the signals \`apply\` and \`cancel\`. Cancelling this workflow cancels the request.`,
        }),
      )
      return { id: handle.workflowId }
    }),
    implement(nudgePolicyRun, async ({ runId, policyVersion }) => {
      const handle = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
        client.workflow.signalWithStart('policyRun', {
          workflowId: names.policyRun(policyVersion, runId),
          taskQueue: names.queues.batch,
          args: [{ runId }],
          signal: 'nudge',
          signalArgs: [],
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          typedSearchAttributes: new TypedSearchAttributes([{ key: POLICY_VERSION, value: policyVersion }]),
          staticSummary: `Policy version ${policyVersion} over the catalog`,
          staticDetails: `Evaluates every ready item for version ${policyVersion}, beside the live one. The run is a row in Postgres; cancel, resume or slow it down over HTTP, or with the signals \`cancel\`, \`resume\` and \`pace\`.`,
        }),
      )
      return { id: handle.workflowId }
    }),
    implement(nudgeAccountMigration, async ({ migrationId }) => {
      const handle = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
        client.workflow.signalWithStart('accountMigration', {
          workflowId: names.accountMigration(migrationId),
          taskQueue: names.queues.batch,
          args: [{ migrationId }],
          signal: 'nudge',
          signalArgs: [],
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: 'Accounts move to the current note store',
          staticDetails: `Moves the notes of accounts, cohort by cohort. The migration is a row in Postgres; pause, resume, stop, roll back or slow it down over HTTP, or with the signals \`pause\`, \`resume\`, \`stop\`, \`rollback\` and \`pace\`. Cancelling this workflow stops the migration.`,
        }),
      )
      return { id: handle.workflowId }
    }),
  ] as unknown as TriggerTask[]
}
