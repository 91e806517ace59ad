import { useQuery } from '@tanstack/react-query'
import { readOptions } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, Rows } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Section } from '../components/page.tsx'
import { period } from '../components/time.ts'
import { When } from '../components/when.tsx'
import { AddSafeguard, RemoveSafeguard } from './safeguard-actions.tsx'

type Safeguard = schemas['Safeguard']

// A value that triggers nothing makes no event.
const VALUES_EVERY_MS = 5_000

const DOES: Record<Safeguard['action'], string> = { pause: 'pauses the plan', rollback: 'goes back and pauses there' }

const columnsOf = (plan: schemas['ReleasePlan']): Column<Safeguard>[] => [
  {
    header: 'When',
    cell: ({ metric, operator, threshold }) => (
      <span className="mono">
        {metric} {operator} {threshold}
      </span>
    ),
  },
  { header: 'It', cell: ({ action }) => DOES[action] },
  { header: 'Last value', number: true, cell: ({ lastValue }) => lastValue ?? 'none yet' },
  { header: 'Heard', cell: ({ lastAt }) => (lastAt ? <When at={lastAt} as="relative" /> : 'never') },
  {
    header: 'Value needed',
    cell: ({ freshSeconds }) => (freshSeconds ? `at most ${period(freshSeconds)} old` : 'no'),
  },
  { header: 'Triggered', cell: ({ triggeredAt }) => (triggeredAt ? <When at={triggeredAt} as="relative" /> : 'no') },
  { header: 'Action', cell: (safeguard) => <RemoveSafeguard plan={plan} safeguard={safeguard} /> },
]

/** What watches the plan, and what it saw last. */
export function Safeguards({ plan }: { plan: schemas['ReleasePlan'] }) {
  const { id: planId, flagKey, environment } = plan
  const { data, error, refetch } = useQuery({
    ...readOptions('/api/admin/flags/{flagKey}/release-plans/{planId}/safeguards', {
      path: { flagKey, planId },
      query: { environment },
    }),
    refetchInterval: VALUES_EVERY_MS,
  })
  return (
    <Section title="Safeguards" actions={<AddSafeguard plan={plan} />}>
      {error && <ErrorPanel error={error} retry={refetch} />}
      {!data && !error && <Loading rows={2} />}
      {data?.length === 0 && (
        <EmptyState title="Nothing watches this plan">
          A safeguard pauses it, or takes it back by a milestone, when a metric is bad. You send the metrics:{' '}
          <span className="mono">POST /api/admin/environments/{environment}/metrics</span>.
        </EmptyState>
      )}
      {data && data.length > 0 && (
        <Rows label="Safeguards" columns={columnsOf(plan)} rows={data} rowKey={({ id }) => id} />
      )}
    </Section>
  )
}
