import { Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { schemas } from '../api/schema.ts'
import { Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import classes from './patches.module.css'
import { activationWords, FLAG_STATUS } from './words.ts'

type Gameplan = schemas['Gameplan']

/** What happens to the flag and when, and where it is now. */
export function FlagCard({ gameplan }: { gameplan: Gameplan }) {
  const { flag, environment, status } = gameplan
  if (!flag) {
    return (
      <Section title="Flag">
        <Text size="sm" className="quiet">
          The document has no flag: nothing is switched.
        </Text>
      </Section>
    )
  }
  const { key, state, scheduleId, releasePlanId, changeRequestId } = flag
  return (
    <Section title="Flag">
      <div className={`panel ${classes.patch}`}>
        <Text size="sm" component="div" className={classes.facts}>
          <span className="mono">
            {state === 'absent' ? (
              key
            ) : (
              <Link to="/flags/$flagKey" params={{ flagKey: key }} search={{ env: environment }}>
                {key}
              </Link>
            )}
          </span>
          <Status of={FLAG_STATUS[state]} />
          {scheduleId && (
            <Link to="/flags/$flagKey" params={{ flagKey: key }} search={{ env: environment }}>
              Schedule
            </Link>
          )}
          {releasePlanId && (
            <Link
              to="/release-plans/$flagKey/$planId"
              params={{ flagKey: key, planId: releasePlanId }}
              search={{ env: environment }}
            >
              Release plan
            </Link>
          )}
          {changeRequestId && (
            <Link to="/change-requests/$id" params={{ id: changeRequestId }} search={{ env: environment }}>
              Change request, which waits for reviewers
            </Link>
          )}
        </Text>
        <Text size="xs" className="quiet">
          Created, off, when Patch {flag.introduced} is merged; switched on{' '}
          {status === 'draft' ? 'as is said at the start' : activationWords(gameplan.activation)} when Patch{' '}
          {flag.activated} is.
        </Text>
      </div>
    </Section>
  )
}
