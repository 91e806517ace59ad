import { VisuallyHidden } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { type KeyboardEvent, type MouseEvent, type PointerEvent, useRef } from 'react'
import { looksOf } from '../components/status.tsx'
import { local } from '../components/time.ts'
import { positionOf, snap, stepFrom, timeOf, type View, type Zoom } from './axis.ts'
import { nameOf, type TimelineItem } from './items.ts'
import type { Move } from './moving.ts'
import classes from './timeline.module.css'

/** Before a press becomes a drag. */
const DRAG_PX = 4
const LEAST_PX = 64
const MOST_PX = 220

export interface Plot {
  view: View
  zoom: Zoom
  /** In pixels. */
  width: number
  now: number
}

/** Something at its time: a link to its page; what is pending is moved by pointer or arrow keys. */
export function ItemMark({
  item,
  width,
  plot,
  move,
  movable,
  described,
  show,
  hide,
}: {
  item: TimelineItem
  /** In pixels, with its label. */
  width: number
  plot: Plot
  move: Move
  movable: boolean
  /** Id of its card, while that is there. */
  described: string | undefined
  show: (element: Element) => void
  hide: () => void
}) {
  const { word, tone } = looksOf(item.status)
  const { view, now } = plot
  const moved = move.moving?.schedule.id === item.id ? move.moving : undefined
  const handlers = useMoves(item, plot, move, movable)
  const at = moved?.to ?? item.from
  const shift = moved ? positionOf(moved.to, view, plot.width) - positionOf(item.from, view, plot.width) : 0
  const when = local(at, now)
  const until = item.to === undefined ? '' : ` to ${local(item.to, now)}`
  return (
    <Link
      {...item.link}
      className={`${tone.className} ${classes.mark}`}
      data-tone={tone['data-tone']}
      data-past={(item.to ?? item.from) < now || undefined}
      data-movable={movable || undefined}
      data-moved={moved ? true : undefined}
      style={{ width, transform: shift ? `translateX(${shift}px)` : undefined }}
      aria-describedby={described}
      aria-keyshortcuts={movable ? 'ArrowLeft ArrowRight' : undefined}
      draggable={false}
      onMouseEnter={({ currentTarget }) => show(currentTarget)}
      onMouseLeave={hide}
      onFocus={({ currentTarget }) => show(currentTarget)}
      {...handlers}
      onBlur={() => {
        hide()
        handlers.onBlur?.()
      }}
    >
      {item.to !== undefined && (
        <span className={classes.length} style={{ width: Math.max(lengthOf(item, plot), 3) }} />
      )}
      <span className={classes.label}>
        {moved && <b className="figure">{clock(at)} </b>}
        {item.title} <span className={classes.what}>{item.what}</span>
        <VisuallyHidden component="span">{`${word}, ${when}${until}`}</VisuallyHidden>
      </span>
    </Link>
  )
}

type Place = Pick<Plot, 'view' | 'width'>

/** Where something begins, or the left edge for what began before it; in pixels. */
export function startOf({ from }: TimelineItem, { view, width }: Place): number {
  return positionOf(Math.max(from, view.from), view, width)
}

/** How long it lasts, as far as that is in sight; 0 for an instant. */
function lengthOf(item: TimelineItem, place: Place): number {
  if (item.to === undefined) return 0
  return positionOf(Math.min(item.to, place.view.to), place.view, place.width) - startOf(item, place)
}

/** What it takes on the line, with its label: at 12 px, a letter of a wide font is about 7 px. */
export function widthOf(item: TimelineItem, place: Place): number {
  const label = Math.min(Math.max(nameOf(item).length * 7.2 + 22, LEAST_PX), MOST_PX)
  return Math.max(lengthOf(item, place), label)
}

function clock(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
}

interface Handlers {
  onPointerDown?: (event: PointerEvent<HTMLElement>) => void
  onPointerMove?: (event: PointerEvent) => void
  onPointerUp?: () => void
  onPointerCancel?: () => void
  onClick?: (event: MouseEvent) => void
  onKeyDown?: (event: KeyboardEvent) => void
  onBlur?: () => void
}

/** What makes something move: the pointer, or arrow keys, then Enter; Escape gives up. */
function useMoves(
  { schedule, from }: TimelineItem,
  { view, zoom, width, now }: Plot,
  move: Move,
  movable: boolean,
): Handlers {
  const pressed = useRef<number>(undefined)
  const dragged = useRef(false)
  if (!schedule || !movable) return {}
  const moving = move.moving?.schedule.id === schedule.id ? move.moving : undefined
  // Never to what is over, nor out of sight.
  const within = (to: number) => Math.min(Math.max(to, stepFrom(now, zoom, 1)), stepFrom(view.to, zoom, -1))
  const giveUp = () => {
    pressed.current = undefined
    move.giveUp()
  }
  return {
    onPointerDown: (event) => {
      dragged.current = false
      if (event.button !== 0) return
      pressed.current = event.clientX
      event.currentTarget.setPointerCapture(event.pointerId)
    },
    onPointerMove: ({ clientX }) => {
      if (pressed.current === undefined) return
      const pixels = clientX - pressed.current
      if (!dragged.current && Math.abs(pixels) < DRAG_PX) return
      dragged.current = true
      move.move(schedule, within(snap(from + timeOf(pixels, view, width), zoom)))
    },
    onPointerUp: () => {
      pressed.current = undefined
      if (moving && dragged.current) settleAt(moving.to)
    },
    onPointerCancel: giveUp,
    onClick: (event) => {
      if (dragged.current) event.preventDefault()
    },
    onKeyDown: (event) => {
      // Enter is a click as well, and that of a link that was dragged before.
      dragged.current = false
      const direction = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : undefined
      if (direction) move.move(schedule, within(stepFrom(moving?.to ?? from, zoom, direction)))
      else if (event.key === 'Enter' && moving) settleAt(moving.to)
      else if (event.key === 'Escape' && moving) giveUp()
      else return
      event.preventDefault()
    },
    onBlur: () => {
      if (moving && !moving.asked) giveUp()
    },
  }

  function settleAt(to: number) {
    if (schedule && to !== from) move.ask(schedule, to)
    else move.giveUp()
  }
}
