import { Progress, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages, useReadAgain } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page, Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { Instances } from './instances.tsx'
import classes from './migrations.module.css'
import { StartMigration } from './start-migration.tsx'
import { COLORS, count, nameOf, statusOf } from './words.ts'

type Migration = schemas['AccountMigration']

// Batches make no events.
const LOOK_EVERY_MS = 3_000

const COLUMNS: Column<Migration>[] = [
  {
    header: 'Migration',
    cell: (migration) => (
      <Link to="/account-migrations/$migrationId" params={{ migrationId: migration.id }}>
        {nameOf(migration)}
      </Link>
    ),
  },
  { header: 'Status', cell: (migration) => <Status of={statusOf(migration)} /> },
  {
    header: 'Progress',
    cell: (migration) => (
      <div className={classes.progress}>
        <Progress
          value={migration.progress * 100}
          color={COLORS[migration.status]}
          aria-label={`Progress of ${nameOf(migration)}`}
        />
        <Text size="xs" className="figure">{`${Math.floor(migration.progress * 100)} %`}</Text>
      </div>
    ),
  },
  { header: 'Cohort', number: true, cell: ({ cohort, cohorts }) => `${cohort} of ${cohorts.length}` },
  {
    header: 'Accounts moved',
    number: true,
    cell: ({ accounts: { pending, moving, moved, returned } }) =>
      `${count(moved)} of ${count(pending + moving + moved + returned)}`,
  },
  { header: 'Why', cell: ({ reason, lastError }) => reason ?? lastError },
  { header: 'Started', cell: ({ startedAt }) => <When at={startedAt} /> },
  { header: 'By', cell: ({ createdBy }) => createdBy },
]

export default function MigrationsPage() {
  const migrations = usePages('/api/admin/account-migrations', { query: { limit: 20 } })
  const running = migrations.data?.some(({ status }) => status === 'running')
  useReadAgain('/api/admin/account-migrations', running ? LOOK_EVERY_MS : null)
  return (
    <Page
      title="Account migrations"
      about="Accounts move from the legacy store to the current one, cohort by cohort, while they are used."
      actions={<StartMigration />}
    >
      <DataTable
        label="Account migrations"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={migrations}
        empty={
          <EmptyState title="No account has been moved">
            A migration takes a list of accounts, a percentage of all, or a ramp of percentages. Each account is moved,
            verified and then served from the current store; it can be paused, stopped, and taken back.
          </EmptyState>
        }
      />
      <Section title="Instances that can write notes">
        <Instances />
      </Section>
    </Page>
  )
}
