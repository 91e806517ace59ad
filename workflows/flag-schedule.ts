import {
  continueAsNew,
  proxyActivities,
  proxyLocalActivities,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type { FlagScheduleActivities, FlagScheduleRow } from '../activities/flag-schedule.ts'
import { CANCELLED, COMMAND, FIRE, READ } from './activity-options.ts'
import { openInbox } from './inbox.ts'
import { DUE_AT, ENVIRONMENT, FLAG_KEY } from './search-attributes.ts'
import { until } from './until.ts'

const { readFlagSchedule } = proxyLocalActivities<FlagScheduleActivities>(READ)
const { applyDueChanges } = proxyActivities<FlagScheduleActivities>({ ...FIRE, startToCloseTimeout: '5s' })
const { cancelFlagSchedule, rescheduleFlagSchedule } = proxyActivities<FlagScheduleActivities>(COMMAND)
const { cancelledFlagSchedule } = proxyActivities<FlagScheduleActivities>(CANCELLED)

/** One scheduled change of a flag, from its creation to the moment when its row is applied, failed or cancelled. */
export async function flagSchedule({ scheduleId }: { scheduleId: string }): Promise<string> {
  const inbox = openInbox(scheduleId, {
    cancel: [cancelFlagSchedule, 'Cancel the schedule. Input: {"by": "who", "reason": "why"}'],
    reschedule: [
      rescheduleFlagSchedule,
      'Move the schedule. Input: {"scheduledAt": "2026-03-01T09:00:00Z", "by": "who", "reason": "why"}',
      'input',
    ],
  })

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
