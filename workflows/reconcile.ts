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
 * never started. A Temporal Schedule starts it every minute.
 */
export async function reconcile(): Promise<{ looked: number; nudged: number }> {
  const healed = await reconcileFlagSchedules()
  setCurrentDetails(`Looked at ${healed.looked} schedules, nudged ${healed.nudged}.`)
  if (patched('policy-runs')) await reconcilePolicyRuns()
  if (patched('release-plans')) await reconcileReleasePlans()
  if (patched('change-requests')) await reconcileChangeRequests()
  if (patched('account-migrations')) await reconcileAccountMigrations()
  if (patched('gameplans')) await reconcileGameplans()
  await purgeOldRows()
  return healed
}
