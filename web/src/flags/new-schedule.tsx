import { Group, NativeSelect, NumberInput, Stack, TextInput } from '@mantine/core'
import { useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { useFlagAddress } from './flag-address.ts'
import { SchedulePreview } from './schedule-preview.tsx'
import { TimeInput } from './time-input.tsx'
import { readWallClock } from './wall-clock.ts'

const EMPTY = { due: '', enabled: '', rolloutPercentage: '' as string | number, comment: '' }

/** Makes a schedule; what it would do, and what contradicts it, is shown before. */
export function NewSchedule({ flag }: { flag: schemas['Flag'] }) {
  const { path, query } = useFlagAddress()
  const [draft, setDraft] = useState(EMPTY)
  const change = (changed: Partial<typeof EMPTY>) => setDraft({ ...draft, ...changed })
  const body = bodyOf(draft)
  return (
    <ConfirmButton
      label="Schedule a change"
      title={`Schedule a change of ${path.flagKey}`}
      variant="filled"
      blocked={flag.archivedAt ? 'It is archived. Bring it back first.' : undefined}
      run={async ({ reason, key }) => {
        await client.POST('/api/admin/flags/{flagKey}/schedule', {
          params: { path, query: { ...query, reason }, header: { 'idempotency-key': key } },
          body,
        })
        setDraft(EMPTY)
      }}
    >
      <Stack gap="sm">
        <TimeInput label="Due" required value={draft.due} onChange={(due) => change({ due })} />
        <Group grow align="flex-start">
          <NativeSelect
            label="State"
            value={draft.enabled}
            onChange={({ currentTarget: { value } }) => change({ enabled: value })}
            data={[
              { value: '', label: 'Leave as it is then' },
              { value: 'true', label: 'On' },
              { value: 'false', label: 'Off' },
            ]}
          />
          <NumberInput
            label="Rollout"
            placeholder="Leave as it is then"
            suffix=" %"
            min={0}
            max={100}
            clampBehavior="strict"
            allowDecimal={false}
            value={draft.rolloutPercentage}
            onChange={(rolloutPercentage) => change({ rolloutPercentage })}
          />
        </Group>
        <TextInput
          label="Comment"
          description="Shown with the schedule (optional)"
          maxLength={2000}
          value={draft.comment}
          onChange={({ currentTarget: { value } }) => change({ comment: value })}
        />
        <SchedulePreview body={body} />
      </Stack>
    </ConfirmButton>
  )
}

function bodyOf({ due, enabled, rolloutPercentage, comment }: typeof EMPTY) {
  return {
    scheduledAt: readWallClock(due)?.at.toISOString() ?? '',
    updates: {
      ...(enabled && { enabled: enabled === 'true' }),
      ...(typeof rolloutPercentage === 'number' && { rolloutPercentage }),
    },
    ...(comment.trim() && { comment: comment.trim() }),
  }
}
