import { Text } from '@mantine/core'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, Rows } from '../components/data-table.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Section } from '../components/page.tsx'
import { When } from '../components/when.tsx'

type Preview = schemas['RetentionPreview']
type Row = { what: string; days: number } & Preview['applied']

const COLUMNS: Column<Row>[] = [
  { header: 'Schedules', cell: ({ what }) => what },
  { header: 'Kept for', cell: ({ days }) => `${days} days` },
  { header: 'Over that age', number: true, cell: ({ count }) => count.toLocaleString('en') },
  { header: 'The oldest of them', cell: ({ oldest }) => (oldest ? <When at={oldest} /> : 'none') },
]

/** What the daily retention would delete if it ran now. */
export function Retention() {
  const { data, error, refetch } = useRead('/api/admin/schedules/retention', {})
  return (
    <Section title="Retention">
      {error && <ErrorPanel error={error} retry={refetch} />}
      {!data && !error && <Loading rows={2} />}
      {data && (
        <>
          <Rows
            label="What the retention would delete now"
            columns={COLUMNS}
            rowKey={({ what }) => what}
            rows={[
              { what: 'Applied', days: data.settings.appliedDays, ...data.applied },
              { what: 'Cancelled', days: data.settings.cancelledDays, ...data.cancelled },
            ]}
          />
          <Text size="xs" className="quiet">
            It deletes what is over that age every day at 03:00 UTC. Failed schedules and the audit trail are kept for
            ever. Now: <span className="mono">temporal schedule trigger --schedule-id retention</span>
          </Text>
        </>
      )}
    </Section>
  )
}
