import { Button, NumberInput, Stack, Text, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { client } from '../api/client.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { type CohortDraft, CohortFields, cohortOf } from './cohort-fields.tsx'
import { type Pace, PaceFields, paceOf } from './pace-fields.tsx'
import { cohortWords } from './words.ts'

const RAMP: CohortDraft[] = [1, 10, 100].map((percentage) => ({ kind: 'percentage', percentage, accounts: '' }))
const PACE: Pace = { batchSize: 500, delayMs: 0, parallelism: 4 }

/** Begins to move accounts; what the gate says against it is shown in the dialog. */
export function StartMigration() {
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const [cohorts, setCohorts] = useState(RAMP)
  const [minutes, setMinutes] = useState<string | number>(10)
  const [pace, setPace] = useState(PACE)
  const wanted = cohorts.map(cohortOf)
  return (
    <ConfirmButton
      label="Start a migration"
      title="Start a migration of accounts"
      variant="filled"
      run={async ({ reason, key }) => {
        const { data } = await client.POST('/api/admin/account-migrations', {
          params: { query: { reason }, header: { 'idempotency-key': key } },
          body: { name: name.trim(), cohorts: wanted, pauseBetween: Math.round(Number(minutes) * 60), ...paceOf(pace) },
        })
        if (data) void navigate({ to: '/account-migrations/$migrationId', params: { migrationId: data.id } })
      }}
    >
      <Stack gap="sm">
        <TextInput
          label="Name"
          description="What people call it (optional)"
          maxLength={2000}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <Stack gap={6} component="fieldset" style={{ border: 0, margin: 0, padding: 0 }}>
          <Text component="legend" size="sm" fw={500}>
            Cohorts, one after the other
          </Text>
          {cohorts.map((cohort, place) => (
            <CohortFields
              // biome-ignore lint/suspicious/noArrayIndexKey: a cohort is its place
              key={place}
              place={place + 1}
              value={cohort}
              onChange={(changed) => setCohorts(cohorts.with(place, changed))}
              onRemove={cohorts.length > 1 ? () => setCohorts(cohorts.toSpliced(place, 1)) : undefined}
            />
          ))}
          <div>
            <Button
              size="compact-xs"
              variant="default"
              onClick={() => setCohorts([...cohorts, { kind: 'percentage', percentage: 100, accounts: '' }])}
            >
              Add a cohort
            </Button>
          </div>
        </Stack>
        <NumberInput
          label="Minutes between two cohorts"
          description="Time to look at it, and to pause it"
          min={0}
          max={43_200}
          required
          withAsterisk={false}
          value={minutes}
          onChange={setMinutes}
        />
        <PaceFields value={pace} onChange={setPace} />
        <Text size="sm">
          First {wanted.map(cohortWords).join(', then ')}. Their notes are moved while they are used; each account is
          verified before it is done. Older builds are shut out of both stores for good. It can be paused, stopped, and
          taken back.
        </Text>
      </Stack>
    </ConfirmButton>
  )
}
