import type { Ref } from 'react'
import { useNow } from '../components/time.ts'
import { positionOf, stretches, ticks, type View, type Zoom } from './axis.ts'
import type { Plot } from './item-mark.tsx'
import classes from './timeline.module.css'

function percentOf(at: number, { from, to }: View): string {
  return `${((at - from) / (to - from)) * 100}%`
}

/** What a label of the axis and that of now take at most; a label that would be cut off, or lie under that of now, is left out. */
const LABEL_PX = 44
const NOW_PX = 28

/** Days or months, and the hours or days in them. */
export function Axis({ view, zoom, width, now }: Plot) {
  const hidden = (at: number) => {
    const [x, middle] = [positionOf(at, view, width), positionOf(now, view, width)]
    return x + LABEL_PX > width || (x + LABEL_PX > middle - NOW_PX && x < middle + NOW_PX)
  }
  return (
    <div className={classes.axis} aria-hidden="true">
      <div className={classes.stretches}>
        {stretches(view, zoom).map(({ from, to, label }) => (
          <div
            key={from}
            className={classes.stretch}
            style={{ left: percentOf(from, view), width: percentOf(view.from + to - from, view) }}
          >
            {label}
          </div>
        ))}
      </div>
      <div className={classes.ticks}>
        {ticks(view, zoom).map(({ at, label, zone }) => (
          <div key={at} className={classes.tick} style={{ left: percentOf(at, view) }}>
            {!hidden(at) && label} {zone && <b>{zone}</b>}
          </div>
        ))}
      </div>
    </div>
  )
}

/** Behind the lanes: a line a tick, what is over, and now. */
export function Grid({ view, zoom, measured }: { view: View; zoom: Zoom; measured: Ref<HTMLDivElement> }) {
  return (
    <div className={classes.grid} ref={measured} aria-hidden="true">
      {ticks(view, zoom).map(({ at }) => (
        <div key={at} className={classes.line} style={{ left: percentOf(at, view) }} />
      ))}
      <Now view={view} />
    </div>
  )
}

function Now({ view }: { view: View }) {
  const now = useNow()
  const inside = Math.min(Math.max(now, view.from), view.to)
  return (
    <>
      <div className={classes.over} style={{ width: percentOf(inside, view) }} />
      {inside === now && (
        <div className={classes.now} style={{ left: percentOf(now, view) }}>
          <span className="figure">
            {new Date(now).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}
          </span>
        </div>
      )}
    </>
  )
}
