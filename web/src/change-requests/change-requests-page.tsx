import { Code, NativeSelect } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { useEnvironment, useParam } from '../shell/address.ts'

type Summary = schemas['ChangeRequestSummary']

const STATES = {
  draft: 'Drafts',
  'in-review': 'In review',
  approved: 'Approved',
  scheduled: 'Scheduled',
  suspended: 'Suspended',
  failed: 'Failed',
  applied: 'Applied',
  rejected: 'Rejected',
  cancelled: 'Cancelled',
} satisfies Record<Summary['state'], string>

const COLUMNS: Column<Summary>[] = [
  {
    header: 'Request',
    cell: ({ id, title }) => (
      <Link to="/change-requests/$id" params={{ id }}>
        {title}
      </Link>
    ),
  },
  { header: 'State', cell: ({ state }) => <Status of={state} /> },
  { header: 'Why', cell: ({ stateReason }) => stateReason },
  { header: 'By', cell: ({ authors }) => authors.join(', ') },
  { header: 'Applied', cell: ({ appliedAt, scheduledAt }) => <Time appliedAt={appliedAt} scheduledAt={scheduledAt} /> },
  { header: 'Changed', cell: ({ updatedAt }) => <When at={updatedAt} /> },
]

function Time({ appliedAt, scheduledAt }: Pick<Summary, 'appliedAt' | 'scheduledAt'>) {
  if (appliedAt) return <When at={appliedAt} />
  return scheduledAt ? (
    <>
      at <When at={scheduledAt} />
    </>
  ) : (
    'by hand'
  )
}

export default function ChangeRequestsPage() {
  const environment = useEnvironment()
  const [asked, setAsked] = useParam('state')
  const state = (Object.keys(STATES) as Summary['state'][]).find((known) => known === asked)
  const requests = usePages('/api/admin/environments/{environment}/change-requests', {
    path: { environment },
    query: { state, limit: 50 },
  })
  return (
    <Page
      title="Change requests"
      about={`Changes of ${environment} that others read and approve before they are made.`}
    >
      <div>
        <NativeSelect
          size="xs"
          maw={180}
          aria-label="In which state"
          value={state ?? ''}
          onChange={({ currentTarget }) => setAsked(currentTarget.value)}
          data={[
            { value: '', label: 'All states' },
            ...Object.entries(STATES).map(([value, label]) => ({ value, label })),
          ]}
        />
      </div>
      <DataTable
        label="Change requests"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={requests}
        empty={
          state ? (
            <EmptyState title={`No request is ${STATES[state].toLowerCase()}`}>
              Requests in other states may be there.
            </EmptyState>
          ) : (
            <NoRequests environment={environment} />
          )
        }
      />
    </Page>
  )
}

function NoRequests({ environment }: { environment: string }) {
  const base = `/api/admin/environments/${environment}`
  return (
    <EmptyState title={`There are no change requests in ${environment}`} action={<a href="/docs">API documentation</a>}>
      A change request is a list of changes that are applied together, or not at all, once enough people have approved
      them. Ask for them in this environment, make one, add what it changes, and review it here:
      <Code block mt="xs" ta="left">
        {[
          `PATCH ${base}  {"changeRequests": true}`,
          `POST  ${base}/change-requests  {"title": "…"}`,
          `POST  ${base}/change-requests/:id/changes`,
          '      {"action": "updateFlag", "flagKey": "…", "payload": {"enabled": true}}',
        ].join('\n')}
      </Code>
    </EmptyState>
  )
}
