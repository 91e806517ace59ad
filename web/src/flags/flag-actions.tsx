import { NumberInput, Stack, Text, Textarea } from '@mantine/core'
import { type RefObject, useRef, useState } from 'react'
import { client } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'
import { PENDING_SHOWN } from './schedules.tsx'

type Flag = schemas['Flag']
type Edit = { enabled?: boolean; description?: string; rolloutPercentage?: number; archived?: false }

/** What can be done with the flag as a whole. What was changed meanwhile is not overwritten. */
export function FlagActions({ flag }: { flag: Flag }) {
  if (flag.archivedAt) return <Revive flag={flag} />
  return (
    <>
      <Switch flag={flag} />
      <EditFlag flag={flag} />
      <Archive flag={flag} />
    </>
  )
}

type Read = RefObject<number>

const parametersOf = ({ key: flagKey, environment }: Flag, read: Read, { reason, key }: Confirmed) => ({
  path: { flagKey },
  query: { environment, reason },
  header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
})

const edit = (flag: Flag, read: Read, body: Edit, confirmed: Confirmed) =>
  client.PATCH('/api/admin/flags/{flagKey}', { params: parametersOf(flag, read, confirmed), body })

function Switch({ flag }: { flag: Flag }) {
  const read = useRef(flag.revision)
  const { key, enabled, rolloutPercentage, environment } = flag
  return (
    <ConfirmButton
      label={enabled ? 'Switch off' : 'Switch on'}
      title={`Switch ${key} ${enabled ? 'off' : 'on'}?`}
      danger={enabled}
      run={(confirmed) => edit(flag, read, { enabled: !enabled }, confirmed)}
    >
      <Text size="sm">
        {enabled
          ? `At once nobody in ${environment} has it any more.`
          : `At once it is on in ${environment}, for ${rolloutPercentage} % of those that its strategies match.`}{' '}
        What is scheduled stays scheduled.
      </Text>
      <AsRead version={flag.revision} read={read} />
    </ConfirmButton>
  )
}

function EditFlag({ flag }: { flag: Flag }) {
  const read = useRef(flag.revision)
  const [draft, setDraft] = useState<Edit>({})
  const { description, rolloutPercentage } = { ...flag, ...draft }
  const before = { description: flag.description, rolloutPercentage: flag.rolloutPercentage }
  return (
    <ConfirmButton
      label="Edit"
      title={`Edit ${flag.key}`}
      run={async (confirmed) => {
        await edit(flag, read, draft, confirmed)
        setDraft({})
      }}
    >
      <Stack gap="sm">
        <NumberInput
          label="Rollout"
          description={`Share of the users in ${flag.environment} that it is on for, while it is on`}
          suffix=" %"
          min={0}
          max={100}
          clampBehavior="strict"
          allowDecimal={false}
          value={rolloutPercentage}
          onChange={(value) => typeof value === 'number' && setDraft({ ...draft, rolloutPercentage: value })}
        />
        <Textarea
          label="Description"
          autosize
          value={description}
          onChange={({ currentTarget: { value } }) => setDraft({ ...draft, description: value })}
        />
        <BeforeAfter before={before} after={{ description, rolloutPercentage }} />
      </Stack>
      <AsRead version={flag.revision} read={read} />
    </ConfirmButton>
  )
}

function Archive({ flag }: { flag: Flag }) {
  const read = useRef(flag.revision)
  const { key: flagKey, environment } = flag
  const { data: pending } = useRead('/api/admin/flags/{flagKey}/schedule', {
    path: { flagKey },
    query: { environment, status: 'pending', limit: PENDING_SHOWN },
  })
  const count =
    pending === undefined ? 'all' : pending.length < PENDING_SHOWN ? pending.length : `${PENDING_SHOWN} or more`
  return (
    <ConfirmButton
      label="Archive"
      title={`Archive ${flagKey}?`}
      danger
      run={(confirmed) => client.DELETE('/api/admin/flags/{flagKey}', { params: parametersOf(flag, read, confirmed) })}
    >
      <Text size="sm">
        Applications in {environment} do not see it any more. Cancels its pending schedules ({count}) and ends its
        recurrences for good. It can be brought back, without them.
      </Text>
      <AsRead version={flag.revision} read={read} />
    </ConfirmButton>
  )
}

function Revive({ flag }: { flag: Flag }) {
  const read = useRef(flag.revision)
  return (
    <ConfirmButton
      label="Bring back"
      title={`Bring ${flag.key} back?`}
      run={(confirmed) => edit(flag, read, { archived: false }, confirmed)}
    >
      <Text size="sm">
        Applications in {flag.environment} see it again, {flag.enabled ? 'on' : 'off'} as it was. What was scheduled
        when it was archived stays cancelled.
      </Text>
      <AsRead version={flag.revision} read={read} />
    </ConfirmButton>
  )
}
