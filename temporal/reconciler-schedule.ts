import { type Client, ScheduleAlreadyRunning, type ScheduleOptions } from '@temporalio/client'
import { CALL_DEADLINE_MS } from './connection.ts'
import type { TemporalNames } from './ids.ts'

/** Makes sure that Temporal starts the reconciler every minute, one at a time, and not for minutes that have passed. */
export async function ensureReconciler(client: Client, names: TemporalNames): Promise<void> {
  const options: ScheduleOptions = {
    scheduleId: names.reconciler,
    spec: { intervals: [{ every: '1m' }] },
    policies: { overlap: 'SKIP', catchupWindow: '1m' },
    action: {
      type: 'startWorkflow',
      workflowType: 'reconcile',
      workflowId: names.reconciler,
      taskQueue: names.queues.timers,
    },
  }
  const deadline = () => Date.now() + CALL_DEADLINE_MS
  try {
    await client.withDeadline(deadline(), () => client.schedule.create(options))
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error
    await client.schedule
      .getHandle(names.reconciler)
      .update(({ state }) => ({ ...options, action: options.action, state }))
  }
}
