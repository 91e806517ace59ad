import { SegmentedControl } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { When } from '../components/when.tsx'
import { useParam } from '../shell/address.ts'
import { MODES } from './modes.ts'
import { NewAccount } from './new-account.tsx'

const COLUMNS: Column<schemas['Account']>[] = [
  {
    header: 'Account',
    cell: ({ id }) => (
      <Link to="/accounts/$accountId" params={{ accountId: id }} className="mono">
        {id}
      </Link>
    ),
  },
  { header: 'Name', cell: ({ name }) => name },
  { header: 'Mode', cell: ({ mode, nextMode }) => (nextMode && nextMode !== mode ? `${mode} → ${nextMode}` : mode) },
  { header: 'Epoch', number: true, cell: ({ epoch }) => epoch },
  { header: 'Changed', cell: ({ updatedAt }) => <When at={updatedAt} /> },
]

export default function AccountsPage() {
  const [asked, setAsked] = useParam('mode')
  const mode = MODES.find((known) => known === asked)
  const accounts = usePages('/api/admin/accounts', { query: { mode, limit: 50 } })
  return (
    <Page
      title="Accounts"
      about={
        <>
          Accounts, and in which of the two stores their notes are. Many are moved at once by{' '}
          <Link to="/account-migrations">account migrations</Link>.
        </>
      }
      actions={<NewAccount />}
    >
      <div>
        <SegmentedControl
          size="xs"
          aria-label="In which mode"
          value={mode ?? ''}
          onChange={setAsked}
          data={[{ value: '', label: 'All' }, ...MODES.map((value) => ({ value, label: value }))]}
        />
      </div>
      <DataTable
        label="Accounts"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={accounts}
        empty={
          mode ? (
            <EmptyState title={`No account is ${mode}`}>Accounts in another mode may be there.</EmptyState>
          ) : (
            <EmptyState title="There are no accounts">
              An account has notes, in the legacy store at first. Create one here, or over HTTP; it can be moved later.
            </EmptyState>
          )
        }
      />
    </Page>
  )
}
