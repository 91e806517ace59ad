import {
  ActivityCancellationType,
  continueAsNew,
  defineSignal,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type { ChangeRequestActivities, ChangeRequestRow } from '../activities/change-request.ts'
import type { CommandResult } from '../domain/until.ts'
import { Inbox } from './inbox.ts'
import { DUE_AT, ENVIRONMENT, FLAG_KEY } from './search-attributes.ts'
import { until } from './until.ts'

const { readChangeRequest } = proxyLocalActivities<ChangeRequestActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

// A worker that is killed in the last second is missed after 2 s without a heartbeat.
const { applyChangeRequest } = proxyActivities<ChangeRequestActivities>({
  startToCloseTimeout: '10s',
  heartbeatTimeout: '2s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '2s' },
  // The lock of the request decides between a command and its application, so a command need not wait for the activity.
  cancellationType: ActivityCancellationType.TRY_CANCEL,
})

// A command is given up after half a minute, so that the request goes on; its sender sees why.
const commands = proxyActivities<ChangeRequestActivities>({
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: '30s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

const { cancelledChangeRequest } = proxyActivities<ChangeRequestActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
})

type Command = { by?: string; reason?: string }

const nudge = defineSignal('nudge')
const cancel = defineSignal<[Command?]>('cancel')
const apply = defineSignal<[(Command & { force?: boolean; overrideFreeze?: boolean })?]>('apply')

/**
 * A change request with a time, from when it is scheduled until it is applied or not scheduled any more; a suspended one waits
 * here as well. There is no signal that approves: who sends one is whoever they say they are.
 */
export async function changeRequest({ requestId }: { requestId: string }): Promise<string> {
  const inbox = new Inbox()
  setHandler(nudge, () => inbox.nudge(), { description: 'Read the row again; sent after every change of it.' })
  // The n-th of its name: the history says who sent it, should the command not.
  const sent = { cancel: 0, apply: 0 }
  const push = (
    name: keyof typeof sent,
    command: Command | undefined,
    carryOut: (requestId: string, command: unknown, nth: number) => Promise<CommandResult>,
  ) => {
    const nth = sent[name]++
    inbox.push(() => carryOut(requestId, command ?? {}, nth))
  }
  setHandler(cancel, (command) => push('cancel', command, commands.cancelChangeRequest), {
    description: 'Cancel the change request. Input: {"by": "who", "reason": "why"}',
  })
  setHandler(apply, (command) => push('apply', command, commands.applyChangeRequestNow), {
    description:
      'Apply it now; with force, although something was changed since. Input: {"force": true, "by": "who", "reason": "why"}',
  })

  return await until(inbox, {
    read: async () => {
      const row = await readChangeRequest(requestId)
      showInSearch(row)
      return row
    },
    fire: () => applyChangeRequest(requestId),
    cancel: () => cancelledChangeRequest(requestId),
    startOver: () => continueAsNew<typeof changeRequest>({ requestId }),
  })
}

function showInSearch({ final, flagKey, environment, dueAt }: ChangeRequestRow): void {
  if (final) return
  const shown = workflowInfo().typedSearchAttributes.get(DUE_AT)?.getTime()
  const due = dueAt ? new Date(dueAt) : null
  if (shown === due?.getTime()) return
  upsertSearchAttributes([
    ...(flagKey ? [{ key: FLAG_KEY, value: flagKey }] : []),
    { key: ENVIRONMENT, value: environment },
    { key: DUE_AT, value: due },
  ])
}
