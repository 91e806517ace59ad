import { setTimeout as wait } from 'node:timers/promises'
import { WorkflowNotFoundError } from '@temporalio/client'
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest'
import { type Stack, startStack } from '../helpers/processes.ts'
import { type Caller, createCaller } from './caller.ts'
import { appliedOnce, fateOf, makeOne, notDone, type One } from './one-schedule.ts'
import { until } from './until.ts'

const TIMEOUT = 90_000
let stack: Stack
let caller: Caller

beforeAll(async () => {
  stack = await startStack()
  caller = await createCaller(stack.url)
  // It runs at each full minute and would heal what these tests want to see broken. Triggered, it runs nevertheless.
  await stack.client.schedule.getHandle(stack.names.reconciler).pause()
})
afterAll(async () => {
  await stack?.stop()
})

const workflowOf = ({ id }: One) => stack.client.workflow.getHandle(stack.names.flagSchedule(id))
const toMs = (time?: { seconds?: unknown; nanos?: number | null } | null) =>
  Number(time?.seconds) * 1_000 + Number(time?.nanos) / 1e6

async function untilTimerRuns(one: One): Promise<void> {
  await until(async () => {
    const { events } = await workflowOf(one).fetchHistory()
    return events?.some((event) => event.timerStartedEventAttributes) ? undefined : 'no timer'
  })
  expect(Date.now()).toBeLessThan(one.dueAt - 1_500)
}

/** A short observation is all that can be done about something that must not happen. */
async function expectNothingFires(one: One, since: Date): Promise<void> {
  await wait(one.dueAt + 2_500 - Date.now())
  expect(await fateOf(stack, one.id)).toMatchObject({ status: 'pending', applied: 0 })
  // Idle, not dead: the worker asks for tasks, but its pool for sweeps has not sent a statement.
  expect(stack.worker.isRunning()).toBe(true)
  const readiness = await fetch(`${stack.url}/readyz`)
  expect(await readiness.json()).toMatchObject({ ready: true })
  const used = `SELECT query FROM pg_stat_activity WHERE application_name = 'interlock-sweep' AND query_start > $1`
  expect(await stack.sql(used, [since])).toEqual([])
}

test('a timer and an activity apply a schedule: there is no poller behind the workflows', {
  timeout: TIMEOUT,
}, async () => {
  const one = await makeOne(caller, 3_500)
  await until(() => notDone(stack, one.id))
  const fate = await fateOf(stack, one.id)
  expect(fate).toMatchObject(appliedOnce)

  const { events = [] } = await workflowOf(one).fetchHistory()
  const timer = events?.find((event) => event.timerStartedEventAttributes)
  const fired = events?.find((event) => event.timerFiredEventAttributes)
  expect(fired?.timerFiredEventAttributes?.startedEventId).toEqual(timer?.eventId)
  const scheduled = events?.filter((event) => event.activityTaskScheduledEventAttributes) ?? []
  expect(scheduled.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name)).toEqual([
    'applyDueChanges',
  ])
  const started = events?.find((event) => event.activityTaskStartedEventAttributes)
  const completed = events?.find((event) => event.activityTaskCompletedEventAttributes)
  const appliedAt = fate?.applied_at?.getTime() ?? 0
  expect(toMs(fired?.eventTime)).toBeLessThan(appliedAt)
  // The row was written while the activity ran; applied_at is cut to milliseconds here.
  expect(appliedAt).toBeGreaterThanOrEqual(Math.floor(toMs(started?.eventTime)))
  expect(appliedAt).toBeLessThanOrEqual(toMs(completed?.eventTime))
})

const losses: Record<string, (one: One) => Promise<void>> = {
  delete: async (one) => {
    const workflowExecution = { workflowId: workflowOf(one).workflowId }
    await stack.client.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution })
    await until(async () => {
      const gone = await workflowOf(one)
        .describe()
        .catch((error: unknown) => error)
      return gone instanceof WorkflowNotFoundError ? undefined : 'still there'
    })
  },
  terminate: async (one) => {
    await workflowOf(one).terminate('chaos')
  },
}

