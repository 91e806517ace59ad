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
import type { GameplanActivities, GameplanRow } from '../activities/gameplan.ts'
import type { CommandResult } from '../domain/until.ts'
import { Inbox } from './inbox.ts'
import { DUE_AT, ENVIRONMENT, FLAG_KEY } from './search-attributes.ts'
import { until } from './until.ts'

const { readGameplan } = proxyLocalActivities<GameplanActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

// While a schedule is due that was not applied, it looks for it; a worker that was killed is missed after 5 s.
const { advanceGameplan } = proxyActivities<GameplanActivities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '10s' },
  // The lock of the row decides between a command and the next step, so a command need not wait for the activity.
  cancellationType: ActivityCancellationType.TRY_CANCEL,
})

// A command is given up after half a minute, so that the gameplan goes on; its sender sees why.
const commands = proxyActivities<GameplanActivities>({
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: '30s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

const { cancelledGameplan } = proxyActivities<GameplanActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
})

type Command = { by?: string; reason?: string }
type OfPatch = Command & { patchId: string }

const nudge = defineSignal('nudge')
const merged = defineSignal<[OfPatch]>('merged')
const reverted = defineSignal<[OfPatch]>('reverted')
const pause = defineSignal<[Command?]>('pause')
const resume = defineSignal<[Command?]>('resume')
const cancel = defineSignal<[Command?]>('cancel')

/** A gameplan, from its start until it is complete or cancelled; paused ones wait here as well. */
export async function gameplan({ gameplanId }: { gameplanId: string }): Promise<string> {
  const inbox = new Inbox()
  setHandler(nudge, () => inbox.nudge(), { description: 'Read the row again; sent after every change of it.' })
  // The n-th of its name: the history says who sent it, should the command not.
  const sent = { merged: 0, reverted: 0, pause: 0, resume: 0, cancel: 0 }
  const push = (
    name: keyof typeof sent,
    command: Command | undefined,
    carryOut: (gameplanId: string, command: unknown, nth: number) => Promise<CommandResult>,
  ) => {
    const nth = sent[name]++
    inbox.push(() => carryOut(gameplanId, command ?? {}, nth))
  }
  setHandler(merged, (command) => push('merged', command, commands.mergeGameplanPatch), {
    description: 'Say that a patch is merged. Input: {"patchId": "3a", "by": "who", "reason": "why"}',
  })
  setHandler(reverted, (command) => push('reverted', command, commands.revertGameplanPatch), {
    description: 'Take back that a patch was merged. Input: {"patchId": "3a", "by": "who", "reason": "why"}',
  })
  setHandler(pause, (command) => push('pause', command, commands.pauseGameplan), {
    description: 'Do nothing with the flag. Input: {"by": "who", "reason": "why"}',
  })
  setHandler(resume, (command) => push('resume', command, commands.resumeGameplan), {
    description: 'Go on with a paused gameplan. Input: {"by": "who", "reason": "why"}',
  })
  setHandler(cancel, (command) => push('cancel', command, commands.cancelGameplan), {
    description: 'End the gameplan; its flag stays as it is. Input: {"by": "who", "reason": "why"}',
  })

  return await until(inbox, {
    read: async () => {
      const row = await readGameplan(gameplanId)
      showInSearch(row)
      return row
    },
    fire: () => advanceGameplan(gameplanId),
    cancel: () => cancelledGameplan(gameplanId),
    startOver: () => continueAsNew<typeof gameplan>({ gameplanId }),
  })
}

function showInSearch({ status, flagKey, environment, dueAt }: GameplanRow): void {
  if (status === 'deleted') return
  const shown = workflowInfo().typedSearchAttributes
  const due = dueAt ? new Date(dueAt) : null
  if ((shown.get(FLAG_KEY) ?? '') === flagKey && shown.get(DUE_AT)?.getTime() === due?.getTime()) return
  upsertSearchAttributes([
    { key: FLAG_KEY, value: flagKey || null },
    { key: ENVIRONMENT, value: environment },
    { key: DUE_AT, value: due },
  ])
}
