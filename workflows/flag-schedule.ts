import { continueAsNew, proxyActivities, proxyLocalActivities } from '@temporalio/workflow'
import type { FlagScheduleActivities } from '../activities/flag-schedule.ts'
import { CANCELLED, COMMAND, FIRE, READ } from './activity-options.ts'
import { openInbox } from './inbox.ts'
import { showInSearch, until } from './until.ts'

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
      if (!row.final) showInSearch(row)
      return row
    },
    fire: () => applyDueChanges(scheduleId),
    cancel: () => cancelledFlagSchedule(scheduleId),
    startOver: () => continueAsNew<typeof flagSchedule>({ scheduleId }),
  })
}
