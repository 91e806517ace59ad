import { type Client, type IntervalSpec, ScheduleAlreadyRunning, type ScheduleOptions } from '@temporalio/client'
import { CALL_DEADLINE_MS } from './connection.ts'
import type { TemporalNames } from './ids.ts'

/** Makes sure that Temporal starts the reconciler every minute, one at a time, and not for minutes that have passed. */
export async function ensureReconciler(client: Client, names: TemporalNames): Promise<void> {
  await ensure(client, names, {
    id: names.reconciler,
    type: 'reconcile',
    interval: { every: '1m' },
    catchupWindow: '1m',
  })
}

/** Makes sure that Temporal starts the retention every day at three (UTC), later when it was down then. */
export async function ensureRetention(client: Client, names: TemporalNames): Promise<void> {
  const interval = { every: '1d', offset: '3h' } as const
  await ensure(client, names, { id: names.retention, type: 'retention', interval, catchupWindow: '12h' })
}

interface Periodic {
  /** Of the Temporal Schedule and of its workflow. */
  id: string
  type: 'reconcile' | 'retention'
  interval: IntervalSpec
  /** How long after its time a run that was missed is still started. */
  catchupWindow: '1m' | '12h'
}

async function ensure(client: Client, names: TemporalNames, { id, type, interval, catchupWindow }: Periodic) {
  const options: ScheduleOptions = {
    scheduleId: id,
    spec: { intervals: [interval] },
    policies: { overlap: 'SKIP', catchupWindow },
    action: { type: 'startWorkflow', workflowType: type, workflowId: id, taskQueue: names.queues.timers },
  }
  const deadline = () => Date.now() + CALL_DEADLINE_MS
  try {
    await client.withDeadline(deadline(), () => client.schedule.create(options))
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error
    await client.schedule.getHandle(id).update(({ state }) => ({ ...options, action: options.action, state }))
  }
}
