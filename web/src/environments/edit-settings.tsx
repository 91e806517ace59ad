import { NumberInput, Stack, Switch, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { changedFields } from '../flags/changed-fields.ts'

type Settings = schemas['EnvironmentSettings']

/** Changes what an environment asks of those who change it. */
export function EditSettings({ settings }: { settings: Settings }) {
  const { environment, version, changeRequests, requiredApprovals, selfApproval, releasePlanSync } = settings
  const read = useRef(version)
  const before = { changeRequests, requiredApprovals, selfApproval, releasePlanSync }
  const [draft, setDraft] = useState(before)
  const change = (changed: Partial<typeof before>) => setDraft({ ...draft, ...changed })
  return (
    <ConfirmButton
      label="Edit"
      title={`Edit ${environment}`}
      size="compact-xs"
      onOpen={() => setDraft(before)}
      run={({ reason, key }) =>
        client.PATCH('/api/admin/environments/{environment}', {
          params: {
            path: { environment },
            query: { reason },
            header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
          },
          body: changedFields(before, draft),
        })
      }
    >
      <Stack gap="sm">
        <Switch
          label="Changes need a change request"
          description="Direct ones are refused, but those that only stop something"
          checked={draft.changeRequests}
          onChange={({ currentTarget }) => change({ changeRequests: currentTarget.checked })}
        />
        <NumberInput
          label="Approvals that a request needs"
          min={1}
          max={10}
          clampBehavior="strict"
          allowDecimal={false}
          value={draft.requiredApprovals}
          onChange={(value) => typeof value === 'number' && change({ requiredApprovals: value })}
        />
        <Switch
          label="Authors may approve their own"
          checked={draft.selfApproval}
          onChange={({ currentTarget }) => change({ selfApproval: currentTarget.checked })}
        />
        <Switch
          label="Plan and strategies stay in step"
          description="An edit of an active milestone's strategy changes both of its copies"
          checked={draft.releasePlanSync}
          onChange={({ currentTarget }) => change({ releasePlanSync: currentTarget.checked })}
        />
        <Text size="sm">It counts at once, also for change requests that are under way.</Text>
        <BeforeAfter before={before} after={draft} />
        <AsRead version={version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
