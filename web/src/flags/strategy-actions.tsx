import { Group, Stack, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'
import { changedFields } from './changed-fields.ts'
import { Effect } from './effect.tsx'
import { draftOf, NEW_STRATEGY, nameOf, type StrategyDraft } from './strategy-draft.ts'
import { StrategyFields } from './strategy-fields.tsx'

type Strategy = schemas['Strategy']

/** What all of these need: the flag, whose revision is the ETag of its strategies, and all of them in their order. */
interface OfFlag {
  flag: schemas['Flag']
  strategies: Strategy[]
}
type OfStrategy = OfFlag & { strategy: Strategy }

function useAddress({ key: flagKey, environment, revision }: OfFlag['flag']) {
  const read = useRef(revision)
  const parameters = ({ reason, key }: Confirmed) => ({
    query: { environment, reason },
    header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
  })
  return { read, flagKey, parameters, seen: <AsRead version={revision} read={read} /> }
}

const ARCHIVED = 'It is archived. Bring it back first.'
const blockedBy = ({ archivedAt }: OfFlag['flag']) => (archivedAt ? ARCHIVED : undefined)

export function AddStrategy({ flag, strategies }: OfFlag) {
  const { flagKey, parameters, seen } = useAddress(flag)
  const [draft, setDraft] = useState(NEW_STRATEGY)
  return (
    <ConfirmButton
      label="Add a strategy"
      title={`Add a strategy to ${flagKey}`}
      wide
      blocked={blockedBy(flag)}
      onOpen={() => setDraft(NEW_STRATEGY)}
      run={(confirmed) =>
        client.POST('/api/admin/flags/{flagKey}/strategies', {
          params: { path: { flagKey }, ...parameters(confirmed) },
          body: draft,
        })
      }
    >
      <Stack gap="md">
        <StrategyFields draft={draft} change={(changed) => setDraft({ ...draft, ...changed })} />
        {strategies.length === 0 && (
          <Text size="sm">
            So far everybody gets it whom the flag lets in. With its first strategy, only those whom a strategy matches.
          </Text>
        )}
        <Effect draft={{ strategies: [...strategies.map(draftOf), draft] }} />
        {seen}
      </Stack>
    </ConfirmButton>
  )
}

/** Edit, move up and down, remove. */
export function StrategyActions(of: OfStrategy) {
  return (
    <Group gap={6} wrap="nowrap">
      <EditStrategy {...of} />
      <MoveStrategy {...of} by={-1} />
      <MoveStrategy {...of} by={1} />
      <RemoveStrategy {...of} />
    </Group>
  )
}

function EditStrategy({ flag, strategies, strategy }: OfStrategy) {
  const { flagKey, parameters, seen } = useAddress(flag)
  const before = draftOf(strategy)
  const [draft, setDraft] = useState<StrategyDraft>(before)
  const others = strategies.map((other) => (other.id === strategy.id ? draft : draftOf(other)))
  return (
    <ConfirmButton
      label="Edit"
      title={`Edit ${nameOf(strategy)}`}
      size="compact-xs"
      wide
      blocked={blockedBy(flag)}
      onOpen={() => setDraft(before)}
      run={(confirmed) =>
        client.PATCH('/api/admin/flags/{flagKey}/strategies/{strategyId}', {
          params: { path: { flagKey, strategyId: strategy.id }, ...parameters(confirmed) },
          body: changedFields(before, draft),
        })
      }
    >
      <Stack gap="md">
        {strategy.milestoneId && <OfPlan />}
        <StrategyFields draft={draft} change={(changed) => setDraft({ ...draft, ...changed })} />
        <BeforeAfter before={before} after={draft} />
        <Effect draft={{ strategies: others }} />
        {seen}
      </Stack>
    </ConfirmButton>
  )
}

function OfPlan() {
  return (
    <Text size="sm">It is of the release plan's active milestone, which changes with it: the plan says the same.</Text>
  )
}

function MoveStrategy({ flag, strategies, strategy, by }: OfStrategy & { by: 1 | -1 }) {
  const { flagKey, parameters, seen } = useAddress(flag)
  const place = strategies.indexOf(strategy)
  const other = strategies[place + by]
  const moved = strategies.map((one, at) => (at === place ? (other ?? one) : at === place + by ? strategy : one))
  const why = !other
    ? `It is ${by < 0 ? 'asked first' : 'asked last'} already.`
    : other.milestoneId !== strategy.milestoneId
      ? 'Those of the release plan are asked before the others.'
      : undefined
  return (
    <ConfirmButton
      label={by < 0 ? 'Move up' : 'Move down'}
      title={`Ask ${nameOf(strategy)} ${by < 0 ? 'earlier' : 'later'}?`}
      size="compact-xs"
      wide
      blocked={blockedBy(flag) ?? why}
      run={(confirmed) =>
        client.POST('/api/admin/flags/{flagKey}/strategies/reorder', {
          params: { path: { flagKey }, ...parameters(confirmed) },
          body: { ids: moved.map(({ id }) => id) },
        })
      }
    >
      <Stack gap="md">
        <Text size="sm">
          The first that matches decides about the variant. Asked then: {moved.map(nameOf).join(', then ')}.
        </Text>
        <Effect draft={{ strategies: moved.map(draftOf) }} />
        {seen}
      </Stack>
    </ConfirmButton>
  )
}

function RemoveStrategy({ flag, strategies, strategy }: OfStrategy) {
  const { flagKey, parameters, seen } = useAddress(flag)
  const left = strategies.filter(({ id }) => id !== strategy.id)
  return (
    <ConfirmButton
      label="Remove"
      title={`Remove ${nameOf(strategy)}?`}
      size="compact-xs"
      danger
      wide
      blocked={blockedBy(flag)}
      run={(confirmed) =>
        client.DELETE('/api/admin/flags/{flagKey}/strategies/{strategyId}', {
          params: { path: { flagKey, strategyId: strategy.id }, ...parameters(confirmed) },
        })
      }
    >
      <Stack gap="md">
        {strategy.milestoneId && <OfPlan />}
        <Text size="sm">
          {left.length === 0
            ? 'It is the last one: without strategies, everybody gets it whom the flag lets in.'
            : 'Whom only this one matches does not get it any more.'}
        </Text>
        <Effect draft={{ strategies: left.map(draftOf) }} />
        {seen}
      </Stack>
    </ConfirmButton>
  )
}
