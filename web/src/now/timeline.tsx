import { VisuallyHidden } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { type ReactNode, useMemo, useRef, useState } from 'react'
import { useReadOnly } from '../api/session.ts'
import type { View, Zoom } from './axis.ts'
import { Axis, Grid } from './axis-rows.tsx'
import { CARD_ID, Card, useCard } from './card.tsx'
import { ClusterList } from './cluster-list.tsx'
import { ItemMark, type Plot, startOf, widthOf } from './item-mark.tsx'
import { countOf, isBad, LANES, type Lane, type TimelineItem } from './items.ts'
import { layOut, type Mark } from './layout.ts'
import type { Move } from './moving.ts'
import classes from './timeline.module.css'

const ROW_PX = 28
const ROWS = 6
/** What becomes one mark where there is too much, in pixels. */
const BIN_PX = 160

/** What was, is and will be: a lane a kind, by time from left to right. */
export function Timeline({
  items,
  lanes,
  view,
  zoom,
  now,
  move,
}: {
  items: TimelineItem[]
  lanes: Lane[]
  view: View
  zoom: Zoom
  now: number
  move: Move
}) {
  const { ref, width } = useElementSize()
  const whole = useRef<HTMLElement>(null)
  const card = useCard(whole)
  const [opened, setOpened] = useState<{ lane: Lane; items: TimelineItem[] }>()
  const readOnly = useReadOnly() !== undefined
  const movable = ({ schedule, from }: TimelineItem) => schedule !== undefined && !readOnly && from > now
  const plot: Plot = { view, zoom, width, now }
  const { moving } = move
  return (
    <section ref={whole} className={`panel ${classes.timeline}`} aria-label="Timeline">
      <Axis {...plot} />
      <Grid view={view} zoom={zoom} measured={ref} />
      {lanes.map((lane) => (
        <LaneRow key={lane} lane={lane} items={items} plot={plot}>
          {({ items, width }) =>
            items.length > 1 ? (
              <button
                type="button"
                className={classes.cluster}
                data-bad={items.some(isBad) || undefined}
                style={{ width }}
                onClick={() => setOpened({ lane, items })}
              >
                {countOf(lane, items.length)}
                {items.some(isBad) && `, ${items.filter(isBad).length} bad`}
              </button>
            ) : (
              items.map((item) => (
                <ItemMark
                  key={item.id}
                  item={item}
                  width={width}
                  plot={plot}
                  move={move}
                  movable={movable(item)}
                  described={card.shown?.item.id === item.id ? CARD_ID : undefined}
                  show={(element) => card.show(item, element)}
                  hide={card.hide}
                />
              ))
            )
          }
        </LaneRow>
      ))}
      {card.shown && !moving && (
        <Card {...card.shown} movable={movable(card.shown.item)} keep={card.keep} hide={card.hide} />
      )}
      <VisuallyHidden role="status">
        {moving &&
          !moving.asked &&
          `${moving.schedule.flagKey} to ${new Date(moving.to).toLocaleString('en-GB')}. Enter asks to confirm, Escape gives up.`}
      </VisuallyHidden>
      <ClusterList
        title={opened ? countOf(opened.lane, opened.items.length) : ''}
        items={opened?.items ?? []}
        move={move}
        close={() => setOpened(undefined)}
      />
    </section>
  )
}

/** Everything of one kind, in as many rows as it needs. */
function LaneRow({
  lane,
  items,
  plot,
  children,
}: {
  lane: Lane
  items: TimelineItem[]
  plot: Plot
  children: (mark: Mark<TimelineItem>) => ReactNode
}) {
  const { view, zoom, width } = plot
  const marks = useMemo(() => {
    if (width === 0) return []
    const place = { view, zoom, width }
    const own = items.filter((item) => item.lane === lane && item.from < view.to && (item.to ?? item.from) >= view.from)
    return layOut(
      own.map((item) => ({ ...item, x: startOf(item, place), width: widthOf(item, place) })),
      { rows: ROWS, bin: BIN_PX },
    )
  }, [items, lane, view, zoom, width])
  const rows = Math.max(1, ...marks.map(({ row }) => row + 1))
  return (
    <div className={classes.lane}>
      <div className={classes.laneName}>{LANES[lane]}</div>
      <ul className={classes.marks} style={{ height: rows * ROW_PX + 8 }} aria-label={LANES[lane]}>
        {marks.map((mark) => (
          <li
            key={mark.items.map(({ id }) => id).join(' ')}
            className={classes.place}
            style={{ left: mark.x, top: mark.row * ROW_PX + 4 }}
          >
            {children(mark)}
          </li>
        ))}
      </ul>
    </div>
  )
}
