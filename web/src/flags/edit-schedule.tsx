import { Stack } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { changedFields } from './changed-fields.ts'
import { bodyOf, draftOfSchedule, ScheduleFields } from './schedule-fields.tsx'

/** Moves a pending schedule, or changes what it does. */
export function EditSchedule({ schedule, blocked }: { schedule: schemas['Schedule']; blocked?: string | undefined }) {
  const { id: scheduleId, flagKey, environment, version } = schedule
  const read = useRef(version)
  const [draft, setDraft] = useState(() => draftOfSchedule(schedule))
  const [before, after] = [bodyOf(draftOfSchedule(schedule)), bodyOf(draft)]
  return (
    <ConfirmButton
      label="Edit"
      title={`Edit a schedule of ${flagKey}`}
      wide
      blocked={blocked}
      onOpen={() => setDraft(draftOfSchedule(schedule))}
      run={({ reason, key }) =>
        client.PATCH('/api/admin/flags/{flagKey}/schedule/{scheduleId}', {
          params: {
            path: { flagKey, scheduleId },
            query: { environment, reason },
            header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
          },
          body: changedFields(before, after),
        })
      }
    >
      <Stack gap="sm">
        <ScheduleFields
          draft={draft}
          change={(changed) => setDraft({ ...draft, ...changed })}
          scheduleId={scheduleId}
        />
        <BeforeAfter before={before} after={after} />
        <AsRead version={version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
