import { continueAsNew, proxyActivities, proxyLocalActivities } from '@temporalio/workflow'
import type { ChangeRequestActivities } from '../activities/change-request.ts'
import { CANCELLED, COMMAND, FIRE, READ } from './activity-options.ts'
import { openInbox } from './inbox.ts'
import { showInSearch, until } from './until.ts'

const { readChangeRequest } = proxyLocalActivities<ChangeRequestActivities>(READ)
const { applyChangeRequest } = proxyActivities<ChangeRequestActivities>(FIRE)
const { cancelChangeRequest, applyChangeRequestNow } = proxyActivities<ChangeRequestActivities>(COMMAND)
const { cancelledChangeRequest } = proxyActivities<ChangeRequestActivities>(CANCELLED)

/**
 * A change request with a time, from when it is scheduled until it is applied or not scheduled any more; a suspended one waits
 * here as well. There is no signal that approves: who sends one is whoever they say they are.
 */
export async function changeRequest({ requestId }: { requestId: string }): Promise<string> {
  const inbox = openInbox(requestId, {
    cancel: [cancelChangeRequest, 'Cancel the change request. Input: {"by": "who", "reason": "why"}'],
    apply: [
      applyChangeRequestNow,
      'Apply it now; with force, although something was changed since. Input: {"force": true, "by": "who", "reason": "why"}',
    ],
  })

  return await until(inbox, {
    read: async () => {
      const row = await readChangeRequest(requestId)
      if (!row.final) showInSearch(row)
      return row
    },
    fire: () => applyChangeRequest(requestId),
    cancel: () => cancelledChangeRequest(requestId),
    startOver: () => continueAsNew<typeof changeRequest>({ requestId }),
  })
}