test.for(Object.keys(losses))(
  '%s: nothing fires until the reconciler has healed it',
  { timeout: TIMEOUT },
  async (loss) => {
    onTestFailed(() => console.error(stack.complaints()))
    const one = await makeOne(caller, 5_000)
    await untilTimerRuns(one)
    await losses[loss]?.(one)
    const since = new Date()
    await expectNothingFires(one, since)
    // Triggered, because it would run at the next full minute only (and is paused here).
    await stack.client.schedule.getHandle(stack.names.reconciler).trigger()
    await until(() => notDone(stack, one.id))
    expect(await fateOf(stack, one.id)).toMatchObject(appliedOnce)
  },
)

test('reset: the new run applies the schedule, once; a reset after that changes nothing', {
  timeout: TIMEOUT,
}, async () => {
  const one = await makeOne(caller, 5_000)
  await untilTimerRuns(one)
  const reset = async () => {
    const { runId } = await workflowOf(one).describe()
    const { events } = await workflowOf(one).fetchHistory()
    const task = events?.find((event) => event.workflowTaskCompletedEventAttributes)
    await stack.client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: workflowOf(one).workflowId, runId },
      workflowTaskFinishEventId: task?.eventId,
      requestId: crypto.randomUUID(),
      reason: 'chaos',
    })
    await until(async () => ((await workflowOf(one).describe()).runId === runId ? 'no new run' : undefined))
    return runId
  }
  const first = await reset()
  const { status } = await stack.client.workflow.getHandle(workflowOf(one).workflowId, first).describe()
  expect(status.name).toBe('TERMINATED')
  await until(() => notDone(stack, one.id))
  expect(await fateOf(stack, one.id)).toMatchObject(appliedOnce)

  await reset()
  await until(() => notDone(stack, one.id))
  expect(await fateOf(stack, one.id)).toMatchObject(appliedOnce)
})

const AT_COMMIT = `SELECT s.id, o.state, o.attempts FROM feature_flag_schedules s
  LEFT JOIN outbox o ON o.idempotency_key = 'flag-schedule/' || s.id || '/1' WHERE s.comment = $1`

test('SIGKILL before COMMIT leaves nothing, right after it nothing that the relay cannot send', {
  timeout: TIMEOUT,
}, async () => {
  onTestFailed(() => console.error(stack.complaints()))
  const [flag] = await stack.sql<{ key: string }>('SELECT key FROM feature_flags LIMIT 1')
  const key = flag?.key as string
  // Without a worker there is no relay, so that what is seen here is what the dead process left.
  expect(await stack.worker.stop()).toEqual({ code: 0, signal: null })
  const dueAt = Date.now() + 6_000
  const args = (point: string) => [point, key, new Date(dueAt).toISOString()]

  expect(await stack.run('test/chaos/die-at-commit.ts', args('before'))).toMatchObject({ signal: 'SIGKILL' })
  expect(await stack.sql(AT_COMMIT, ['before'])).toEqual([])

  expect(await stack.run('test/chaos/die-at-commit.ts', args('after'))).toMatchObject({ signal: 'SIGKILL' })
  const [left] = await stack.sql<{ id: string }>(AT_COMMIT, ['after'])
  const one = { id: left?.id as string, path: '', dueAt }
  expect(left).toMatchObject({ state: 'pending', attempts: 0 })
  await expect(workflowOf(one).describe()).rejects.toThrow(WorkflowNotFoundError)

  await stack.worker.start()
  await until(() => notDone(stack, one.id))
  expect(await fateOf(stack, one.id)).toMatchObject(appliedOnce)
  // Attempts are counted by the relay alone: it was the relay that sent it.
  await until(async () => ((await stack.sql(AT_COMMIT, ['after']))[0]?.state === 'pending' ? 'not marked' : undefined))
  expect(await stack.sql(AT_COMMIT, ['after'])).toEqual([{ id: one.id, state: 'dispatched', attempts: 1 }])
})
