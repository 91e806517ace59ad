import { Group, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'
import { changedFields } from '../flags/changed-fields.ts'
import { draftOf, NEW_STRATEGY } from '../flags/strategy-draft.ts'
import { StrategyFields } from '../flags/strategy-fields.tsx'
import classes from './served-by.module.css'
import { served } from './words.ts'

type Plan = schemas['ReleasePlan']
type Milestone = schemas['Milestone']

const ITEM = '/api/admin/flags/{flagKey}/release-plans/{planId}/milestone-strategies/{strategyId}'

function paramsOf({ flagKey, id: planId, environment }: Plan, { reason, key }: Confirmed) {
  return { path: { flagKey, planId }, query: { environment, reason }, header: { 'idempotency-key': key } }
}

/** What users see of a change of a milestone's strategies. */
function consequence(plan: Plan, { id, name }: Milestone): string {
  return id === plan.activeMilestoneId
    ? `Users of ${plan.flagKey} have “${name}”: this changes at once what they are served.`
    : `“${name}” is not what users have: nobody sees a difference until it starts.`
}

/** Strategies of a milestone, one by one: added, changed and removed. */
export function MilestoneStrategies({ plan, milestone }: { plan: Plan; milestone: Milestone }) {
  return (
    <details>
      <summary className={classes.summary}>Strategies</summary>
      <Stack gap={4} mt={4} align="flex-start">
        {milestone.strategies.map((strategy) => (
          <Group key={strategy.id} gap={4}>
            <Text size="xs">{served(strategy)}</Text>
            <EditStrategy plan={plan} milestone={milestone} strategy={strategy} />
            <RemoveStrategy plan={plan} milestone={milestone} strategy={strategy} />
          </Group>
        ))}
        <AddStrategy plan={plan} milestone={milestone} />
      </Stack>
    </details>
  )
}

function AddStrategy({ plan, milestone }: { plan: Plan; milestone: Milestone }) {
  const [draft, setDraft] = useState(NEW_STRATEGY)
  return (
    <ConfirmButton
      label="Add a strategy"
      title={`Add a strategy to “${milestone.name}”`}
      size="compact-xs"
      wide
      onOpen={() => setDraft(NEW_STRATEGY)}
      run={(confirmed) => {
        const { path, query, header } = paramsOf(plan, confirmed)
        return client.POST('/api/admin/flags/{flagKey}/release-plans/{planId}/milestones/{milestoneId}/strategies', {
          params: { path: { ...path, milestoneId: milestone.id }, query, header },
          body: draft,
        })
      }}
    >
      <Stack gap="sm">
        <StrategyFields draft={draft} change={(changed) => setDraft({ ...draft, ...changed })} />
        <Text size="sm">{consequence(plan, milestone)}</Text>
      </Stack>
    </ConfirmButton>
  )
}

function EditStrategy({
  plan,
  milestone,
  strategy,
}: {
  plan: Plan
  milestone: Milestone
  strategy: Milestone['strategies'][number]
}) {
  const before = draftOf(strategy)
  const [draft, setDraft] = useState(before)
  return (
    <ConfirmButton
      label="Change"
      title={`Change a strategy of “${milestone.name}”`}
      size="compact-xs"
      variant="subtle"
      wide
      onOpen={() => setDraft(before)}
      run={(confirmed) => {
        const { path, query, header } = paramsOf(plan, confirmed)
        return client.PATCH(ITEM, {
          params: { path: { ...path, strategyId: strategy.id }, query, header },
          body: changedFields(before, draft),
        })
      }}
    >
      <Stack gap="sm">
        <StrategyFields draft={draft} change={(changed) => setDraft({ ...draft, ...changed })} />
        <BeforeAfter before={before} after={draft} />
        <Text size="sm">{consequence(plan, milestone)}</Text>
      </Stack>
    </ConfirmButton>
  )
}

function RemoveStrategy({
  plan,
  milestone,
  strategy,
}: {
  plan: Plan
  milestone: Milestone
  strategy: Milestone['strategies'][number]
}) {
  return (
    <ConfirmButton
      label="Remove"
      title={`Remove a strategy of “${milestone.name}”?`}
      size="compact-xs"
      variant="subtle"
      danger
      run={(confirmed) => {
        const { path, query, header } = paramsOf(plan, confirmed)
        return client.DELETE(ITEM, { params: { path: { ...path, strategyId: strategy.id }, query, header } })
      }}
    >
      <Text size="sm">
        The strategy for {served(strategy)} is gone. {consequence(plan, milestone)}
        {milestone.strategies.length === 1 && ' It is the last one: a flag without any strategy is on for everybody.'}
      </Text>
    </ConfirmButton>
  )
}
