import { NativeSelect, Select, Stack, Text } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { client } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { useEnvironment } from '../shell/address.ts'
import { progressionWords } from './words.ts'

/** Gives a flag a plan that is made of a template. */
export function NewPlan() {
  const environment = useEnvironment()
  const navigate = useNavigate()
  const [flagKey, setFlagKey] = useState<string | null>(null)
  const [search, setSearch] = useState('')
  const [chosen, setChosen] = useState('')
  const templates = useRead('/api/admin/release-plan-templates', { query: { limit: 100 } }).data
  const flags = useRead('/api/admin/flags', { query: { environment, search: search || undefined, limit: 50 } }).data
  const template = templates?.find(({ id }) => id === chosen) ?? templates?.[0]
  const keys = new Set([...(flagKey ? [flagKey] : []), ...(flags ?? []).map(({ key }) => key)])
  return (
    <ConfirmButton
      label="Create a plan"
      title="Create a release plan"
      variant="filled"
      blocked={
        templates?.length === 0
          ? 'There is no template to make it from. Make one with POST /api/admin/release-plan-templates.'
          : undefined
      }
      run={async ({ reason, key }) => {
        const { data } = await client.POST('/api/admin/flags/{flagKey}/release-plans', {
          params: {
            path: { flagKey: flagKey ?? '' },
            query: { environment, reason },
            header: { 'idempotency-key': key },
          },
          body: { templateId: template?.id },
        })
        if (data)
          void navigate({ to: '/release-plans/$flagKey/$planId', params: { flagKey: data.flagKey, planId: data.id } })
      }}
    >
      <Stack gap="sm">
        <Text size="sm">The plan is a draft: nothing changes for users before you start its first milestone.</Text>
        <Select
          label="Flag"
          description={`In ${environment}; a flag has one plan`}
          searchable
          required
          withAsterisk={false}
          value={flagKey}
          onChange={setFlagKey}
          onSearchChange={setSearch}
          filter={({ options }) => options}
          nothingFoundMessage="No flag fits"
          data={[...keys]}
        />
        <NativeSelect
          label="Template"
          value={template?.id ?? ''}
          onChange={({ currentTarget }) => setChosen(currentTarget.value)}
          data={(templates ?? []).map(({ id, name }) => ({ value: id, label: name }))}
        />
        {template && (
          <Text size="sm" className="quiet">
            {template.milestones.map(({ name }) => name).join(' → ')}. It goes on{' '}
            {[
              ...new Set(template.milestones.slice(0, -1).map(({ progression }) => progressionWords(progression))),
            ].join(', then ') || 'nowhere: it has one milestone'}
            .
          </Text>
        )}
      </Stack>
    </ConfirmButton>
  )
}
