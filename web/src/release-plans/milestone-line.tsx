import { Text } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import { When } from '../components/when.tsx'
import classes from './milestone-line.module.css'
import { StartMilestone } from './plan-actions.tsx'
import { narrowed, progressionWords, served, waiting } from './words.ts'

type Plan = schemas['ReleasePlan']
type Milestone = schemas['Milestone']

/** All milestones in their order: what was, what is, and when or upon what the rest begins. */
export function MilestoneLine({ plan }: { plan: Plan }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={`panel ${classes.scroll}`} aria-label="Milestones in their order" tabIndex={0}>
      <ol className={classes.line}>
        {plan.milestones.map((milestone, place) => (
          <li
            key={milestone.id}
            className={classes.milestone}
            data-status={milestone.status}
            data-paused={plan.status === 'paused' || undefined}
            aria-current={milestone.status === 'running' ? 'step' : undefined}
          >
            <Text fw={600} className={classes.name}>
              {milestone.name}
            </Text>
            <Text size="xs" className="quiet" component="div">
              <Moment plan={plan} milestone={milestone} before={plan.milestones[place - 1]} />
            </Text>
            <Strategies strategies={milestone.strategies} />
            <div>
              <StartMilestone plan={plan} milestone={milestone} />
            </div>
          </li>
        ))}
      </ol>
    </section>
  )
}

/** When a milestone started or will, or what that depends on. */
function Moment({ plan, milestone, before }: { plan: Plan; milestone: Milestone; before: Milestone | undefined }) {
  const { status, startedAt, willStartAt, approvedAt, approvedBy, progression } = milestone
  const approved = approvedAt && (
    <div>
      approved by {approvedBy} <When at={approvedAt} as="relative" />
    </div>
  )
  if (status === 'done') {
    if (!startedAt) return 'Passed over'
    return (
      <>
        Done, started <When at={startedAt} />
        {approved}
      </>
    )
  }
  if (status === 'running') {
    const last = plan.status === 'completed'
    return (
      <>
        {plan.status === 'paused' ? 'Paused here' : last ? 'Users have it' : 'Running'}
        {startedAt && (
          <>
            , started <When at={startedAt} as="relative" />
          </>
        )}
        {!last && <div>goes on {progressionWords(progression)}</div>}
        {approved}
      </>
    )
  }
  if (willStartAt) {
    return (
      <>
        Will start <When at={willStartAt} as="relative" />, at <When at={willStartAt} />
      </>
    )
  }
  if (status === 'next' && plan.status === 'running') return `Waits for ${waiting(plan.waitsFor)}`
  return before ? `Starts ${progressionWords(before.progression)}` : 'Waits for somebody to start it'
}

function Strategies({ strategies }: { strategies: Milestone['strategies'] }) {
  return (
    <ul className={classes.strategies}>
      {strategies.map((strategy) => {
        const more = narrowed(strategy)
        return (
          <li key={strategy.id}>
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
