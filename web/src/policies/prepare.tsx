import { Group, NumberInput, Stack, Text } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { client } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'

type Policy = schemas['CatalogPolicy']

/** Evaluates the catalog for a version; goes on to its run. */
export function Prepare({ policy, live }: { policy: Policy; live: Policy | undefined }) {
  const { id, version, evaluated } = policy
  const navigate = useNavigate()
  const [batchSize, setBatchSize] = useState<string | number>(500)
  const [parallelism, setParallelism] = useState<string | number>(2)
  const [delayMs, setDelayMs] = useState<string | number>(0)
  return (
    <ConfirmButton
      label="Prepare"
      title={`Prepare version ${version}?`}
      blocked={evaluated === 'preparing' ? 'A run of this version is running.' : undefined}
      run={async ({ reason, key }) => {
        const { data } = await client.POST('/api/admin/catalog-policies/{id}/prepare', {
          params: { path: { id }, query: { reason }, header: { 'idempotency-key': key } },
          body: { batchSize: Number(batchSize), parallelism: Number(parallelism), delayMs: Number(delayMs) },
        })
        if (data) await navigate({ to: '/policies/runs/$runId', params: { runId: data.runId } })
      }}
    >
      <Stack gap="sm">
        <Text size="sm">
          <EveryItem /> evaluated for version {version}
          {live && `, beside version ${live.version}, which stays live`}. What the public sees does not change. The run
          can be slowed down and cancelled.
        </Text>
        {evaluated === 'reverse' && (
          <Text size="sm" fw={600}>
            Version {version} can be gone back to at once. Preparing it ends that until the run is done.
          </Text>
        )}
        <Group grow gap="xs" align="flex-end">
          <NumberInput label="Items a batch" value={batchSize} onChange={setBatchSize} min={1} max={10_000} />
          <NumberInput label="Side by side" value={parallelism} onChange={setParallelism} min={1} max={8} />
          <NumberInput label="Pause (ms)" value={delayMs} onChange={setDelayMs} min={0} max={10_000} />
        </Group>
      </Stack>
    </ConfirmButton>
  )
}

/** How many that are is what the newest run counted; asked for when the dialog is open. */
function EveryItem() {
  const { data: runs } = useRead('/api/admin/catalog-policy-runs', { query: { limit: 1 } })
  const total = runs?.[0]?.totalReadySnapshot
  return total ? `All items (${total.toLocaleString('en')} at the last run) are` : 'Every item of the catalog is'
}
