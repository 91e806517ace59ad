import { Text } from '@mantine/core'
import { usePages, useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { utc } from '../components/time.ts'
import { useFlagAddress } from './flag-address.ts'
import classes from './flag-page.module.css'
import { NewRecurrence } from './new-recurrence.tsx'
import { Occurrences } from './occurrences.tsx'
import { RecurrenceActions } from './recurrence-actions.tsx'
import { updatesText } from './updates-text.ts'

type Recurrence = schemas['Recurrence']

const COLUMNS: Column<Recurrence>[] = [
  {
    header: 'When',
    cell: ({ recurrence: { cron, timeZone, until, count } }) => (
      <>
        <span className={`mono ${classes.whole}`}>{cron}</span>
        <Text size="xs" className="quiet">
          in {timeZone}
          {until && `, until ${utc(until)}`}
          {count !== null && `, ${count} times`}
        </Text>
      </>
    ),
  },
  {
    header: 'Change',
    cell: ({ updates, comment }) => (
      <>
        {updatesText(updates)}
        {comment && (
          <Text size="xs" className="quiet">
            {comment}
          </Text>
        )}
      </>
    ),
  },
  { header: 'Status', cell: ({ status }) => <Status of={status} /> },
  { header: 'Made', number: true, cell: ({ made }) => made },
  { header: 'Next, by your clock and UTC', cell: (recurrence) => <Next recurrence={recurrence} /> },
  { header: 'By', cell: ({ createdBy }) => createdBy },
  { header: 'Action', cell: (recurrence) => <RecurrenceActions recurrence={recurrence} /> },
]

/** Changes over and over. */
export function Recurrences({ flag }: { flag: schemas['Flag'] }) {
  const { path, query } = useFlagAddress()
  const recurrences = usePages('/api/admin/flags/{flagKey}/recurrences', { path, query: { ...query, limit: 20 } })
  return (
    <Section title="Recurrences" actions={<NewRecurrence flag={flag} />}>
      <DataTable
        label="Recurrences"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={recurrences}
        empty={
          <EmptyState title="Nothing recurs">
            A recurrence schedules a change over and over, by the clock of a time zone: on at nine, off at six.
          </EmptyState>
        }
      />
    </Section>
  )
}

function Next({ recurrence: { id, flagKey, environment, status } }: { recurrence: Recurrence }) {
  const { data, error, refetch } = useRead('/api/admin/flags/{flagKey}/recurrences/{recurrenceId}', {
    path: { flagKey, recurrenceId: id },
    query: { environment },
  })
  if (error) return <ErrorPanel error={error} retry={refetch} />
  if (!data) return <Loading rows={2} />
  if (status !== 'active') return <span className="quiet">None</span>
  return (
    <div className={classes.whole}>
      <Occurrences of={data.nextOccurrences} />
    </div>
  )
}
