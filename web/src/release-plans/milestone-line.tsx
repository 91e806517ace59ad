import { Group } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import { Steps } from '../components/steps.tsx'
import { When } from '../components/when.tsx'
import { EditMilestone } from './edit-milestone.tsx'
import { MilestoneStrategies } from './milestone-strategies.tsx'
import { StartMilestone } from './plan-actions.tsx'
import { ServedBy } from './served-by.tsx'
import { progressionWords, waiting } from './words.ts'

type Plan = schemas['ReleasePlan']
type Milestone = schemas['Milestone']

/** All milestones in their order: what was, what is, and when or upon what the rest begins. */
export function MilestoneLine({ plan }: { plan: Plan }) {
  return (
    <Steps
      label="Milestones in their order"
      paused={plan.status === 'paused'}
      steps={plan.milestones.map((milestone, place) => ({
        key: milestone.id,
        name: milestone.name,
        status: milestone.status,
        moment: <Moment plan={plan} milestone={milestone} before={plan.milestones[place - 1]} />,
        children: (
          <>
            <ServedBy strategies={milestone.strategies} />
            <Group gap={6}>
              <StartMilestone plan={plan} milestone={milestone} />
              <EditMilestone plan={plan} milestone={milestone} last={place === plan.milestones.length - 1} />
            </Group>
            <MilestoneStrategies plan={plan} milestone={milestone} />
          </>
        ),
      }))}
    />
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
