import { useParams } from '@tanstack/react-router'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Notice } from '../components/notice.tsx'
import { Page, Section } from '../components/page.tsx'
import { StatusLine } from '../components/status-line.tsx'
import { period } from '../components/time.ts'
import { When } from '../components/when.tsx'
import { useEnvironment } from '../shell/address.ts'
import { MilestoneLine } from './milestone-line.tsx'
import { ApproveMilestone, DeletePlan, PausePlan, ResumePlan } from './plan-actions.tsx'
import { Safeguards } from './safeguards.tsx'
import { waiting } from './words.ts'

type Plan = schemas['ReleasePlan']

export default function PlanPage() {
  const environment = useEnvironment()
  const path = useParams({ from: '/release-plans/$flagKey/$planId' })
  const plan = useRead('/api/admin/flags/{flagKey}/release-plans/{planId}', { path, query: { environment } })
  const { data, error, refetch } = plan
  if (!data) {
    return <Page title="Release plan">{error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />}</Page>
  }
  const about = (
    <>
      Of the flag <span className="mono">{data.flagKey}</span> in {data.environment}
      {data.description && `: ${data.description}`}
    </>
  )
  return (
    <Page title={data.name} about={about} actions={<Actions plan={data} />}>
      {error && <ErrorPanel error={error} retry={refetch} />}
      <State plan={data} />
      <Section title="Milestones">
        <MilestoneLine plan={data} />
      </Section>
      <Safeguards plan={data} />
    </Page>
  )
}

function Actions({ plan }: { plan: Plan }) {
  return (
    <>
      <ApproveMilestone plan={plan} />
      {plan.status === 'running' && <PausePlan plan={plan} />}
      {plan.status === 'paused' && <ResumePlan plan={plan} />}
      <DeletePlan plan={plan} />
    </>
  )
}

/** Where the plan is and what it waits for, in a line; what stands in its way below. */
function State({ plan }: { plan: Plan }) {
  const { status, pauseReason, pausedAt, remainingSeconds, flagEnabled } = plan
  return (
    <>
      <StatusLine of={plan}>
        <Sentence plan={plan} />
      </StatusLine>
      {status === 'paused' && (
        <Notice title="Paused">
          {pauseReason || 'No reason was given'}
          {pausedAt && (
            <>
              {' '}
              · <When at={pausedAt} as="relative" />
            </>
          )}
          {remainingSeconds !== null && ` · ${period(remainingSeconds)} of its time are left`}. Users keep what they
          have.
        </Notice>
      )}
      {!flagEnabled && (
        <Notice title="The flag is off">
          Nobody sees any of this until it is switched on; that can be done when a milestone is started.
        </Notice>
      )}
    </>
  )
}

function Sentence({ plan: { status, milestones, activeMilestoneId, waitsFor, nextAt } }: { plan: Plan }) {
  if (status === 'draft') return 'Nothing has changed for users. It begins when its first milestone is started.'
  const active = milestones.find(({ id }) => id === activeMilestoneId)?.name
  if (status === 'completed') return `Users have “${active}”, the last milestone.`
  if (status === 'paused') return `Users have “${active}”.`
  return (
    <>
      Users have “{active}”{waitsFor.length > 0 && `; the next milestone waits for ${waiting(waitsFor)}`}
      {nextAt && (
        <>
          {' '}
          and starts <When at={nextAt} as="relative" />
        </>
      )}
      .
    </>
  )
}
