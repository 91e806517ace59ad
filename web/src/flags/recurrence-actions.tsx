import { Group, Stack, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'
import { changedFields } from './changed-fields.ts'
import { bodyOf, draftOfRecurrence, RecurrenceFields } from './recurrence-fields.tsx'

type Recurrence = schemas['Recurrence']
const SELF = '/api/admin/flags/{flagKey}/recurrences/{recurrenceId}'

/** Edit, skip, pause, resume and end. */
export function RecurrenceActions({ recurrence }: { recurrence: Recurrence }) {
  const { status, catchUp } = recurrence
  const parameters = (confirmed: Confirmed) => ({ params: parametersOf(recurrence, confirmed) })
  if (status === 'ended') return null
  return (
    <Group gap={6}>
      <EditRecurrence recurrence={recurrence} />
      {status === 'paused' ? (
        <ConfirmButton
          label="Resume"
          size="compact-xs"
          title="Go on with it?"
          run={(confirmed) => client.POST(`${SELF}/resume`, parameters(confirmed))}
        >
          <Text size="sm">Its next occurrence is scheduled. {MISSED[catchUp]}</Text>
        </ConfirmButton>
      ) : (
        <>
          <ConfirmButton
            label="Skip"
            size="compact-xs"
            title="Skip the next occurrence?"
            run={(confirmed) => client.POST(`${SELF}/skip`, parameters(confirmed))}
          >
            <Text size="sm">The pending occurrence is cancelled, and the one after it is scheduled.</Text>
          </ConfirmButton>
          <ConfirmButton
            label="Pause"
            size="compact-xs"
            title="Pause it?"
            run={(confirmed) => client.POST(`${SELF}/pause`, parameters(confirmed))}
          >
            <Text size="sm">The pending occurrence is cancelled, and none is made until somebody resumes it.</Text>
          </ConfirmButton>
        </>
      )}
      <ConfirmButton
        label="End"
        size="compact-xs"
        title="End it for good?"
        danger
        run={(confirmed) => client.DELETE(SELF, parameters(confirmed))}
      >
        <Text size="sm">
          Its pending occurrence is cancelled, and none is made any more. That cannot be taken back; what it has changed
          stays.
        </Text>
      </ConfirmButton>
    </Group>
  )
}

function parametersOf({ id, flagKey, environment }: Recurrence, { reason, key }: Confirmed) {
  return {
    path: { flagKey, recurrenceId: id },
    query: { environment, reason },
    header: { 'idempotency-key': key },
  }
}

function EditRecurrence({ recurrence }: { recurrence: Recurrence }) {
  const { version } = recurrence
  const read = useRef(version)
  const [draft, setDraft] = useState(() => draftOfRecurrence(recurrence))
  const [before, after] = [bodyOf(draftOfRecurrence(recurrence)), bodyOf(draft)]
  return (
    <ConfirmButton
      label="Edit"
      size="compact-xs"
      title="Change it from here on"
      wide
      onOpen={() => setDraft(draftOfRecurrence(recurrence))}
      run={(confirmed) => {
        const { header, ...params } = parametersOf(recurrence, confirmed)
        const ifMatch = { 'if-match': `"${read.current}"` }
        return client.PATCH(SELF, {
          params: { ...params, header: { ...header, ...ifMatch } },
          body: changedFields(before, after),
        })
      }}
    >
      <Stack gap="sm">
        <Text size="sm">
          The pending occurrence changes with it. With another rule it moves to the first time after now that it gives.
        </Text>
        <RecurrenceFields draft={draft} change={(changed) => setDraft({ ...draft, ...changed })} />
        <BeforeAfter before={before} after={after} />
        <AsRead version={version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}

const MISSED: Record<Recurrence['catchUp'], string> = {
  all: 'Each that was missed is made first, one after the other.',
  latest: 'Of those that were missed, the last is made first.',
  none: 'Those that were missed are left out.',
}
