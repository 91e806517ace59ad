import { SegmentedControl } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { When } from '../components/when.tsx'
import { useParam } from '../shell/address.ts'
import { NewTemplateLink } from './new-template-link.tsx'

const COLUMNS: Column<schemas['ReleasePlanTemplate']>[] = [
  {
    header: 'Template',
    cell: ({ id, name }) => (
      <Link to="/release-plan-templates/$templateId" params={{ templateId: id }}>
        {name}
      </Link>
    ),
  },
  { header: 'Description', cell: ({ description }) => description },
  { header: 'Milestones', cell: ({ milestones }) => milestones.map(({ name }) => name).join(' → ') },
  { header: 'By', cell: ({ createdBy }) => createdBy },
  { header: 'Changed', cell: ({ updatedAt }) => <When at={updatedAt} /> },
]

export default function TemplatesPage() {
  const [asked, setAsked] = useParam('templates')
  const archived = asked === 'archived' ? 'true' : undefined
  const templates = usePages('/api/admin/release-plan-templates', { query: { archived, limit: 50 } })
  return (
    <Page
      title="Templates of release plans"
      about={
        <>
          Milestones that any flag of any environment can take, made into a plan on{' '}
          <Link to="/release-plans">release plans</Link>.
        </>
      }
      actions={<NewTemplateLink />}
    >
      <div>
        <SegmentedControl
          size="xs"
          aria-label="Which templates"
          value={archived ? 'archived' : ''}
          onChange={setAsked}
          data={[
            { value: '', label: 'In use' },
            { value: 'archived', label: 'Archived' },
          ]}
        />
      </div>
      <DataTable
        label="Templates"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={templates}
        empty={
          archived ? (
            <EmptyState title="No template is archived">One that is archived makes no plans any more.</EmptyState>
          ) : (
            <EmptyState title="There is no template yet">
              A template says in which milestones a flag goes from its first users to all of them, and what each step
              waits for: a time, an approval, both, or somebody’s hand.
            </EmptyState>
          )
        }
      />
    </Page>
  )
}
