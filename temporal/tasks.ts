import type { Client } from '@temporalio/client'
import { TypedSearchAttributes } from '@temporalio/common'
import type { TaskRef, TriggerTask } from '../store/effects.ts'
import { nudgeFlagSchedule, nudgePolicyRun } from '../store/tasks.ts'
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
  ] as unknown as TriggerTask[]
}
