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
import type { FlagScheduleActivities, FlagScheduleRow } from '../activities/flag-schedule.ts'
import { Inbox } from './inbox.ts'
import { DUE_AT, ENVIRONMENT, FLAG_KEY } from './search-attributes.ts'
import { until } from './until.ts'

const { readFlagSchedule } = proxyLocalActivities<FlagScheduleActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

// A worker that is killed in the last second is missed after 2 s without a heartbeat.
const { applyDueChanges } = proxyActivities<FlagScheduleActivities>({
  startToCloseTimeout: '5s',
  heartbeatTimeout: '2s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '2s' },
  // The row's lock decides between a cancel and the change, so a cancel need not wait for the activity.
  cancellationType: ActivityCancellationType.TRY_CANCEL,
})

// A command is given up after half a minute, so that the schedule goes on; its sender sees why.
const { cancelFlagSchedule, rescheduleFlagSchedule } = proxyActivities<FlagScheduleActivities>({
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: '30s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

const { cancelledFlagSchedule } = proxyActivities<FlagScheduleActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
})

const nudge = defineSignal('nudge')
const cancel = defineSignal<[{ by?: string; reason?: string }?]>('cancel')
const reschedule = defineSignal<[{ scheduledAt: string; by?: string; reason?: string }]>('reschedule')

/** One scheduled change of a flag, from its creation to the moment when its row is applied, failed or cancelled. */
export async function flagSchedule({ scheduleId }: { scheduleId: string }): Promise<string> {
  const inbox = new Inbox()
  setHandler(nudge, () => inbox.nudge(), { description: 'Read the row again; sent after every change of it.' })
  // The n-th of its name: the history says who sent it, should the command not.
  const nth = { cancel: 0, reschedule: 0 }
  setHandler(
    cancel,
    (command) => {
      const n = nth.cancel++
      inbox.push(() => cancelFlagSchedule(scheduleId, command ?? {}, n))
    },
    { description: 'Cancel the schedule. Input: {"by": "who", "reason": "why"}' },
  )
  setHandler(
    reschedule,
    (command) => {
      const n = nth.reschedule++
      inbox.push(() => rescheduleFlagSchedule(scheduleId, command, n))
    },
    { description: 'Move the schedule. Input: {"scheduledAt": "2026-03-01T09:00:00Z", "by": "who", "reason": "why"}' },
  )

  return await until(inbox, {
    read: async () => {
      const row = await readFlagSchedule(scheduleId)
      showInSearch(row)
      return row
    },
    fire: () => applyDueChanges(scheduleId),
    cancel: () => cancelledFlagSchedule(scheduleId),
    startOver: () => continueAsNew<typeof flagSchedule>({ scheduleId }),
  })
}

function showInSearch({ final, flagKey, environment, dueAt }: FlagScheduleRow): void {
  const shown = workflowInfo().typedSearchAttributes.get(DUE_AT)?.getTime()
  if (final || shown === Date.parse(dueAt)) return
  upsertSearchAttributes([
    { key: FLAG_KEY, value: flagKey },
    { key: ENVIRONMENT, value: environment },
    { key: DUE_AT, value: new Date(dueAt) },
  ])
}
