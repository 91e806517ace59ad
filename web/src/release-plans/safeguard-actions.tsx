import { Group, NativeSelect, NumberInput, Stack, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'

type Plan = schemas['ReleasePlan']
type Safeguard = schemas['Safeguard']

const EMPTY = {
  metric: '',
  operator: '>' as Safeguard['operator'],
  threshold: '' as string | number,
  action: 'pause' as Safeguard['action'],
  minutes: '' as string | number,
}

function paramsOf({ flagKey, id: planId, environment }: Plan, { reason, key }: Confirmed) {
  return { path: { flagKey, planId }, query: { environment, reason }, header: { 'idempotency-key': key } }
}

export function AddSafeguard({ plan }: { plan: Plan }) {
  const [draft, setDraft] = useState(EMPTY)
  const change = (changed: Partial<typeof EMPTY>) => setDraft({ ...draft, ...changed })
  return (
    <ConfirmButton
      label="Add a safeguard"
      run={async (confirmed) => {
        const { metric, operator, threshold, action, minutes } = draft
        await client.POST('/api/admin/flags/{flagKey}/release-plans/{planId}/safeguards', {
          params: paramsOf(plan, confirmed),
          body: {
            ...{ metric: metric.trim(), operator, threshold: Number(threshold), action },
            ...(minutes !== '' && { freshSeconds: Math.round(Number(minutes) * 60) }),
          },
        })
        setDraft(EMPTY)
      }}
    >
      <Stack gap="sm">
        <Text size="sm">It watches the plan from now on, with every value that is sent of its metric.</Text>
        <Group grow gap="xs" align="flex-end">
          <TextInput
            label="Metric"
            required
            withAsterisk={false}
            value={draft.metric}
            onChange={({ currentTarget }) => change({ metric: currentTarget.value })}
          />
          <NativeSelect
            label="is"
            value={draft.operator}
            onChange={({ currentTarget }) => change({ operator: currentTarget.value as Safeguard['operator'] })}
            data={[
              { value: '>', label: 'above' },
              { value: '<', label: 'below' },
            ]}
          />
          <NumberInput
            label="Threshold"
            required
            withAsterisk={false}
            value={draft.threshold}
            onChange={(threshold) => change({ threshold })}
          />
        </Group>
        <NativeSelect
          label="Then"
          value={draft.action}
          onChange={({ currentTarget }) => change({ action: currentTarget.value as Safeguard['action'] })}
          data={[
            { value: 'pause', label: 'pause the plan; users keep what they have' },
            { value: 'rollback', label: 'start the milestone before, and pause there' },
          ]}
        />
        <NumberInput
          label="No milestone without a value of the last minutes"
          description="No data, no progress (optional)"
          min={1}
          max={1_440}
          value={draft.minutes}
          onChange={(minutes) => change({ minutes })}
        />
      </Stack>
    </ConfirmButton>
  )
}

export function RemoveSafeguard({ plan, safeguard }: { plan: Plan; safeguard: Safeguard }) {
  const { id: safeguardId, metric, operator, threshold } = safeguard
  return (
    <ConfirmButton
      label="Remove"
      title="Remove the safeguard?"
      size="compact-xs"
      danger
      run={(confirmed) => {
        const { path, query, header } = paramsOf(plan, confirmed)
        return client.DELETE('/api/admin/flags/{flagKey}/release-plans/{planId}/safeguards/{safeguardId}', {
          params: { path: { ...path, safeguardId }, query, header },
        })
      }}
    >
      <Text size="sm">
        Nobody stops “{plan.name}” any more when <span className="mono">{metric}</span> is {operator} {threshold}. If it
        was paused by it, it stays so.
      </Text>
    </ConfirmButton>
  )
}
