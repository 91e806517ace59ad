import { Stack, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { type ActionName, wordsOf } from './actions.ts'
import { type ChangeDraft, ChangeFields, changeOf, NEW_CHANGE } from './change-fields.tsx'
import { parametersOf } from './parameters.ts'

type ChangeRequest = schemas['ChangeRequest']
type Change = schemas['Change']

const CHANGES = '/api/admin/environments/{environment}/change-requests/{id}/changes'

/** What an edit does to what was decided so far. */
function Consequence({ request: { state, approvals } }: { request: ChangeRequest }) {
  const given = approvals.filter(({ revokedAt }) => revokedAt === null).length
  return (
    <Text size="sm">
      {given === 0
        ? 'Nothing changes for users before it is approved and applied.'
        : `It is reviewed again: ${given === 1 ? '1 approval is' : `${given} approvals are`} revoked, because reviewers have seen something else.`}
      {state !== 'draft' && ' Who edits it is one of its authors.'}
    </Text>
  )
}

export function AddChange({ request }: { request: ChangeRequest }) {
  const read = useRef(request.version)
  const [draft, setDraft] = useState<ChangeDraft>(NEW_CHANGE)
  return (
    <ConfirmButton
      label="Add a change"
      title={`Add a change to “${request.title}”`}
      wide
      onOpen={() => setDraft(NEW_CHANGE)}
      run={(confirmed) =>
        client.POST(CHANGES, { params: parametersOf(request, confirmed, read.current), body: changeOf(draft) })
      }
    >
      <Stack gap="sm">
        <ChangeFields environment={request.environment} draft={draft} onChange={setDraft} />
        <Consequence request={request} />
        <AsRead version={request.version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}

export function EditChange({ request, change }: { request: ChangeRequest; change: Change }) {
  const read = useRef(request.version)
  const begun: ChangeDraft = {
    ...{ action: change.action as ActionName, flagKey: change.flagKey ?? '', payload: change.payload },
  }
  const [draft, setDraft] = useState(begun)
  return (
    <ConfirmButton
      label="Edit"
      title="Edit the change"
      size="compact-xs"
      wide
      onOpen={() => setDraft(begun)}
      run={(confirmed) => {
        const { path, query, header } = parametersOf(request, confirmed, read.current)
        return client.PUT(`${CHANGES}/{changeId}`, {
          params: { path: { ...path, changeId: change.id }, query, header },
          body: changeOf(draft),
        })
      }}
    >
      <Stack gap="sm">
        <ChangeFields environment={request.environment} draft={draft} onChange={setDraft} />
        <Consequence request={request} />
        <AsRead version={request.version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}

export function RemoveChange({ request, change }: { request: ChangeRequest; change: Change }) {
  const read = useRef(request.version)
  const { words, about } = wordsOf(change)
  return (
    <ConfirmButton
      label="Remove"
      title="Take the change out of the request?"
      size="compact-xs"
      danger
      run={(confirmed) => {
        const { path, query, header } = parametersOf(request, confirmed, read.current)
        return client.DELETE(`${CHANGES}/{changeId}`, {
          params: { path: { ...path, changeId: change.id }, query, header },
        })
      }}
    >
      <Stack gap="sm">
        <Text size="sm">
          The request does not ask for this any more: {words} <span className="mono">{about}</span>.{' '}
          {request.changes.length - 1} of its changes {request.changes.length === 2 ? 'is' : 'are'} left.
        </Text>
        <Consequence request={request} />
        <AsRead version={request.version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
