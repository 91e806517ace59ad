import { proxyActivities, setCurrentDetails } from '@temporalio/workflow'
import type { RetentionActivities } from '../activities/retention.ts'

const { purgeOldSchedules } = proxyActivities<RetentionActivities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '70s',
  retry: { initialInterval: '1s', maximumInterval: '1m', maximumAttempts: 10 },
})

/** Deletes final schedules whose time is over, in batches. A Temporal Schedule starts it every day. */
export async function retention(): Promise<{ applied: number; cancelled: number }> {
  const sum = { applied: 0, cancelled: 0 }
  for (;;) {
    const { applied, cancelled, more } = await purgeOldSchedules()
    sum.applied += applied
    sum.cancelled += cancelled
    setCurrentDetails(`Purged ${sum.applied} applied and ${sum.cancelled} cancelled schedules.`)
    if (!more) return sum
  }
}
