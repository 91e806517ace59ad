import { Text } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './steps.module.css'

export interface Step {
  key: string | number
  name: string
  status: 'done' | 'running' | 'next' | 'waiting'
  /** When it was, is or will be. */
  moment: ReactNode
  children?: ReactNode
}

/** What comes one after another: side by side, or one below the other where there is no room. */
export function Steps({ label, paused = false, steps }: { label: string; paused?: boolean; steps: Step[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={`panel ${classes.scroll}`} aria-label={label} tabIndex={0}>
      <ol className={classes.line}>
        {steps.map(({ key, name, status, moment, children }) => (
          <li
            key={key}
            className={classes.step}
            data-status={status}
            data-paused={paused || undefined}
            aria-current={status === 'running' ? 'step' : undefined}
          >
            <Text fw={600} className={classes.name}>
              {name}
            </Text>
            <Text size="xs" className="quiet" component="div">
              {moment}
            </Text>
            {children}
          </li>
        ))}
      </ol>
    </section>
  )
}
