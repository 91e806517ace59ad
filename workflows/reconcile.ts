import { patched, proxyActivities, setCurrentDetails } from '@temporalio/workflow'
import type { ReconcileActivities } from '../activities/reconcile.ts'

const {
  reconcileFlagSchedules,
  reconcilePolicyRuns,
  reconcileReleasePlans,
  reconcileChangeRequests,
  reconcileAccountMigrations,
  reconcileGameplans,
  purgeOldRows,
} = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: '50s',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '1s', maximumAttempts: 3 },
})

/**
 * Heals what no workflow can: starts the workflows of rows that have none, because they were terminated, deleted or
 * never started. A Temporal Schedule starts it every minute. What fails does not keep the rest from being healed.
 */
export async function reconcile(): Promise<{ looked: number; nudged: number }> {
  const failures: unknown[] = []
  const heal = async <T>(work: () => Promise<T>) => await work().catch((error) => void failures.push(error))
  const schedules = await heal(reconcileFlagSchedules)
  if (schedules) setCurrentDetails(`Looked at ${schedules.looked} schedules, nudged ${schedules.nudged}.`)
  if (patched('policy-runs')) await heal(reconcilePolicyRuns)
  if (patched('release-plans')) await heal(reconcileReleasePlans)
  if (patched('change-requests')) await heal(reconcileChangeRequests)
  if (patched('account-migrations')) await heal(reconcileAccountMigrations)
  if (patched('gameplans')) await heal(reconcileGameplans)
  await heal(purgeOldRows)
  if (!schedules || failures.length > 0) throw failures[0]
  return schedules
}
