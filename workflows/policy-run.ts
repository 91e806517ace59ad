import { makeContinueAsNewFunc, proxyActivities, proxyLocalActivities } from '@temporalio/workflow'
import type { PolicyRunActivities } from '../activities/policy-run.ts'
import { CANCELLED, COMMAND, READ, SLICE } from './activity-options.ts'
import { openInbox } from './inbox.ts'
import { run } from './run.ts'

const { readPolicyRun } = proxyLocalActivities<PolicyRunActivities>(READ)
const { evaluateSlice } = proxyActivities<PolicyRunActivities>(SLICE)
const { cancelPolicyRun, resumePolicyRun, pacePolicyRun } = proxyActivities<PolicyRunActivities>(COMMAND)
const { cancelledPolicyRun } = proxyActivities<PolicyRunActivities>(CANCELLED)

/** One run of a policy version over the catalog, from prepare to success, failure or cancel. */
export async function policyRun({ runId }: { runId: string }): Promise<string> {
  const inbox = openInbox(runId, {
    cancel: [cancelPolicyRun, 'Cancel the run. Input: {"by": "who", "reason": "why"}'],
    resume: [resumePolicyRun, 'Go on with a run that failed. Input: {"by": "who", "reason": "why"}'],
    pace: [
      pacePolicyRun,
      'Slow the run down, or speed it up. Input: {"batchSize": 200, "delayMs": 50, "by": "who"}',
      'input',
    ],
  })

  return await run(inbox, {
    read: () => readPolicyRun(runId),
    slice: () => evaluateSlice(runId),
    cancel: () => cancelledPolicyRun(runId),
    startOver: () => makeContinueAsNewFunc<typeof policyRun>({ initialVersioningBehavior: 'AUTO_UPGRADE' })({ runId }),
  })
}
