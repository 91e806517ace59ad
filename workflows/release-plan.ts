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
import type { ReleasePlanActivities, ReleasePlanRow } from '../activities/release-plan.ts'
import type { CommandResult } from '../domain/until.ts'
import { Inbox } from './inbox.ts'
import { DUE_AT, ENVIRONMENT, FLAG_KEY } from './search-attributes.ts'
import { until } from './until.ts'

const { readReleasePlan } = proxyLocalActivities<ReleasePlanActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

// A worker that is killed in the last second is missed after 2 s without a heartbeat.
const { advanceReleasePlan } = proxyActivities<ReleasePlanActivities>({
  startToCloseTimeout: '10s',
  heartbeatTimeout: '2s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '2s' },
  // The lock of the flag decides between a command and the next milestone, so a command need not wait for the activity.
  cancellationType: ActivityCancellationType.TRY_CANCEL,
})

// A command is given up after half a minute, so that the plan goes on; its sender sees why.
const commands = proxyActivities<ReleasePlanActivities>({
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: '30s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

const { cancelledReleasePlan } = proxyActivities<ReleasePlanActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
})

type Command = { by?: string; reason?: string }

const nudge = defineSignal('nudge')
const start = defineSignal<[Command & { milestoneId: string; enable?: boolean; overrideFreeze?: boolean }]>('start')
const approve = defineSignal<[(Command & { milestoneId?: string })?]>('approve')
const pause = defineSignal<[Command?]>('pause')
const resume = defineSignal<[Command?]>('resume')

/** A release plan, from its making to the start of its last milestone; paused ones wait here as well. */
export async function releasePlan({ planId }: { planId: string }): Promise<string> {
  const inbox = new Inbox()
  setHandler(nudge, () => inbox.nudge(), { description: 'Read the row again; sent after every change of it.' })
  // The n-th of its name: the history says who sent it, should the command not.
  const sent = { start: 0, approve: 0, pause: 0, resume: 0 }
  const push = (
    name: keyof typeof sent,
    command: Command | undefined,
    carryOut: (planId: string, command: unknown, nth: number) => Promise<CommandResult>,
  ) => {
    const nth = sent[name]++
    inbox.push(() => carryOut(planId, command ?? {}, nth))
  }
  setHandler(start, (command) => push('start', command, commands.startReleaseMilestone), {
    description:
      'Start a milestone now, go back to one, or begin it again. Input: {"milestoneId": "…", "enable": true, "by": "who", "reason": "why"}',
  })
  setHandler(approve, (command) => push('approve', command, commands.approveReleaseMilestone), {
    description: 'Let the active milestone be followed by the next. Input: {"by": "who", "reason": "why"}',
  })
  setHandler(pause, (command) => push('pause', command, commands.pauseReleasePlan), {
    description: 'Start nothing by itself. Input: {"by": "who", "reason": "why"}',
  })
  setHandler(resume, (command) => push('resume', command, commands.resumeReleasePlan), {
    description: 'Go on with a paused plan. Input: {"by": "who", "reason": "why"}',
  })

  return await until(inbox, {
    read: async () => {
      const row = await readReleasePlan(planId)
      showInSearch(row)
      // Also of a complete plan, a command is carried out: it may be taken back.
      return { ...row, final: row.final && !(row.status === 'completed' && inbox.hasNews) }
    },
    fire: () => advanceReleasePlan(planId),
    cancel: () => cancelledReleasePlan(planId),
    startOver: () => continueAsNew<typeof releasePlan>({ planId }),
  })
}

function showInSearch({ status, flagKey, environment, dueAt }: ReleasePlanRow): void {
  if (status === 'deleted') return
  const shown = workflowInfo().typedSearchAttributes
  const due = dueAt ? new Date(dueAt) : null
  if (shown.get(FLAG_KEY) === flagKey && shown.get(DUE_AT)?.getTime() === due?.getTime()) return
  upsertSearchAttributes([
    { key: FLAG_KEY, value: flagKey },
    { key: ENVIRONMENT, value: environment },
    { key: DUE_AT, value: due },
  ])
}
