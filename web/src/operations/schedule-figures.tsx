import { Text } from '@mantine/core'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, Rows } from '../components/data-table.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Section } from '../components/page.tsx'
import { Tile, Tiles } from '../components/tiles.tsx'
import { period } from '../components/time.ts'
import { When } from '../components/when.tsx'

type Health = schemas['ScheduleHealth']
type Figures = Pick<Health, 'pending' | 'backlog' | 'failedLastDay' | 'latenessLastHour' | 'latenessLastDay'>

export function ScheduleFigures() {
  const { data: health, error, refetch } = useRead('/api/admin/schedules/health', {})
  return (
    <Section title="Schedules">
      {error && <ErrorPanel error={error} retry={refetch} />}
      {health ? <AllFigures health={health} /> : !error && <Loading />}
    </Section>
  )
}

function AllFigures({ health }: { health: Health }) {
  const { oldestDue, nextDue, relay } = health
  const rows = [{ environment: 'All', ...(health as Figures) }, ...health.environments]
  return (
    <>
      <Tiles>
        <Tile name="Due, not applied" bad={health.backlog > 0}>
          {health.backlog.toLocaleString('en')}
          {oldestDue && (
            <Text size="xs">
              <span className="mono">{oldestDue.flagKey}</span> since <When at={oldestDue.scheduledAt} />
            </Text>
          )}
        </Tile>
        <Tile name="Failed in a day" bad={health.failedLastDay > 0}>
          {health.failedLastDay.toLocaleString('en')}
        </Tile>
        <Tile name="Next due">
          {nextDue ? <When at={nextDue.scheduledAt} as="relative" /> : 'None'}
          {nextDue && (
            <Text size="xs">
              <span className="mono">{nextDue.flagKey}</span> in {nextDue.environment}
            </Text>
          )}
        </Tile>
        <Tile name="Waiting for Temporal" bad={relay.dead > 0}>
          {relay.waiting.toLocaleString('en')}
          {relay.waiting > 0 && <Text size="xs">the oldest for {period(relay.ageSeconds)}</Text>}
          {relay.dead > 0 && <Text size="xs">dead letters: {relay.dead.toLocaleString('en')}</Text>}
        </Tile>
      </Tiles>
      <Rows label="Schedules by environment" rows={rows} rowKey={({ environment }) => environment} columns={COLUMNS} />
    </>
  )
}

const late = (seconds: number | null) => (seconds === null ? '–' : period(Math.max(0, seconds)))

const COLUMNS: Column<Figures & { environment: string }>[] = [
  { header: 'Environment', cell: ({ environment }) => environment },
  { header: 'Pending', number: true, cell: ({ pending }) => pending.toLocaleString('en') },
  { header: 'Due', number: true, cell: ({ backlog }) => backlog.toLocaleString('en') },
  { header: 'Failed (day)', number: true, cell: ({ failedLastDay }) => failedLastDay.toLocaleString('en') },
  {
    header: 'Applied (hour)',
    number: true,
    cell: ({ latenessLastHour }) => latenessLastHour.applied.toLocaleString('en'),
  },
  { header: 'Late, p50 (hour)', number: true, cell: ({ latenessLastHour }) => late(latenessLastHour.p50) },
  { header: 'p99', number: true, cell: ({ latenessLastHour }) => late(latenessLastHour.p99) },
  {
    header: 'Applied (day)',
    number: true,
    cell: ({ latenessLastDay }) => latenessLastDay.applied.toLocaleString('en'),
  },
  { header: 'Late, p99 (day)', number: true, cell: ({ latenessLastDay }) => late(latenessLastDay.p99) },
]
