import { Stack, Text, TextInput } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { ProgressionFields } from './progression-fields.tsx'

type Milestone = schemas['Milestone']

/** Changes the name of a milestone, and what the next one waits for. */
export function EditMilestone({
  plan,
  milestone,
  last,
}: {
  plan: schemas['ReleasePlan']
  milestone: Milestone
  last: boolean
}) {
  const read = useRef(plan.version)
  const [draft, setDraft] = useState<Partial<Pick<Milestone, 'name' | 'progression'>>>({})
  const { name, progression } = { ...milestone, ...draft }
  const active = milestone.id === plan.activeMilestoneId && !last
  return (
    <ConfirmButton
      label="Edit"
      title={`Edit “${milestone.name}”`}
      size="compact-xs"
      variant="subtle"
      onOpen={() => setDraft({})}
      run={async ({ reason, key }) => {
        const { flagKey, id: planId, environment } = plan
        await client.PATCH('/api/admin/flags/{flagKey}/release-plans/{planId}/milestones/{milestoneId}', {
          params: {
            path: { flagKey, planId, milestoneId: milestone.id },
            query: { environment, reason },
            header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
          },
          body: draft,
        })
      }}
    >
      <Stack gap="sm">
        <TextInput
          label="Name"
          maxLength={200}
          required
          withAsterisk={false}
          value={name}
          onChange={({ currentTarget }) => setDraft({ ...draft, name: currentTarget.value })}
        />
        {!last && (
          <ProgressionFields value={progression} onChange={(changed) => setDraft({ ...draft, progression: changed })} />
        )}
        <Text size="sm">
          {active
            ? 'Users have this milestone: its time counts from when it began, and one that is over by then ends at once.'
            : 'Users see no difference. All later milestones are planned anew.'}
        </Text>
        <AsRead version={plan.version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
