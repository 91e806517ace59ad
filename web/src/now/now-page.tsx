import { Button, Group, SegmentedControl, Stack, Text } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { useMemo, useRef } from 'react'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Page, Section } from '../components/page.tsx'
import { useNow, utc } from '../components/time.ts'
import { FlagSelect } from '../flags/flag-select.tsx'
import { useEnvironment, useParam } from '../shell/address.ts'
import { pan, rangeAround, viewAround, ZOOMS, type Zoom } from './axis.ts'
import { ItemRows } from './cluster-list.tsx'
import { Happened } from './happened.tsx'
import { LANES, type Lane, type TimelineItem } from './items.ts'
import { MoveDialog } from './move-dialog.tsx'
import { type Move, useMoving } from './moving.ts'
import { Timeline } from './timeline.tsx'
import { useTrouble } from './trouble.ts'
import { TroubleLane } from './trouble-lane.tsx'
import { useTimeline } from './use-timeline.ts'

const EVERY_MS = 5_000
const NAMES: Record<Zoom, string> = { hour: 'Hour', day: 'Day', week: 'Week', month: 'Month' }
const OF_NO_FLAG: Lane[] = ['runs', 'migrations']

/** What needs somebody, and what was, is and will be. */
export default function NowPage() {
  const environment = useEnvironment()
  const [flagKey, setFlagKey] = useParam('flag')
  const [asked, setZoom] = useParam('zoom')
  const [at, setAt] = useParam('at')
  const zoom = ZOOMS.find((known) => known === asked) ?? 'day'
  const now = useNow(EVERY_MS)
  const around = Date.parse(at) || now
  const { from, to } = viewAround(around, zoom)
  // The same ones until they change.
  const view = useMemo(() => ({ from, to }), [from, to])
  const range = useMemo(() => rangeAround(view, zoom), [view, zoom])
  const timeline = useTimeline(environment, flagKey || undefined, range, now)
  const trouble = useTrouble(environment, flagKey || undefined, timeline.plans, now)
  const move = useMoving()
  const narrow = useMediaQuery('(max-width: 48em)', undefined, { getInitialValueInEffect: false })
  const lanes = (Object.keys(LANES) as Lane[]).filter((lane) => !flagKey || !OF_NO_FLAG.includes(lane))
  const inView = timeline.items.filter((item) => item.from < to && (item.to ?? item.from) >= from)
  const go = (direction: -1 | 1) => setAt(new Date(pan(view, zoom, direction)).toISOString())

  return (
    <Page
      title="Now"
      about={`What needs you in ${environment}, and what was, is and will be.`}
      actions={
        <FlagSelect size="xs" none="All flags" environment={environment} value={flagKey} onChange={setFlagKey} />
      }
    >
      <Stack gap="lg">
        <TroubleLane {...trouble} />
        <Section
          title="Timeline"
          actions={
            <Group gap="xs">
              <Button.Group>
                <Button size="xs" variant="default" aria-label="Earlier" onClick={() => go(-1)}>
                  ‹
                </Button>
                <Button
                  size="xs"
                  variant="default"
                  onClick={() => setAt('')}
                  data-disabled={!at || undefined}
                  aria-disabled={!at || undefined}
                >
                  Back to now
                </Button>
                <Button size="xs" variant="default" aria-label="Later" onClick={() => go(1)}>
                  ›
                </Button>
              </Button.Group>
              <SegmentedControl
                size="xs"
                aria-label="How much time"
                value={zoom}
                onChange={(value) => setZoom(value === 'day' ? '' : value)}
                data={ZOOMS.map((value) => ({ value, label: NAMES[value] }))}
              />
            </Group>
          }
        >
          {timeline.error && <ErrorPanel error={timeline.error} retry={timeline.retry} />}
          {timeline.isPending ? (
            !timeline.error && <Loading />
          ) : narrow ? (
            <NarrowTimeline items={inView} now={now} move={move} />
          ) : (
            <Timeline items={timeline.items} lanes={lanes} view={view} zoom={zoom} now={now} move={move} />
          )}
          <Text size="xs" className="quiet">
            {inView.length === 0 && 'Nothing is in this time. '}
            {timeline.cutAt &&
              `There are more schedules than can be shown: those due after ${utc(timeline.cutAt)} are left out. `}
            {timeline.plansLeftOut > 0 && `The milestones of ${timeline.plansLeftOut} older plans are left out. `}
          </Text>
        </Section>
        <Happened environment={environment} flagKey={flagKey || undefined} />
      </Stack>
      <LastMove move={move} />
    </Page>
  )
}

/** Where there is no room for lanes: what was, then what comes. */
function NarrowTimeline({ items, now, move }: { items: TimelineItem[]; now: number; move: Move }) {
  const [past, ahead] = [items.filter((item) => !isAhead(item, now)), items.filter((item) => isAhead(item, now))]
  return (
    <>
      {ahead.length > 0 && <ItemRows label="Now and next" items={ahead} move={move} />}
      {past.length > 0 && (
        <>
          <Text size="xs" className="quiet">
            Over
          </Text>
          <ItemRows label="Over" items={past.toReversed()} move={move} />
        </>
      )}
    </>
  )
}

function isAhead({ from, to }: TimelineItem, now: number): boolean {
  return (to ?? from) >= now
}

/** The dialog of what was put somewhere else; it stays what it was while it closes. */
function LastMove({ move: { moving, giveUp } }: { move: Move }) {
  const last = useRef(moving)
  if (moving) last.current = moving
  if (!last.current) return null
  return <MoveDialog {...last.current} opened={moving?.asked ?? false} close={giveUp} />
}
