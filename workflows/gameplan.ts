import { continueAsNew, proxyActivities, proxyLocalActivities } from '@temporalio/workflow'
import type { GameplanActivities } from '../activities/gameplan.ts'
import { CANCELLED, COMMAND, FIRE, READ } from './activity-options.ts'
import { openInbox } from './inbox.ts'
import { showInSearch, until } from './until.ts'

const { readGameplan } = proxyLocalActivities<GameplanActivities>(READ)
// While a schedule is due that was not applied, it looks for it; a worker that was killed is missed after 5 s.
const { advanceGameplan } = proxyActivities<GameplanActivities>({
  ...FIRE,
  startToCloseTimeout: '10m',
  heartbeatTimeout: '5s',
})
const commands = proxyActivities<GameplanActivities>(COMMAND)
const { cancelledGameplan } = proxyActivities<GameplanActivities>(CANCELLED)

/** A gameplan, from its start until it is complete or cancelled; paused ones wait here as well. */
export async function gameplan({ gameplanId }: { gameplanId: string }): Promise<string> {
  const inbox = openInbox(gameplanId, {
    merged: [
      commands.mergeGameplanPatch,
      'Say that a patch is merged. Input: {"patchId": "3a", "by": "who", "reason": "why"}',
    ],
    reverted: [
      commands.revertGameplanPatch,
      'Take back that a patch was merged. Input: {"patchId": "3a", "by": "who", "reason": "why"}',
    ],
    pause: [commands.pauseGameplan, 'Do nothing with the flag. Input: {"by": "who", "reason": "why"}'],
    resume: [commands.resumeGameplan, 'Go on with a paused gameplan. Input: {"by": "who", "reason": "why"}'],
    cancel: [
      commands.cancelGameplan,
      'End the gameplan; its flag stays as it is. Input: {"by": "who", "reason": "why"}',
    ],
  })

  return await until(inbox, {
    read: async () => {
      const row = await readGameplan(gameplanId)
      if (row.status !== 'deleted') showInSearch(row)
      return row
    },
    fire: () => advanceGameplan(gameplanId),
    cancel: () => cancelledGameplan(gameplanId),
    startOver: () => continueAsNew<typeof gameplan>({ gameplanId }),
  })
}
