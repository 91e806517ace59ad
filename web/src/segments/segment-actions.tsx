import { Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'
import { changedFields } from '../flags/changed-fields.ts'
import { ConstraintFields } from '../flags/constraint-fields.tsx'
import { useEnvironment } from '../shell/address.ts'

type Segment = schemas['Segment']
type Draft = Pick<Segment, 'description' | 'constraints'>

const EMPTY = { key: '', description: '', constraints: [] as Segment['constraints'] }

export function NewSegment() {
  const environment = useEnvironment()
  const [draft, setDraft] = useState(EMPTY)
  return (
    <ConfirmButton
      label="Create a segment"
      title={`Create a segment in ${environment}`}
      variant="filled"
      wide
      onOpen={() => setDraft(EMPTY)}
      run={({ reason, key }) =>
        client.POST('/api/admin/segments', {
          params: { query: { environment, reason }, header: { 'idempotency-key': key } },
          body: draft,
        })
      }
    >
      <Stack gap="md">
        <TextInput
          label="Key"
          description="What strategies call it; it cannot be changed"
          placeholder="beta-testers"
          classNames={{ input: 'mono' }}
          required
          withAsterisk={false}
          data-autofocus
          value={draft.key}
          onChange={({ currentTarget }) => setDraft({ ...draft, key: currentTarget.value })}
        />
        <Fields draft={draft} change={(changed) => setDraft({ ...draft, ...changed })} />
        <Text size="sm" className="quiet">
          It changes nothing for users until a strategy uses it.
        </Text>
      </Stack>
    </ConfirmButton>
  )
}

function Fields({ draft, change }: { draft: Draft; change: (changed: Partial<Draft>) => void }) {
  return (
    <>
      <Textarea
        label="Description"
        autosize
        value={draft.description}
        onChange={({ currentTarget }) => change({ description: currentTarget.value })}
      />
      <ConstraintFields
        constraints={draft.constraints}
        onChange={(constraints) => change({ constraints })}
        description="Who meets all of them is in it; without any, everybody is."
      />
    </>
  )
}

function parametersOf({ key: segmentKey, environment }: Segment, revision: number, { reason, key }: Confirmed) {
  return {
    path: { segmentKey },
    query: { environment, reason },
    header: { 'idempotency-key': key, 'if-match': `"${revision}"` },
  }
}

export function EditSegment({ segment }: { segment: Segment }) {
  const { revision, description, constraints } = segment
  const read = useRef(revision)
  const before: Draft = { description, constraints }
  const [draft, setDraft] = useState(before)
  return (
    <ConfirmButton
      label="Edit"
      title={`Edit ${segment.key}`}
      size="compact-xs"
      wide
      onOpen={() => setDraft(before)}
      run={(confirmed) =>
        client.PATCH('/api/admin/segments/{segmentKey}', {
          params: parametersOf(segment, read.current, confirmed),
          body: changedFields(before, draft),
        })
      }
    >
      <Stack gap="md">
        <Fields draft={draft} change={(changed) => setDraft({ ...draft, ...changed })} />
        <BeforeAfter before={before} after={draft} />
        <Text size="sm">Every strategy that uses it changes with it, at once.</Text>
        <AsRead version={revision} read={read} />
      </Stack>
    </ConfirmButton>
  )
}

export function DeleteSegment({ segment }: { segment: Segment }) {
  const { key, revision } = segment
  const read = useRef(revision)
  return (
    <ConfirmButton
      label="Delete"
      title={`Delete ${key}?`}
      size="compact-xs"
      danger
      run={(confirmed) =>
        client.DELETE('/api/admin/segments/{segmentKey}', { params: parametersOf(segment, read.current, confirmed) })
      }
    >
      <Text size="sm">
        It is gone for good. While a strategy uses it, or a milestone of a release plan does, that is refused, and you
        are told of which flags.
      </Text>
      <AsRead version={revision} read={read} />
    </ConfirmButton>
  )
}
