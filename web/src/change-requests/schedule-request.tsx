import { Stack, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { TimeInput } from '../flags/time-input.tsx'
import { readWallClock } from '../flags/wall-clock.ts'
import { parametersOf } from './parameters.ts'

/** Gives an approved request a time, or another one. */
export function ScheduleRequest({ request }: { request: schemas['ChangeRequest'] }) {
  const { scheduledAt, title, version } = request
  const read = useRef(version)
  const [typed, setTyped] = useState('')
  const at = readWallClock(typed)?.at
  return (
    <ConfirmButton
      label={scheduledAt ? 'Schedule anew' : 'Schedule'}
      title={`Schedule “${title}”`}
      run={(confirmed) =>
        client.POST('/api/admin/environments/{environment}/change-requests/{id}/schedule', {
          params: parametersOf(request, confirmed, read.current),
          body: { scheduledAt: at?.toISOString() },
        })
      }
    >
      <Stack gap="sm">
        <Text size="sm">
          It is applied by itself at that time, unless what it is about was changed until then. Approvals that were
          given for another time do not count any more.
        </Text>
        <TimeInput label="When" required value={typed} onChange={setTyped} />
        <AsRead version={version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
