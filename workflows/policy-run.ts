import {
  ActivityCancellationType,
  defineSignal,
  makeContinueAsNewFunc,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
} from '@temporalio/workflow'
import type { PolicyRunActivities } from '../activities/policy-run.ts'
import { Inbox } from './inbox.ts'
import { run } from './run.ts'

const { readPolicyRun } = proxyLocalActivities<PolicyRunActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

// A slice takes about 5 s; a worker that was killed is missed after 10 s without a heartbeat.
const { evaluateSlice } = proxyActivities<PolicyRunActivities>({
  startToCloseTimeout: '5m',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10s' },
  // Its fence keeps what it still does from being written, so nobody has to wait for it.
  cancellationType: ActivityCancellationType.TRY_CANCEL,
})

// A command is given up after half a minute, so that the run goes on; its sender sees why.
const { cancelPolicyRun, resumePolicyRun, pacePolicyRun } = proxyActivities<PolicyRunActivities>({
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: '30s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

const { cancelledPolicyRun } = proxyActivities<PolicyRunActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
})

type Command = { by?: string; reason?: string }

const nudge = defineSignal('nudge')
const cancel = defineSignal<[Command?]>('cancel')
const resume = defineSignal<[Command?]>('resume')
const pace = defineSignal<[Command & { batchSize?: number; delayMs?: number }]>('pace')

/** One run of a policy version over the catalog, from prepare to success, failure or cancel. */
export async function policyRun({ runId }: { runId: string }): Promise<string> {
  const inbox = new Inbox()
  setHandler(nudge, () => inbox.nudge(), { description: 'Read the row again; sent after every change of it.' })
  // The n-th of its name: the history says who sent it, should the command not.
  const nth = { cancel: 0, resume: 0, pace: 0 }
  setHandler(
    cancel,
    (command) => {
      const n = nth.cancel++
      inbox.push(() => cancelPolicyRun(runId, command ?? {}, n))
    },
    { description: 'Cancel the run. Input: {"by": "who", "reason": "why"}' },
  )
  setHandler(
    resume,
    (command) => {
      const n = nth.resume++
      inbox.push(() => resumePolicyRun(runId, command ?? {}, n))
    },
    { description: 'Go on with a run that failed. Input: {"by": "who", "reason": "why"}' },
  )
  setHandler(
    pace,
    (command) => {
      const n = nth.pace++
      inbox.push(() => pacePolicyRun(runId, command, n))
    },
    { description: 'Slow the run down, or speed it up. Input: {"batchSize": 200, "delayMs": 50, "by": "who"}' },
  )

  return await run(inbox, {
    read: () => readPolicyRun(runId),
    slice: () => evaluateSlice(runId),
    cancel: () => cancelledPolicyRun(runId),
    startOver: () => makeContinueAsNewFunc<typeof policyRun>({ initialVersioningBehavior: 'AUTO_UPGRADE' })({ runId }),
  })
}
