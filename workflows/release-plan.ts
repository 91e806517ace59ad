import { continueAsNew, proxyActivities, proxyLocalActivities } from '@temporalio/workflow'
import type { ReleasePlanActivities } from '../activities/release-plan.ts'
import { CANCELLED, COMMAND, FIRE, READ } from './activity-options.ts'
import { openInbox } from './inbox.ts'
import { showInSearch, until } from './until.ts'

const { readReleasePlan } = proxyLocalActivities<ReleasePlanActivities>(READ)
const { advanceReleasePlan } = proxyActivities<ReleasePlanActivities>(FIRE)
const commands = proxyActivities<ReleasePlanActivities>(COMMAND)
const { cancelledReleasePlan } = proxyActivities<ReleasePlanActivities>(CANCELLED)

/** A release plan, from its making to the start of its last milestone; paused ones wait here as well. */
export async function releasePlan({ planId }: { planId: string }): Promise<string> {
  const inbox = openInbox(planId, {
    start: [
      commands.startReleaseMilestone,
      'Start a milestone now, go back to one, or begin it again. Input: {"milestoneId": "…", "enable": true, "by": "who", "reason": "why"}',
    ],
    approve: [
      commands.approveReleaseMilestone,
      'Let the active milestone be followed by the next. Input: {"by": "who", "reason": "why"}',
    ],
    pause: [commands.pauseReleasePlan, 'Start nothing by itself. Input: {"by": "who", "reason": "why"}'],
    resume: [commands.resumeReleasePlan, 'Go on with a paused plan. Input: {"by": "who", "reason": "why"}'],
  })

  return await until(inbox, {
    read: async () => {
      const row = await readReleasePlan(planId)
      if (row.status !== 'deleted') showInSearch(row)
      // Also of a complete plan, a command is carried out: it may be taken back.
      return { ...row, final: row.final && !(row.status === 'completed' && inbox.hasNews) }
    },
    fire: () => advanceReleasePlan(planId),
    cancel: () => cancelledReleasePlan(planId),
    startOver: () => continueAsNew<typeof releasePlan>({ planId }),
  })
}
