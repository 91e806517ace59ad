import { Stack, TextInput } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import { useFlagAddress } from './flag-address.ts'
import { SchedulePreview } from './schedule-preview.tsx'
import { TimeInput } from './time-input.tsx'
import { draftOfUpdates, NO_UPDATES, type UpdatesDraft, UpdatesFields, updatesOf } from './updates-fields.tsx'
import { readWallClock, wallClock } from './wall-clock.ts'

export type ScheduleDraft = UpdatesDraft & { due: string; comment: string }

export const NEW_SCHEDULE: ScheduleDraft = { ...NO_UPDATES, due: '', comment: '' }

export function draftOfSchedule({ scheduledAt, updates, comment }: schemas['Schedule']): ScheduleDraft {
  return { ...draftOfUpdates(updates), due: wallClock(scheduledAt), comment: comment ?? '' }
}

/** As the API takes it. */
export function bodyOf({ due, comment, ...updates }: ScheduleDraft) {
  return {
    scheduledAt: readWallClock(due)?.at.toISOString() ?? '',
    updates: updatesOf(updates),
    comment: comment.trim(),
  }
}

/** When, what, and what it would do; `scheduleId` of one that is there. */
export function ScheduleFields({
  draft,
  change,
  scheduleId,
}: {
  draft: ScheduleDraft
  change: (changed: Partial<ScheduleDraft>) => void
  scheduleId?: string
}) {
  const { scheduledAt, updates } = bodyOf(draft)
  return (
    <Stack gap="sm">
      <TimeInput label="Due" required value={draft.due} onChange={(due) => change({ due })} />
      <UpdatesFields draft={draft} change={change} />
      <TextInput
        label="Comment"
        description="Shown with the schedule (optional)"
        maxLength={2000}
        value={draft.comment}
        onChange={({ currentTarget: { value } }) => change({ comment: value })}
      />
      <SchedulePreview of={useFlagAddress()} body={{ scheduledAt, updates, ...(scheduleId && { scheduleId }) }} />
    </Stack>
  )
}
