import { NativeSelect, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { TimeInput } from '../flags/time-input.tsx'
import { readWallClock, wallClock } from '../flags/wall-clock.ts'
import { useEnvironment } from '../shell/address.ts'
import { parametersOf } from './parameters.ts'

type ChangeRequest = schemas['ChangeRequest']
type Late = ChangeRequest['latePolicy']

const EMPTY = { title: '', description: '', time: '', latePolicy: 'ask' as Late }

function RequestFields({ draft, onChange }: { draft: typeof EMPTY; onChange: (draft: typeof EMPTY) => void }) {
  const change = (changed: Partial<typeof EMPTY>) => onChange({ ...draft, ...changed })
  return (
    <>
      <TextInput
        label="Title"
        maxLength={200}
        required
        withAsterisk={false}
        value={draft.title}
        onChange={({ currentTarget }) => change({ title: currentTarget.value })}
      />
      <Textarea
        label="Description"
        description="For who reviews it (optional)"
        autosize
        value={draft.description}
        onChange={({ currentTarget }) => change({ description: currentTarget.value })}
      />
      <TimeInput label="Applied by itself at (optional)" value={draft.time} onChange={(time) => change({ time })} />
      {draft.time !== '' && (
        <NativeSelect
          label="If it is approved later"
          value={draft.latePolicy}
          onChange={({ currentTarget }) => change({ latePolicy: currentTarget.value as Late })}
          data={[
            { value: 'ask', label: 'somebody decides' },
            { value: 'apply', label: 'it is applied at once' },
            { value: 'expire', label: 'it is cancelled' },
          ]}
        />
      )}
    </>
  )
}

function bodyOf({ title, description, time, latePolicy }: typeof EMPTY) {
  return {
    ...{ title: title.trim(), description: description.trim(), latePolicy },
    scheduledAt: readWallClock(time)?.at.toISOString() ?? null,
  }
}

/** Makes a draft; its changes are added on its page. */
export function NewRequest() {
  const environment = useEnvironment()
  const navigate = useNavigate()
  const [draft, setDraft] = useState(EMPTY)
  return (
    <ConfirmButton
      label="Make a request"
      title={`Make a change request for ${environment}`}
      variant="filled"
      onOpen={() => setDraft(EMPTY)}
      run={async ({ reason, key }) => {
        const { data } = await client.POST('/api/admin/environments/{environment}/change-requests', {
          params: { path: { environment }, query: { reason }, header: { 'idempotency-key': key } },
          body: bodyOf(draft),
        })
        if (data) void navigate({ to: '/change-requests/$id', params: { id: data.id } })
      }}
    >
      <Stack gap="sm">
        <Text size="sm">It is a draft of yours: add what it changes on its page, then submit it to its reviewers.</Text>
        <RequestFields draft={draft} onChange={setDraft} />
      </Stack>
    </ConfirmButton>
  )
}

export function EditRequest({ request }: { request: ChangeRequest }) {
  const read = useRef(request.version)
  const { title, description, scheduledAt, latePolicy } = request
  const begun = { title, description, latePolicy, time: scheduledAt ? wallClock(scheduledAt) : '' }
  const [draft, setDraft] = useState(begun)
  return (
    <ConfirmButton
      label="Edit"
      title={`Edit “${title}”`}
      onOpen={() => setDraft(begun)}
      run={(confirmed) =>
        client.PATCH('/api/admin/environments/{environment}/change-requests/{id}', {
          params: parametersOf(request, confirmed, read.current),
          body: bodyOf(draft),
        })
      }
    >
      <Stack gap="sm">
        <RequestFields draft={draft} onChange={setDraft} />
        <Text size="sm">
          Each of these is a part of what is approved: approvals of something else, or of another time, are revoked.
        </Text>
        <AsRead version={request.version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}

export function DeleteDraft({ request }: { request: ChangeRequest }) {
  const read = useRef(request.version)
  const navigate = useNavigate()
  return (
    <ConfirmButton
      label="Delete the draft"
      title={`Delete “${request.title}”?`}
      danger
      run={async (confirmed) => {
        await client.DELETE('/api/admin/environments/{environment}/change-requests/{id}', {
          params: parametersOf(request, confirmed, read.current),
        })
        await navigate({ to: '/change-requests' })
      }}
    >
      <Text size="sm">
        The draft and its {request.changes.length} changes are gone; nobody has decided about them yet.
      </Text>
      <AsRead version={request.version} read={read} />
    </ConfirmButton>
  )
}
