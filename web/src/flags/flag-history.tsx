import { NativeSelect } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import { History } from '../components/history.tsx'
import { useParam } from '../shell/address.ts'
import { useFlagAddress } from './flag-address.ts'

type EventType = schemas['Event']['type']

const GROUPS: Record<string, { label: string; types: EventType[] }> = {
  flag: { label: 'The flag itself', types: ['flag-created', 'flag-updated', 'flag-archived', 'flag-revived'] },
  applied: { label: 'Schedules that were applied', types: ['schedule-applied'] },
  schedules: {
    label: 'All of its schedules',
    types: [
      'schedule-created',
      'schedule-updated',
      'schedule-cancelled',
      'schedule-applied',
      'schedule-failed',
      'schedule-retried',
    ],
  },
  recurrences: {
    label: 'Recurrences',
    types: ['recurrence-created', 'recurrence-updated', 'recurrence-paused', 'recurrence-resumed', 'recurrence-ended'],
  },
  strategies: {
    label: 'Strategies',
    types: [
      'feature-strategy-add',
      'feature-strategy-update',
      'feature-strategy-remove',
      'feature-strategies-reordered',
    ],
  },
  plan: {
    label: 'Its release plan',
    types: [
      'release-plan-added',
      'release-plan-removed',
      'release-plan-started',
      'release-plan-paused',
      'release-plan-resumed',
      'release-plan-completed',
      'milestone-started',
      'milestone-approved',
      'milestone-updated',
      'safeguard-triggered',
    ],
  },
}

/** Everything that happened to the flag, or one kind of it. */
export function FlagHistory() {
  const { path, query } = useFlagAddress()
  const [shown, setShown] = useParam('history')
  const type = GROUPS[shown]?.types
  return (
    <History
      of={{ ...query, ...path, ...(type && { type }) }}
      actions={
        <NativeSelect
          size="xs"
          aria-label="Which events"
          value={type ? shown : ''}
          onChange={({ currentTarget }) => setShown(currentTarget.value)}
          data={[
            { value: '', label: 'Everything' },
            ...Object.entries(GROUPS).map(([value, { label }]) => ({ value, label })),
          ]}
        />
      }
    />
  )
}
