import { Stack } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page, Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { useEnvironment } from '../shell/address.ts'

type Schedule = schemas['Schedule']

const CHANGE: Column<Schedule>[] = [
  { header: 'Flag', cell: ({ flagKey }) => <Flag flagKey={flagKey} /> },
  { header: 'Change', cell: ({ updates }) => <span className="mono">{inWords(updates)}</span> },
]

const NEXT: Column<Schedule>[] = [
  { header: 'In', cell: ({ scheduledAt }) => <When at={scheduledAt} as="relative" /> },
  { header: 'At', cell: ({ scheduledAt }) => <When at={scheduledAt} /> },
  ...CHANGE,
  { header: 'Comment', cell: ({ comment }) => comment },
  { header: 'By', cell: ({ createdBy }) => createdBy },
]

const FAILED: Column<Schedule>[] = [
  { header: 'Was due', cell: ({ scheduledAt }) => <When at={scheduledAt} /> },
  ...CHANGE,
  { header: 'Status', cell: ({ status }) => <Status of={status} /> },
  { header: 'Why', cell: ({ errorMessage }) => errorMessage },
]

const HAPPENED: Column<schemas['Event']>[] = [
  { header: 'When', cell: ({ createdAt }) => <When at={createdAt} /> },
  { header: 'What', cell: ({ type }) => type.replaceAll('-', ' ') },
  { header: 'Flag', cell: ({ flagKey }) => flagKey && <Flag flagKey={flagKey} /> },
  { header: 'Revision', number: true, cell: ({ revision }) => revision },
  { header: 'By', cell: ({ actor }) => actor },
  { header: 'Why', cell: ({ reason }) => reason },
]

/** What needs somebody, what comes, and what was. */
export default function NowPage() {
  const environment = useEnvironment()
  const failed = usePages('/api/admin/schedules', { query: { environment, status: 'failed', limit: 10 } })
  const next = usePages('/api/admin/schedules', { query: { environment, status: 'pending', limit: 25 } })
  const happened = usePages('/api/admin/events', { query: { environment, limit: 25 } })
  return (
    <Page title="Now" about={`What needs you in ${environment}, what is about to change, and what has just happened.`}>
      <Stack gap="xl">
        <Section title="Failed">
          <DataTable
            label="Failed"
            columns={FAILED}
            rowKey={({ id }) => id}
            pages={failed}
            empty={
              <EmptyState title="Nothing has failed">
                A change that could not be made would be here, with why.
              </EmptyState>
            }
          />
        </Section>
        <Section title="Next">
          <DataTable
            label="Next"
            columns={NEXT}
            rowKey={({ id }) => id}
            pages={next}
            empty={<EmptyState title="Nothing is scheduled">Open a flag to schedule a change of it.</EmptyState>}
          />
        </Section>
        <Section title="Just happened">
          <DataTable
            label="Just happened"
            columns={HAPPENED}
            rowKey={({ id }) => id}
            pages={happened}
            empty={
              <EmptyState title="Nothing has happened yet">Every change is kept here, with who and why.</EmptyState>
            }
          />
        </Section>
      </Stack>
    </Page>
  )
}

function Flag({ flagKey }: { flagKey: string }) {
  return (
    <Link to="/flags/$flagKey" params={{ flagKey }} search={({ env }) => ({ env })} className="mono">
      {flagKey}
    </Link>
  )
}

function inWords(updates: Schedule['updates']): string {
  const parts = Object.entries(updates).map(([field, value]) =>
    typeof value === 'object' ? field : `${field} → ${value}`,
  )
  return parts.join(', ')
}
