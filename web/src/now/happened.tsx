import { Link } from '@tanstack/react-router'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Section } from '../components/page.tsx'
import { When } from '../components/when.tsx'
import { flagLink } from './items.ts'

const COLUMNS: Column<schemas['Event']>[] = [
  { header: 'When', cell: ({ createdAt }) => <When at={createdAt} /> },
  { header: 'What', cell: ({ type }) => type.replaceAll('-', ' ') },
  {
    header: 'Flag',
    cell: ({ flagKey }) =>
      flagKey && (
        <Link {...flagLink(flagKey)} className="mono">
          {flagKey}
        </Link>
      ),
  },
  { header: 'Revision', number: true, cell: ({ revision }) => revision },
  { header: 'By', cell: ({ actor }) => actor },
  { header: 'Why', cell: ({ reason }) => reason },
]

/** The audit trail, newest first. */
export function Happened({ environment, flagKey }: { environment: string; flagKey: string | undefined }) {
  const events = usePages('/api/admin/events', { query: { environment, flagKey, limit: 10 } })
  return (
    <Section title="Just happened">
      <DataTable
        label="Just happened"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={events}
        empty={<EmptyState title="Nothing has happened yet">Every change is kept here, with who and why.</EmptyState>}
      />
    </Section>
  )
}
