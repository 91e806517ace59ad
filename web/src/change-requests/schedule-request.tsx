import { Stack, Text, TextInput } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { utc } from '../components/time.ts'
import { parametersOf } from './parameters.ts'

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone

/** Gives an approved request a time, or another one. */
export function ScheduleRequest({ request }: { request: schemas['ChangeRequest'] }) {
  const { scheduledAt, title, version } = request
  const read = useRef(version)
  const [typed, setTyped] = useState('')
  const at = new Date(typed)
  const known = !Number.isNaN(at.getTime())
  return (
    <ConfirmButton
      label={scheduledAt ? 'Schedule anew' : 'Schedule'}
      title={`Schedule “${title}”`}
      run={(confirmed) =>
        client.POST('/api/admin/environments/{environment}/change-requests/{id}/schedule', {
          params: parametersOf(request, confirmed, read.current),
          body: known ? { scheduledAt: at.toISOString() } : {},
        })
      }
    >
      <Stack gap="sm">
        <Text size="sm">
          It is applied by itself at that time, unless what it is about was changed until then. Approvals that were
          given for another time do not count any more.
        </Text>
        <TextInput
          type="datetime-local"
          label="When"
          description={known ? utc(at) : `In ${ZONE}`}
          required
          withAsterisk={false}
          value={typed}
          onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        />
        <AsRead version={version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
