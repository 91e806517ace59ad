import { Progress, Stack, Text } from '@mantine/core'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page, Section } from '../components/page.tsx'
import { When } from '../components/when.tsx'

type Migration = schemas['AccountMigration']

const MIGRATIONS: Column<Migration>[] = [
  { header: 'Migration', cell: ({ id, name }) => name || <span className="mono">{id}</span> },
  { header: 'Status', cell: ({ status, direction }) => `${status}${direction === 'back' ? ', going back' : ''}` },
  {
    header: 'Progress',
    cell: ({ progress, name }) => (
      <>
        <Progress value={progress * 100} aria-label={`Progress of ${name || 'the migration'}`} />
        <Text size="xs" className="figure">{`${Math.floor(progress * 100)} %`}</Text>
      </>
    ),
  },
  {
    header: 'Accounts moved',
    number: true,
    cell: ({ accounts: { pending, moving, moved, returned } }) =>
      `${moved.toLocaleString('en')} of ${(pending + moving + moved + returned).toLocaleString('en')}`,
  },
  { header: 'Findings', number: true, cell: ({ findings }) => findings.length },
  { header: 'Why', cell: ({ reason, lastError }) => reason ?? lastError },
  { header: 'Started', cell: ({ startedAt }) => <When at={startedAt} /> },
]

const ACCOUNTS: Column<schemas['Account']>[] = [
  { header: 'Account', cell: ({ id }) => <span className="mono">{id}</span> },
  { header: 'Name', cell: ({ name }) => name },
  { header: 'Mode', cell: ({ mode, nextMode }) => (nextMode && nextMode !== mode ? `${mode} → ${nextMode}` : mode) },
  { header: 'Epoch', number: true, cell: ({ epoch }) => epoch },
  { header: 'Changed', cell: ({ updatedAt }) => <When at={updatedAt} /> },
]

export default function AccountsPage() {
  const migrations = usePages('/api/admin/account-migrations', { query: { limit: 20 } })
  const accounts = usePages('/api/admin/accounts', { query: { limit: 50 } })
  return (
    <Page title="Accounts" about="Accounts that move between two data stores, and how far they are.">
      <Stack gap="xl">
        <Section title="Migrations">
          <DataTable
            label="Migrations"
            columns={MIGRATIONS}
            rowKey={({ id }) => id}
            pages={migrations}
            empty={
              <EmptyState title="No account is moving">
                Begin with <span className="mono">POST /api/admin/account-migrations</span>:{' '}
                <a href="/docs">API documentation</a>.
              </EmptyState>
            }
          />
        </Section>
        <Section title="Accounts">
          <DataTable
            label="Accounts"
            columns={ACCOUNTS}
            rowKey={({ id }) => id}
            pages={accounts}
            empty={<EmptyState title="There are no accounts">They are made over HTTP.</EmptyState>}
          />
        </Section>
      </Stack>
    </Page>
  )
}
