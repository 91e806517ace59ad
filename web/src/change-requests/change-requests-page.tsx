import { NativeSelect } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { useEnvironment, useParam } from '../shell/address.ts'
import { NewRequest } from './request-actions.tsx'

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
    query: { state: state && [state], limit: 50 },
  })
  return (
    <Page
      title="Change requests"
      about={`Changes of ${environment} that others read and approve before they are made.`}
      actions={<NewRequest />}
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
  return (
    <EmptyState title={`There are no change requests in ${environment}`}>
      A change request is a list of changes that are applied together, or not at all, once enough people have approved
      them. Ask for them in the settings of the <Link to="/environments">environment</Link>: then a change that is made
      directly is refused, and offers to become a request. Or make one here.
    </EmptyState>
  )
}
