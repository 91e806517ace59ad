import { Group, Stack, Text, TextInput } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { When } from '../components/when.tsx'
import { TimeInput } from '../flags/time-input.tsx'
import { readWallClock, wallClock } from '../flags/wall-clock.ts'
import { Overlap } from './overlap.tsx'

type Freeze = schemas['Freeze']

/** What can be done with a freeze that is not over. */
export function FreezeActions({ freeze }: { freeze: Freeze }) {
  if (Date.parse(freeze.to) <= Date.now()) return null
  return (
    <Group gap={6} wrap="nowrap">
      <Edit freeze={freeze} />
      <Lift freeze={freeze} />
    </Group>
  )
}

function Edit({ freeze }: { freeze: Freeze }) {
  const { id: freezeId, environment, to, reason: why, mode, version } = freeze
  const read = useRef(version)
  const [draft, setDraft] = useState<{ to?: string; why?: string }>({})
  const wanted = { to: wallClock(to), why, ...draft }
  const until = readWallClock(wanted.to)?.at
  return (
    <ConfirmButton
      label="Edit"
      title="Edit the freeze"
      size="compact-xs"
      run={async ({ reason, key }) => {
        await client.PATCH('/api/admin/freezes/{freezeId}', {
          params: {
            path: { freezeId },
            query: { reason },
            header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
          },
          body: {
            ...(draft.to !== undefined && { to: until?.toISOString() ?? '' }),
            reason: wanted.why.trim(),
          },
        })
        setDraft({})
      }}
    >
      <Stack gap="sm">
        <TextInput
          label="Why it is frozen"
          description="Told to whoever is refused"
          maxLength={2000}
          required
          withAsterisk={false}
          value={wanted.why}
          onChange={({ currentTarget }) => setDraft({ ...draft, why: currentTarget.value })}
        />
        <TimeInput label="Until" required value={wanted.to} onChange={(value) => setDraft({ ...draft, to: value })} />
        {until && until > new Date(to) && (
          <>
            <Text size="sm">The time that is added is frozen as by a new freeze.</Text>
            <Overlap environment={environment} from={new Date(to)} to={until} mode={mode} />
          </>
        )}
        {until && until < new Date(to) && (
          <Text size="sm">
            What was put off stays where it is. Milestones that wait go on within a minute of its end.
          </Text>
        )}
        <AsRead version={version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}

function Lift({ freeze: { id: freezeId, environment, to } }: { freeze: Freeze }) {
  return (
    <ConfirmButton
      label="Lift"
      title="Lift the freeze?"
      size="compact-xs"
      danger
      run={({ reason, key }) =>
        client.DELETE('/api/admin/freezes/{freezeId}', {
          params: { path: { freezeId }, query: { reason }, header: { 'idempotency-key': key } },
        })
      }
    >
      <Text size="sm">
        {environment} is not frozen any more until <When at={to} />. Schedules that were put off stay where they are;
        milestones that wait go on within a minute.
      </Text>
    </ConfirmButton>
  )
}
