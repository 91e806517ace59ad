import type { ReactNode } from 'react'
import classes from './tiles.module.css'

/** Figures side by side. */
export function Tiles({ children }: { children: ReactNode }) {
  return <div className={classes.tiles}>{children}</div>
}

/** One figure: what it counts, and how many. */
export function Tile({ name, bad = false, children }: { name: string; bad?: boolean; children: ReactNode }) {
  return (
    <div className={`panel figure ${classes.tile}`} data-bad={bad || undefined}>
      <div className={classes.name}>{name}</div>
      <div className={classes.value}>{children}</div>
    </div>
  )
}
