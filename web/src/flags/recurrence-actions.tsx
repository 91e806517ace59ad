import { Group, Text } from '@mantine/core'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'

type Recurrence = schemas['Recurrence']

/** Skip, pause and resume. */
export function RecurrenceActions({ recurrence }: { recurrence: Recurrence }) {
  const { id, flagKey, environment, status } = recurrence
  const parameters = ({ reason, key }: Confirmed) => ({
    params: {
      path: { flagKey, recurrenceId: id },
      query: { environment, reason },
      header: { 'idempotency-key': key },
    },
  })
  if (status === 'ended') return null
  if (status === 'paused') {
    return (
      <ConfirmButton
        label="Resume"
        title="Go on with it?"
        run={(confirmed) =>
          client.POST('/api/admin/flags/{flagKey}/recurrences/{recurrenceId}/resume', parameters(confirmed))
        }
      >
        <Text size="sm">Its next occurrence is scheduled. {MISSED[recurrence.catchUp]}</Text>
      </ConfirmButton>
    )
  }
  return (
    <Group gap={6} wrap="nowrap">
      <ConfirmButton
        label="Skip"
        title="Skip the next occurrence?"
        run={(confirmed) =>
          client.POST('/api/admin/flags/{flagKey}/recurrences/{recurrenceId}/skip', parameters(confirmed))
        }
      >
        <Text size="sm">The pending occurrence is cancelled, and the one after it is scheduled.</Text>
      </ConfirmButton>
      <ConfirmButton
        label="Pause"
        title="Pause it?"
        run={(confirmed) =>
          client.POST('/api/admin/flags/{flagKey}/recurrences/{recurrenceId}/pause', parameters(confirmed))
        }
      >
        <Text size="sm">The pending occurrence is cancelled, and none is made until somebody resumes it.</Text>
      </ConfirmButton>
    </Group>
  )
}

const MISSED: Record<Recurrence['catchUp'], string> = {
  all: 'Each that was missed is made first, one after the other.',
  latest: 'Of those that were missed, the last is made first.',
  none: 'Those that were missed are left out.',
}
