import { Group, Stack, Text, TextInput } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { When } from '../components/when.tsx'
import { changedFields } from '../flags/changed-fields.ts'
import { TimeInput } from '../flags/time-input.tsx'
import { readWallClock, wallClock } from '../flags/wall-clock.ts'
import { changesText } from './release-text.ts'

type Release = schemas['FlagRelease']

/** Move and cancel, while it is pending. */
export function ReleaseActions({ release }: { release: Release }) {
  if (release.status !== 'pending') return null
  return (
    <Group gap={6} wrap="nowrap">
      <MoveRelease release={release} />
      <CancelRelease release={release} />
    </Group>
  )
}

function MoveRelease({ release }: { release: Release }) {
  const { id: releaseId, version, scheduledAt, comment } = release
  const read = useRef(version)
  const before = { scheduledAt, comment: comment ?? '' }
  const asTyped = () => ({ due: wallClock(scheduledAt), comment: before.comment })
  const [draft, setDraft] = useState(asTyped)
  // To the second, as it is typed: one that is not touched stays to the millisecond.
  const due = draft.due === asTyped().due ? scheduledAt : (readWallClock(draft.due)?.at.toISOString() ?? '')
  const after = { scheduledAt: due, comment: draft.comment }
  return (
    <ConfirmButton
      label="Move"
      title="Move the release"
      onOpen={() => setDraft(asTyped())}
      run={({ reason, key }) =>
        client.PATCH('/api/admin/releases/{releaseId}', {
          params: {
            path: { releaseId },
            query: { reason },
            header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
          },
          body: changedFields(before, after),
        })
      }
    >
      <Stack gap="sm">
        <Text size="sm">
          All of it together: <b>{changesText(release)}</b>.
        </Text>
        <TimeInput label="Due" required value={draft.due} onChange={(due) => setDraft({ ...draft, due })} />
        <TextInput
          label="Comment"
          maxLength={2000}
          value={draft.comment}
          onChange={({ currentTarget }) => setDraft({ ...draft, comment: currentTarget.value })}
        />
        <BeforeAfter before={before} after={after} />
        <AsRead version={version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}

function CancelRelease({ release }: { release: Release }) {
  const { id: releaseId, scheduledAt, changes } = release
  return (
    <ConfirmButton
      label="Cancel"
      title="Cancel the release?"
      danger
      run={({ reason, key }) =>
        client.DELETE('/api/admin/releases/{releaseId}', {
          params: { path: { releaseId }, query: { reason }, header: { 'idempotency-key': key } },
        })
      }
    >
      <Text size="sm">
        Its changes of {changes.length} flags (<b>{changesText(release)}</b>), due <When at={scheduledAt} />, will never
        happen. If it is applied before you confirm, you are told so.
      </Text>
    </ConfirmButton>
  )
}
