import { type RefObject, useEffect, useRef, useState } from 'react'
import { Status } from '../components/status.tsx'
import { relative, useNow, utc } from '../components/time.ts'
import { inWords } from '../flags/wall-clock.ts'
import { lengthOf, type TimelineItem } from './items.ts'
import classes from './timeline.module.css'

export const CARD_ID = 'timeline-card'

const WIDTH_PX = 340
/** So that the pointer can go from something to its card. */
const STAYS_MS = 150

interface Shown {
  item: TimelineItem
  /** In pixels of the timeline. */
  left: number
  top: number
}

/** The one card that is shown, and where. */
export function useCard(timeline: RefObject<HTMLElement | null>) {
  const [shown, setShown] = useState<Shown>()
  const leaving = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => {
    const onKeyDown = ({ key }: KeyboardEvent) => key === 'Escape' && setShown(undefined)
    document.addEventListener('keydown', onKeyDown)
    return () => {
      document.removeEventListener('keydown', onKeyDown)
      clearTimeout(leaving.current)
    }
  }, [])
  const keep = () => clearTimeout(leaving.current)
  return {
    shown,
    show(item: TimelineItem, element: Element) {
      keep()
      const [around, at] = [timeline.current?.getBoundingClientRect(), element.getBoundingClientRect()]
      if (!around) return
      const left = Math.max(0, Math.min(at.left - around.left, around.width - WIDTH_PX - 8))
      setShown({ item, left, top: at.bottom - around.top + 6 })
    },
    keep,
    hide() {
      keep()
      leaving.current = setTimeout(() => setShown(undefined), STAYS_MS)
    },
  }
}

/** What is known of something, beside it, while the pointer or the focus is on it. */
export function Card({
  item,
  left,
  top,
  movable,
  keep,
  hide,
}: Shown & { movable: boolean; keep: () => void; hide: () => void }) {
  const now = useNow()
  const length = lengthOf(item)
  return (
    <div
      id={CARD_ID}
      role="tooltip"
      className={`panel ${classes.card}`}
      style={{ left, top, width: WIDTH_PX }}
      onMouseEnter={keep}
      onMouseLeave={hide}
    >
      <div className={classes.cardHead}>
        <b className={classes.wrap}>{item.title}</b>
        <Status of={item.status} />
      </div>
      {item.what && <div className={classes.wrap}>{item.what}</div>}
      <dl className={classes.times}>
        <Time name={item.to === undefined ? 'At' : 'From'} at={item.from} now={now} />
        {item.to !== undefined && <Time name={`To, ${length}`} at={item.to} now={now} />}
      </dl>
      {item.more.map((line) => (
        <div key={line} className={`quiet ${classes.wrap}`}>
          {line}
        </div>
      ))}
      {movable && <div className={classes.hint}>Drag it, or press ← → and Enter, to move it</div>}
    </div>
  )
}

function Time({ name, at, now }: { name: string; at: number; now: number }) {
  return (
    <>
      <dt className="quiet">{name}</dt>
      <dd className="figure">
        {inWords(new Date(at))}
        <div className="quiet">{utc(at)}</div>
        <div className="quiet">{relative(at, now)}</div>
      </dd>
    </>
  )
}
