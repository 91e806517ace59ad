import { SegmentedControl } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages, useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { useEnvironment, useParam } from '../shell/address.ts'
import { NewPlan } from './new-plan.tsx'
import { waiting } from './words.ts'

type Plan = schemas['ReleasePlanSummary']

// Each row reads its plan for the name of its milestone.
const ROWS = 25

const STATUSES = ['draft', 'running', 'paused', 'completed'] as const

const COLUMNS: Column<Plan>[] = [
  {
    header: 'Plan',
    cell: ({ id, flagKey, name }) => (
      <Link to="/release-plans/$flagKey/$planId" params={{ flagKey, planId: id }}>
        {name}
      </Link>
    ),
  },
  { header: 'Flag', cell: ({ flagKey }) => <span className="mono">{flagKey}</span> },
  { header: 'Status', cell: ({ status }) => <Status of={status} /> },
  { header: 'Where it is', cell: (plan) => <Place plan={plan} /> },
  {
    header: 'Waits for',
    cell: ({ status, pauseReason, waitsFor }) =>
      status === 'paused' ? `to be resumed${pauseReason ? `: ${pauseReason}` : ''}` : waiting(waitsFor),
  },
  { header: 'Goes on', cell: ({ nextAt }) => nextAt && <When at={nextAt} as="relative" /> },
  { header: 'Changed', cell: ({ updatedAt }) => <When at={updatedAt} /> },
]

export default function ReleasePlansPage() {
  const environment = useEnvironment()
  const [asked, setAsked] = useParam('status')
  const status = STATUSES.find((known) => known === asked)
  const plans = usePages('/api/admin/release-plans', { query: { environment, status, limit: ROWS } })
  return (
    <Page
      title="Release plans"
      about={
        <>
          Flags of {environment} that go from their first users to all of them, milestone by milestone. Plans are made
          from <Link to="/release-plan-templates">templates</Link>.
        </>
      }
      actions={<NewPlan />}
    >
      <div>
        <SegmentedControl
          size="xs"
          aria-label="Which plans"
          value={status ?? ''}
          onChange={setAsked}
          data={[
            { value: '', label: 'All' },
            { value: 'draft', label: 'Drafts' },
            { value: 'running', label: 'Running' },
            { value: 'paused', label: 'Paused' },
            { value: 'completed', label: 'Completed' },
          ]}
        />
      </div>
      <DataTable
        label="Release plans"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={plans}
        empty={
          status ? (
            <EmptyState title={`No plan is ${status}`}>Plans of another status may be there.</EmptyState>
          ) : (
            <EmptyState title={`There are no release plans in ${environment}`}>
              A plan starts the next milestone of a flag by itself: after a time, after an approval, after both, and not
              while a metric is bad. Create one from a template.
            </EmptyState>
          )
        }
      />
    </Page>
  )
}

/** The milestone that users have: its name and which of how many. */
function Place({ plan: { id: planId, flagKey, environment, activeMilestoneId } }: { plan: Plan }) {
  const { data } = useRead('/api/admin/flags/{flagKey}/release-plans/{planId}', {
    path: { flagKey, planId },
    query: { environment },
  })
  if (!data) return null
  const active = data.milestones.findIndex(({ id }) => id === activeMilestoneId)
  if (active === -1) return <span className="quiet">not started, {data.milestones.length} milestones</span>
  return (
    <>
      {data.milestones[active]?.name}{' '}
      <span className="quiet figure">
        {active + 1} of {data.milestones.length}
      </span>
    </>
  )
}
