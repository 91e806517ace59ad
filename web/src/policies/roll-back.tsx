import { Text } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { client } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'

type Policy = schemas['CatalogPolicy']
type Run = schemas['PolicyRunSummary']

/** Goes back to a version that was live within a day; goes on to the run that does it. */
export function RollBack({
  policy,
  live,
  promotions,
}: {
  policy: Policy
  live: Policy | undefined
  promotions: Run[]
}) {
  const { id, version } = policy
  const navigate = useNavigate()
  // The runs are listed with the newest first: the first one of the live version is how it became live.
  const replacing = promotions.find(({ targetPolicyVersion }) => targetPolicyVersion === live?.version)
  return (
    <ConfirmButton
      danger
      label="Roll back"
      title={`Roll back to version ${version}?`}
      run={async ({ reason, key }) => {
        const { data } = await client.POST('/api/admin/catalog-policies/{id}/rollback', {
          params: { path: { id }, query: { reason }, header: { 'idempotency-key': key } },
        })
        if (data) await navigate({ to: '/policies/runs/$runId', params: { runId: data.runId } })
      }}
    >
      <Text size="sm">
        Version {version} becomes what the public sees{live && `, in place of version ${live.version}`}. Nothing has to
        be evaluated; a query verifies that everything is there.{' '}
        {replacing?.basePolicyVersion === version && <Undone runId={replacing.runId} />} Version {live?.version} can be
        gone back to for 24 hours.
      </Text>
    </ConfirmButton>
  )
}

/** What going back does to items: the opposite of what the promotion did, as it is now. */
function Undone({ runId }: { runId: string }) {
  const { data: diff } = useRead('/api/admin/catalog-policy-runs/{runId}/diff', {
    path: { runId },
    query: { limit: 0 },
  })
  if (!diff) return null
  return (
    <b>
      {diff.regressions.toLocaleString('en')} items appear again, {diff.improvements.toLocaleString('en')} disappear.
    </b>
  )
}
