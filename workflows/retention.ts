import { patched, proxyActivities, setCurrentDetails } from '@temporalio/workflow'
import type { RetentionActivities } from '../activities/retention.ts'

const { purgeOldSchedules, forgetOldTombstones } = proxyActivities<RetentionActivities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '70s',
  retry: { initialInterval: '1s', maximumInterval: '1m', maximumAttempts: 10 },
})

/** Deletes final schedules whose time is over, then forgets old tombstones, in batches. A Temporal Schedule starts it every day. */
export async function retention(): Promise<{ applied: number; cancelled: number; tombstones: number }> {
  const sum = { applied: 0, cancelled: 0, tombstones: 0 }
  const say = () =>
    setCurrentDetails(
      `Purged ${sum.applied} applied and ${sum.cancelled} cancelled schedules, forgot ${sum.tombstones} tombstones of notes.`,
    )
  for (let more = true; more; say()) {
    const purged = await purgeOldSchedules()
    sum.applied += purged.applied
    sum.cancelled += purged.cancelled
    more = purged.more
  }
  if (!patched('forget-tombstones')) return sum
  for (let after: string | null = ''; after !== null; say()) {
    const forgotten: { tombstones: number; after: string | null } = await forgetOldTombstones(after)
    sum.tombstones += forgotten.tombstones
    after = forgotten.after
  }
  return sum
}
