import type { schemas } from '../api/schema.ts'
import classes from './served-by.module.css'
import { narrowed, served } from './words.ts'

type Strategy = Pick<
  schemas['Strategy'],
  'name' | 'title' | 'parameters' | 'constraints' | 'segments' | 'variants' | 'disabled'
>

/** Whom the strategies of a milestone are for. */
export function ServedBy({ strategies }: { strategies: Strategy[] }) {
  return (
    <ul className={classes.strategies}>
      {strategies.map((strategy, place) => {
        const more = narrowed(strategy)
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: those of a template have no ids, and are never moved
          <li key={place}>
            {strategy.disabled ? <s>{served(strategy)}</s> : served(strategy)}
            {strategy.disabled && ' (disabled)'}
            {strategy.title && <span className="quiet"> · {strategy.title}</span>}
            {more && <div className="quiet">{more}</div>}
          </li>
        )
      })}
    </ul>
  )
}
