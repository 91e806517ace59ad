import { useQueries } from '@tanstack/react-query'
import { useMemo } from 'react'
import { readOptions, useAll } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import type { View } from './axis.ts'
import { ofFreezes, ofMigrations, ofPlans, ofRequests, ofRuns, ofSchedules, type TimelineItem } from './items.ts'

/** Plans whose milestones are read: each is a request of its own. */
const PLANS = 25
const PAGE = 200

/**
 * What was, is and will be between two instants, of an environment and, when one is named, of a flag. What belongs to no
 * environment and no flag is there unless a flag is named; freezes are there in any case.
 */
export function useTimeline(environment: string, flagKey: string | undefined, range: View, now: number) {
  const [from, to] = [new Date(range.from).toISOString(), new Date(range.to).toISOString()]
  const schedules = useAll('/api/admin/schedules', {
    query: { environment, flagKey, dueFrom: from, dueTo: to, limit: PAGE },
  })
  const plans = useAll('/api/admin/release-plans', { query: { environment, flagKey, limit: PAGE } })
  const requests = useAll('/api/admin/environments/{environment}/change-requests', {
    path: { environment },
    query: {
      flagKey,
      from,
      to,
      state: ['in-review', 'approved', 'scheduled', 'suspended', 'failed', 'applied'],
      limit: PAGE,
    },
  })
  const freezes = useAll('/api/admin/freezes', { query: { environment, limit: PAGE } })
  const runs = useAll('/api/admin/catalog-policy-runs', { query: { limit: PAGE } })
  const migrations = useAll('/api/admin/account-migrations', { query: { limit: PAGE } })
  const shown = useShownPlans(plans.data, range)

  const reads = [schedules, plans, requests, freezes, runs, migrations]
  const items = useMemo(() => {
    const ofNoFlag = flagKey ? [] : [...ofRuns(runs.data, now), ...ofMigrations(migrations.data, now)]
    const all: TimelineItem[] = [
      ...ofSchedules(schedules.data, now),
      ...ofPlans(shown.plans),
      ...ofRequests(requests.data),
      ...ofFreezes(freezes.data),
      ...ofNoFlag,
    ]
    return all
      .filter((item) => item.from < range.to && (item.to ?? item.from) >= range.from)
      .sort((one, other) => one.from - other.from)
  }, [flagKey, now, range, schedules.data, shown.plans, requests.data, freezes.data, runs.data, migrations.data])

  return {
    items,
    isPending: reads.some((read) => read.isPending),
    error: reads.find((read) => read.error)?.error ?? null,
    retry: () => reads.filter((read) => read.error).forEach((read) => void read.refetch()),
    /** The due time after which schedules are left out. */
    cutAt: schedules.cut ? schedules.data.at(-1)?.scheduledAt : undefined,
    plansLeftOut: shown.leftOut,
    plans: shown.plans,
  }
}

/** The plans that may have something in a range of time, with their milestones. */
function useShownPlans(plans: schemas['ReleasePlanSummary'][], range: View) {
  const touched = plans.filter(
    ({ status, updatedAt }) => status !== 'draft' && (status !== 'completed' || Date.parse(updatedAt) >= range.from),
  )
  return useQueries({
    queries: touched.slice(0, PLANS).map(({ id: planId, flagKey, environment }) =>
      readOptions('/api/admin/flags/{flagKey}/release-plans/{planId}', {
        path: { flagKey, planId },
        query: { environment },
      }),
    ),
    combine: (read) => ({
      plans: read.flatMap(({ data }) => data ?? []),
      leftOut: Math.max(0, touched.length - PLANS),
    }),
  })
}
