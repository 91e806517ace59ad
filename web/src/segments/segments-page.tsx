import { Group, Text } from '@mantine/core'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { When } from '../components/when.tsx'
import { ConstraintText } from '../flags/constraint.tsx'
import { useEnvironment } from '../shell/address.ts'
import { DeleteSegment, EditSegment, NewSegment } from './segment-actions.tsx'
import classes from './segments-page.module.css'

const COLUMNS: Column<schemas['Segment']>[] = [
  {
    header: 'Segment',
    cell: ({ key, description }) => (
      <>
        <span className="mono">{key}</span>
        <Text size="xs" className="quiet">
          {description}
        </Text>
      </>
    ),
  },
  {
    header: 'Who is in it',
    cell: ({ constraints }) =>
      constraints.length === 0 ? (
        'Everybody'
      ) : (
        <ul className={classes.constraints}>
          {constraints.map((constraint) => (
            <li key={JSON.stringify(constraint)}>
              <ConstraintText of={constraint} />
            </li>
          ))}
        </ul>
      ),
  },
  { header: 'Revision', number: true, cell: ({ revision }) => revision },
  { header: 'By', cell: ({ createdBy }) => createdBy },
  { header: 'Changed', cell: ({ updatedAt }) => <When at={updatedAt} /> },
  {
    header: 'Action',
    cell: (segment) => (
      <Group gap={6} wrap="nowrap">
        <EditSegment segment={segment} />
        <DeleteSegment segment={segment} />
      </Group>
    ),
  },
]

export default function SegmentsPage() {
  const environment = useEnvironment()
  const segments = usePages('/api/admin/segments', { query: { environment, limit: 50 } })
  return (
    <Page
      title="Segments"
      about={`Groups of users that the strategies of ${environment} share.`}
      actions={<NewSegment />}
    >
      <DataTable
        label="Segments"
        columns={COLUMNS}
        rowKey={({ key }) => key}
        pages={segments}
        empty={
          <EmptyState title={`There are no segments in ${environment}`}>
            A segment says once who belongs to a group, such as testers or a country, for as many strategies as want it.
            Changing it changes all of them at one instant.
          </EmptyState>
        }
      />
    </Page>
  )
}
