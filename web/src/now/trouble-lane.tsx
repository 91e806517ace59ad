import { Button, Group } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { Retry } from '../flags/schedules.tsx'
import { ApproveMilestone, ResumePlan } from '../release-plans/plan-actions.tsx'
import type { Trouble } from './trouble.ts'
import classes from './trouble-lane.module.css'

const SHOWN = 5

/** What is late, failed or blocked: why, since when, and what can be done about it. */
export function TroubleLane({ troubles, isPending }: { troubles: Trouble[]; isPending: boolean }) {
  const [all, setAll] = useState(false)
  const shown = all ? troubles : troubles.slice(0, SHOWN)
  return (
    <Section title="Late, failed or blocked">
      {troubles.length === 0 ? (
        <div className={`panel ${classes.nothing}`}>
          {isPending ? 'Looking …' : 'Nothing is late, nothing has failed, and nothing waits for you.'}
        </div>
      ) : (
        <ul className={`panel ${classes.lane}`} aria-label="Late, failed or blocked">
          {shown.map((trouble) => (
            <li key={trouble.id} className={classes.trouble}>
              <Status of={trouble.status} />
              <div className={classes.what}>
                <Link {...trouble.link}>{trouble.what}</Link>
                <span className="quiet">{trouble.why}</span>
              </div>
              <span className={`quiet ${classes.since}`}>
                <When at={new Date(trouble.since).toISOString()} as="relative" />
              </span>
              <Group gap={6} justify="flex-end" wrap="nowrap">
                <Act trouble={trouble} />
              </Group>
            </li>
          ))}
        </ul>
      )}
      {troubles.length > SHOWN && (
        <div>
          <Button size="compact-sm" variant="default" onClick={() => setAll(!all)} aria-expanded={all}>
            {all ? `Show the worst ${SHOWN}` : `Show all ${troubles.length.toLocaleString('en')}`}
          </Button>
        </div>
      )}
    </Section>
  )
}

function Act({ trouble: { retry, plan, link, act, actLink = link } }: { trouble: Trouble }) {
  if (retry) return <Retry schedule={retry} />
  if (plan?.status === 'paused') return <ResumePlan plan={plan} />
  if (plan?.waitsFor.includes('approval')) return <ApproveMilestone plan={plan} />
  return (
    <Button size="xs" variant="default" renderRoot={(props) => <Link {...actLink} {...props} />}>
      {act}
    </Button>
  )
}
