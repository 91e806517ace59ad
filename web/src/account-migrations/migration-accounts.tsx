import { SegmentedControl, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Section } from '../components/page.tsx'
import { Status, type StatusName } from '../components/status.tsx'
import { useParam } from '../shell/address.ts'
import { count } from './words.ts'

type Account = schemas['MigrationAccount']

const STATUSES = ['pending', 'moving', 'moved', 'returned'] as const
const SHOWN: Record<Account['status'], StatusName> = {
  pending: 'not-begun',
  moving: 'moving',
  moved: 'moved',
  returned: 'returned',
}

const COLUMNS: Column<Account>[] = [
  {
    header: 'Account',
    cell: ({ accountId }) => (
      <Link to="/accounts/$accountId" params={{ accountId }} className="mono">
        {accountId}
      </Link>
    ),
  },
  { header: 'Status', cell: ({ status }) => <Status of={SHOWN[status]} /> },
  { header: 'Cohort', number: true, cell: ({ cohort }) => cohort },
  { header: 'Mode', cell: ({ mode }) => mode },
  { header: 'Epoch', number: true, cell: ({ epoch }) => epoch },
  {
    header: 'Notes moved',
    number: true,
    cell: ({ moved, total, ranges, rangesDone }) => (
      <>
        {total === null ? '' : `${count(Math.min(moved, total))} of ${count(total)}`}
        {ranges > 1 && (
          <Text size="xs" className="quiet">
            {rangesDone} of {ranges} ranges
          </Text>
        )}
      </>
    ),
  },
]

/** Each account of a migration, and how far it is. */
export function MigrationAccounts({ migrationId }: { migrationId: string }) {
  const [asked, setAsked] = useParam('accounts')
  const status = STATUSES.find((known) => known === asked)
  const accounts = usePages('/api/admin/account-migrations/{migrationId}/accounts', {
    path: { migrationId },
    query: { status, limit: 50 },
  })
  const choice = (
    <SegmentedControl
      size="xs"
      aria-label="Which accounts"
      value={status ?? ''}
      onChange={setAsked}
      data={[
        { value: '', label: 'All' },
        { value: 'pending', label: 'Not begun' },
        { value: 'moving', label: 'Moving' },
        { value: 'moved', label: 'Moved' },
        { value: 'returned', label: 'Taken back' },
      ]}
    />
  )
  return (
    <Section title="Accounts" actions={choice}>
      <DataTable
        label="Accounts"
        columns={COLUMNS}
        rowKey={({ accountId }) => accountId}
        pages={accounts}
        empty={<EmptyState title="No account of this status">Others of the migration may have another one.</EmptyState>}
      />
    </Section>
  )
}
