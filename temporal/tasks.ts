import type { Client } from '@temporalio/client'
import { type SearchAttributePair, TypedSearchAttributes } from '@temporalio/common'
import type { TaskRef, TriggerTask } from '../store/effects.ts'
import {
  nudgeAccountMigration,
  nudgeChangeRequest,
  nudgeFlagSchedule,
  nudgeGameplan,
  nudgePolicyRun,
  nudgeReleasePlan,
} from '../store/tasks.ts'
import { DUE_AT, ENVIRONMENT, FLAG_KEY, POLICY_VERSION } from '../workflows/search-attributes.ts'
import { CALL_DEADLINE_MS } from './connection.ts'
import type { TemporalNames } from './ids.ts'

/** What a nudge starts when it does not run. */
interface Nudged {
  workflow: string
  workflowId: string
  taskQueue: string
  /** The workflow's input: the id of its row. */
  input: object
  searchAttributes?: SearchAttributePair[]
  summary: string
  details: string
}

/**
 * The tasks behind the names of `store/tasks.ts`. Each is a nudge: signal-with-start under a deterministic workflow id,
 * harmless when it is sent twice.
 */
export function createTasks(client: Client, names: TemporalNames): TriggerTask[] {
  const { timers, batch } = names.queues
  function nudge<Payload>(ref: TaskRef<Payload>, what: (payload: Payload) => Nudged): TriggerTask<Payload> {
    return {
      id: ref.id,
      async trigger(payload) {
        const { workflow, workflowId, taskQueue, input, searchAttributes = [], summary, details } = what(payload)
        const handle = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
          client.workflow.signalWithStart(workflow, {
            workflowId,
            taskQueue,
            args: [input],
            signal: 'nudge',
            signalArgs: [],
            workflowIdReusePolicy: 'ALLOW_DUPLICATE',
            typedSearchAttributes: new TypedSearchAttributes(searchAttributes),
            staticSummary: summary,
            staticDetails: details,
          }),
        )
        return { id: handle.workflowId }
      },
    }
  }
  return [
    nudge(nudgeFlagSchedule, ({ scheduleId, flagKey, environment, scheduledAt }) => ({
      workflow: 'flagSchedule',
      workflowId: names.flagSchedule(scheduleId),
      taskQueue: timers,
      input: { scheduleId },
      searchAttributes: ofFlag(flagKey, environment, scheduledAt),
      summary: `Scheduled change of ${flagKey} (${environment})`,
      details: `Changes the flag \`${flagKey}\` in \`${environment}\` at its due time. The schedule is a row in Postgres; cancel or move it over HTTP, or with the signals \`cancel\` and \`reschedule\`.`,
    })),
    nudge(nudgeReleasePlan, ({ planId, flagKey, environment, nextAt }) => ({
      workflow: 'releasePlan',
      workflowId: names.releasePlan(planId),
      taskQueue: timers,
      input: { planId },
      searchAttributes: ofFlag(flagKey, environment, nextAt),
      summary: `Release plan of ${flagKey} (${environment})`,
      details: `Starts the milestones of the release plan of \`${flagKey}\` in \`${environment}\`. The plan is a row in Postgres; start, approve, pause and resume it over HTTP, or with the signals \`start\`, \`approve\`, \`pause\` and \`resume\`. Cancelling this workflow pauses the plan, which stays.`,
    })),
    nudge(nudgeChangeRequest, ({ requestId, environment, flagKey, dueAt }) => ({
      workflow: 'changeRequest',
      workflowId: names.changeRequest(requestId),
      taskQueue: timers,
      input: { requestId },
      searchAttributes: ofFlag(flagKey, environment, dueAt),
      summary: `Change request of ${environment}`,
      details: `Applies an approved change request in \`${environment}\` at its time. The request is a row in Postgres; apply or cancel it over HTTP, or with the signals \`apply\` and \`cancel\`. Cancelling this workflow cancels the request.`,
    })),
    nudge(nudgeGameplan, ({ gameplanId, environment, flagKey }) => ({
      workflow: 'gameplan',
      workflowId: names.gameplan(gameplanId),
      taskQueue: timers,
      input: { gameplanId },
      searchAttributes: ofFlag(flagKey, environment, null),
      summary: flagKey ? `Gameplan with ${flagKey} (${environment})` : `Gameplan without a flag (${environment})`,
      details: `Follows the patches of a gameplan in \`${environment}\`: its flag is created with the one that introduces it, and switched with the one that activates it. The gameplan is a row in Postgres; say what is merged over HTTP, or with the signals \`merged\`, \`reverted\`, \`pause\`, \`resume\` and \`cancel\`. Cancelling this workflow pauses the gameplan, which stays.`,
    })),
    nudge(nudgePolicyRun, ({ runId, policyVersion }) => ({
      workflow: 'policyRun',
      workflowId: names.policyRun(policyVersion, runId),
      taskQueue: batch,
      input: { runId },
      searchAttributes: [{ key: POLICY_VERSION, value: policyVersion }],
      summary: `Policy version ${policyVersion} over the catalog`,
      details: `Evaluates every ready item for version ${policyVersion}, beside the live one. The run is a row in Postgres; cancel, resume or slow it down over HTTP, or with the signals \`cancel\`, \`resume\` and \`pace\`.`,
    })),
    nudge(nudgeAccountMigration, ({ migrationId }) => ({
      workflow: 'accountMigration',
      workflowId: names.accountMigration(migrationId),
      taskQueue: batch,
      input: { migrationId },
      summary: 'Accounts move to the current note store',
      details: `Moves the notes of accounts, cohort by cohort. The migration is a row in Postgres; pause, resume, stop, roll back or slow it down over HTTP, or with the signals \`pause\`, \`resume\`, \`stop\`, \`rollback\` and \`pace\`. Cancelling this workflow stops the migration.`,
    })),
  ] as unknown as TriggerTask[]
}

/** Of something about a flag (or about several, then without it) that may be due at a time. */
function ofFlag(
  flagKey: string | null | undefined,
  environment: string,
  dueAt: string | null | undefined,
): SearchAttributePair[] {
  return [
    ...(flagKey ? [{ key: FLAG_KEY, value: flagKey }] : []),
    { key: ENVIRONMENT, value: environment },
    ...(dueAt ? [{ key: DUE_AT, value: new Date(dueAt) }] : []),
  ]
}
