import { NativeSelect, SimpleGrid, Stack, Text } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { client } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { FlagSelect } from '../flags/flag-select.tsx'
import { useEnvironment } from '../shell/address.ts'
import { TemplateSteps } from './template-steps.tsx'

/** Gives a flag a plan that is made of a template. */
export function NewPlan() {
  const environment = useEnvironment()
  const navigate = useNavigate()
  const [flagKey, setFlagKey] = useState('')
  const [chosen, setChosen] = useState('')
  const [anchor, setAnchor] = useState<'planned' | 'actual'>('planned')
  const templates = useRead('/api/admin/release-plan-templates', { query: { limit: 100 } }).data
  const template = templates?.find(({ id }) => id === chosen) ?? templates?.[0]
  return (
    <ConfirmButton
      label="Create a plan"
      title="Create a release plan"
      variant="filled"
      wide
      blocked={templates?.length === 0 ? 'There is no template to make it from. Write one under Templates.' : undefined}
      run={async ({ reason, key }) => {
        const { data } = await client.POST('/api/admin/flags/{flagKey}/release-plans', {
          params: {
            path: { flagKey },
            query: { environment, reason },
            header: { 'idempotency-key': key },
          },
          body: { templateId: template?.id, anchor },
        })
        if (data)
          void navigate({ to: '/release-plans/$flagKey/$planId', params: { flagKey: data.flagKey, planId: data.id } })
      }}
    >
      <Stack gap="sm">
        <Text size="sm">
          A flag has one plan. It is a draft: nothing changes for users before you start its first milestone.
        </Text>
        <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
          <FlagSelect environment={environment} value={flagKey} onChange={setFlagKey} />
          <NativeSelect
            label="Template"
            value={template?.id ?? ''}
            onChange={({ currentTarget }) => setChosen(currentTarget.value)}
            data={(templates ?? []).map(({ id, name }) => ({ value: id, label: name }))}
          />
          <NativeSelect
            label="Times count from"
            value={anchor}
            onChange={({ currentTarget }) => setAnchor(currentTarget.value as typeof anchor)}
            data={[
              { value: 'planned', label: 'the plan: it catches up' },
              { value: 'actual', label: 'the real start: each has its whole time' },
            ]}
          />
        </SimpleGrid>
        {template && <TemplateSteps milestones={template.milestones} />}
      </Stack>
    </ConfirmButton>
  )
}
