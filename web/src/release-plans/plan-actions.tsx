import { Checkbox, Stack, Text } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'
import { period } from '../components/time.ts'

type Plan = schemas['ReleasePlan']
type Milestone = schemas['Milestone']

function parametersOf({ flagKey, id: planId, environment }: Plan, { reason, key }: Confirmed) {
  return { path: { flagKey, planId }, query: { environment, reason }, header: { 'idempotency-key': key } }
}

/** Starts a milestone: the next, an earlier one, or the active one again. */
export function StartMilestone({ plan, milestone }: { plan: Plan; milestone: Milestone }) {
  const read = useRef(plan.version)
  const [enable, setEnable] = useState(false)
  const [overrideFreeze, setOverrideFreeze] = useState(false)
  const place = plan.milestones.findIndex(({ id }) => id === milestone.id)
  const active = plan.milestones.findIndex(({ id }) => id === plan.activeMilestoneId)
  const back = place < active
  const again = place === active
  const label = back ? 'Go back to it' : again ? 'Begin it again' : 'Start it'
  return (
    <ConfirmButton
      label={label}
      title={`${back ? 'Go back to' : again ? 'Begin again:' : 'Start'} “${milestone.name}”?`}
      size="compact-xs"
      danger={back}
      run={(confirmed) => {
        const { path, query, header } = parametersOf(plan, confirmed)
        return client.POST('/api/admin/flags/{flagKey}/release-plans/{planId}/milestones/{milestoneId}/start', {
          params: {
            path: { ...path, milestoneId: milestone.id },
            query: { ...query, overrideFreeze: overrideFreeze ? 'true' : undefined },
            header: { ...header, 'if-match': `"${read.current}"` },
          },
          body: { enable },
        })
      }}
    >
      <Stack gap="sm">
        <Text size="sm">{consequence(plan, milestone, { active, place })}</Text>
        {!plan.flagEnabled && (
          <Checkbox
            label="Switch the flag on as well"
            description="It is off: until then nobody sees any of this"
            checked={enable}
            onChange={({ currentTarget }) => setEnable(currentTarget.checked)}
          />
        )}
        <Checkbox
          label="Also inside a freeze"
          description="Needs a reason"
          checked={overrideFreeze}
          onChange={({ currentTarget }) => setOverrideFreeze(currentTarget.checked)}
        />
        <AsRead version={plan.version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}

function consequence(
  { flagKey, status, milestones }: Plan,
  { name, strategies }: Milestone,
  { active, place }: { active: number; place: number },
): string {
  const resumed = status === 'paused' ? ' The plan is paused and goes on by this.' : ''
  if (place === active) {
    return `Its time and its approval begin anew; nothing changes for users.${resumed}`
  }
  const count = `${strategies.length} ${strategies.length === 1 ? 'strategy' : 'strategies'}`
  const now = `From now on, users of ${flagKey} are served by the ${count} of “${name}”`
  const before = milestones[active] ? ` instead of those of “${milestones[active].name}”` : ''
  const forgotten = place < active ? ' Times and approvals of all later milestones are forgotten.' : ''
  const jumped = place - active - 1
  const over = active >= 0 && jumped > 0 ? ` ${jumped} in between ${jumped === 1 ? 'is' : 'are'} passed over.` : ''
  return `${now}${before}.${forgotten}${over}${resumed}`
}

export function ApproveMilestone({ plan }: { plan: Plan }) {
  const place = plan.milestones.findIndex(({ id }) => id === plan.activeMilestoneId)
  const [active, next] = [plan.milestones[place], plan.milestones[place + 1]]
  if (!active?.progression?.approval || active.approvedAt || !next) return null
  const { afterSeconds } = active.progression
  return (
    <ConfirmButton
      label="Approve"
      title={`Approve that “${next.name}” follows?`}
      variant="filled"
      run={(confirmed) => {
        const { path, query, header } = parametersOf(plan, confirmed)
        return client.POST('/api/admin/flags/{flagKey}/release-plans/{planId}/milestones/{milestoneId}/approve', {
          params: { path: { ...path, milestoneId: active.id }, query, header },
        })
      }}
    >
      <Text size="sm">
        “{next.name}” starts after “{active.name}”
        {plan.status === 'paused'
          ? ' once the plan is resumed'
          : afterSeconds === undefined
            ? ' at once'
            : ` as soon as its ${period(afterSeconds)} are over`}
        , unless a freeze or a metric holds it. An approval cannot be taken back, but the plan can be paused.
      </Text>
    </ConfirmButton>
  )
}

export function PausePlan({ plan }: { plan: Plan }) {
  return (
    <ConfirmButton
      label="Pause"
      title={`Pause “${plan.name}”?`}
      run={(confirmed) =>
        client.POST('/api/admin/flags/{flagKey}/release-plans/{planId}/pause', {
          params: parametersOf(plan, confirmed),
        })
      }
    >
      <Text size="sm">
        No milestone starts by itself until somebody resumes it. Users keep what they have, and what follows is later by
        the pause.
      </Text>
    </ConfirmButton>
  )
}

export function ResumePlan({ plan }: { plan: Plan }) {
  return (
    <ConfirmButton
      label="Resume"
      title={`Resume “${plan.name}”?`}
      variant="filled"
      run={(confirmed) =>
        client.POST('/api/admin/flags/{flagKey}/release-plans/{planId}/resume', {
          params: parametersOf(plan, confirmed),
        })
      }
    >
      <Text size="sm">
        It goes on where it was
        {plan.remainingSeconds !== null && `, with ${period(plan.remainingSeconds)} still to wait`}. Safeguards that
        have triggered watch again.
      </Text>
    </ConfirmButton>
  )
}

export function DeletePlan({ plan }: { plan: Plan }) {
  const navigate = useNavigate()
  const [keepStrategies, setKeepStrategies] = useState(true)
  const active = plan.milestones.find(({ id }) => id === plan.activeMilestoneId)
  return (
    <ConfirmButton
      label="Delete"
      title={`Delete “${plan.name}”?`}
      danger
      run={async (confirmed) => {
        const { path, query, header } = parametersOf(plan, confirmed)
        await client.DELETE('/api/admin/flags/{flagKey}/release-plans/{planId}', {
          params: { path, query: { ...query, keepStrategies: keepStrategies ? 'true' : 'false' }, header },
        })
        await navigate({ to: '/release-plans' })
      }}
    >
      <Stack gap="sm">
        <Text size="sm">
          {!active && 'Users see none of it yet, so nothing changes for them. '}
          {active &&
            keepStrategies &&
            `Nothing changes for users: what they have of “${active.name}” becomes the flag’s own. `}
          {active &&
            !keepStrategies &&
            `Users lose the ${active.strategies.length} strategies of “${active.name}” at once. `}
          The plan cannot be brought back.
        </Text>
        {active && (
          <Checkbox
            label="Keep its strategies"
            checked={keepStrategies}
            onChange={({ currentTarget }) => setKeepStrategies(currentTarget.checked)}
          />
        )}
      </Stack>
    </ConfirmButton>
  )
}
