import { Text } from '@mantine/core'
import { useRead, useReadAgain } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, Rows } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'

type Instance = schemas['NoteInstance']

// Leases last 10 s, and renewing one is no event.
const LOOK_EVERY_MS = 5_000

const COLUMNS: Column<Instance>[] = [
  {
    header: 'Instance',
    cell: ({ kind, host, id }) => (
      <>
        {kind} <span className="mono">{host}</span>
        <Text size="xs" className="quiet mono">
          {id.slice(0, 8)}
        </Text>
      </>
    ),
  },
  { header: 'Status', cell: ({ live }) => <Status of={live ? 'live' : 'ended'} /> },
  { header: 'Build', cell: ({ build }) => <span className="mono">{build}</span> },
  { header: 'Protocol', number: true, cell: ({ protocol }) => protocol },
  { header: 'Behind', number: true, cell: ({ behind }) => behind },
  { header: 'Lease until', cell: ({ leaseUntil }) => <When at={leaseUntil} as="relative" /> },
  { header: 'Last seen', cell: ({ seenAt }) => <When at={seenAt} as="relative" /> },
]

/** Who could write notes, and until when: what the gate of a migration looks at. */
export function Instances() {
  const { data, error, refetch } = useRead('/api/admin/instances', {})
  useReadAgain('/api/admin/instances', LOOK_EVERY_MS)
  return (
    <>
      {error && <ErrorPanel error={error} retry={refetch} />}
      {!data && !error && <Loading rows={2} />}
      {data?.length === 0 && (
        <EmptyState title="No instance is registered">
          Each API and worker that is told of the note stores registers with a lease of 10 s. A migration starts when
          none of an older protocol holds one.
        </EmptyState>
      )}
      {data && data.length > 0 && <Rows label="Instances" columns={COLUMNS} rows={data} rowKey={({ id }) => id} />}
    </>
  )
}
