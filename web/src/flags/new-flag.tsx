import { NumberInput, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { client } from '../api/client.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { useEnvironment } from '../shell/address.ts'

const EMPTY = { key: '', description: '', enabled: false, rolloutPercentage: 100 }

/** Makes a flag and goes to its page. */
export function NewFlag() {
  const environment = useEnvironment()
  const navigate = useNavigate()
  const [draft, setDraft] = useState(EMPTY)
  const change = (changed: Partial<typeof EMPTY>) => setDraft({ ...draft, ...changed })
  return (
    <ConfirmButton
      label="Create a flag"
      title={`Create a flag in ${environment}`}
      variant="filled"
      onOpen={() => setDraft(EMPTY)}
      run={async ({ reason, key }) => {
        const { data } = await client.POST('/api/admin/flags', {
          params: { query: { environment, reason }, header: { 'idempotency-key': key } },
          body: draft,
        })
        if (data)
          void navigate({ to: '/flags/$flagKey', params: { flagKey: data.key }, search: ({ env }) => ({ env }) })
      }}
    >
      <Stack gap="sm">
        <TextInput
          label="Key"
          description="What applications ask for; it cannot be changed"
          placeholder="new-checkout"
          classNames={{ input: 'mono' }}
          required
          withAsterisk={false}
          data-autofocus
          value={draft.key}
          onChange={({ currentTarget }) => change({ key: currentTarget.value })}
        />
        <Textarea
          label="Description"
          autosize
          value={draft.description}
          onChange={({ currentTarget }) => change({ description: currentTarget.value })}
        />
        <NumberInput
          label="Rollout"
          description="Share of the users that it is on for, while it is on"
          suffix=" %"
          min={0}
          max={100}
          clampBehavior="strict"
          allowDecimal={false}
          value={draft.rolloutPercentage}
          onChange={(value) => typeof value === 'number' && change({ rolloutPercentage: value })}
        />
        <Switch
          label="On from the start"
          checked={draft.enabled}
          onChange={({ currentTarget }) => change({ enabled: currentTarget.checked })}
        />
        <Text size="sm" className="quiet">
          {draft.enabled
            ? `Applications in ${environment} see it on as soon as it is there.`
            : 'It is off until somebody switches it on. Strategies and schedules come on its page.'}
        </Text>
      </Stack>
    </ConfirmButton>
  )
}
