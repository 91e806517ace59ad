import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ScheduleNotFoundError } from '@temporalio/client'
import pLimit from 'p-limit'
import { nodeService } from '../dev/node-process.ts'
import { freePort } from '../dev/ports.ts'
import { createToken } from '../dev/token.ts'
import { connectClient } from '../temporal/connection.ts'
import { type TemporalNames, temporalNames } from '../temporal/ids.ts'

const ROOT = join(import.meta.dirname, '..')
const READY_WITHIN_MS = 60_000
/** Requests to the API and calls to Temporal under way at once. */
const AT_ONCE = 20
const LOOK_EVERY_MS = 100
const TIMER_STARTED = 17

/** A running API and worker, each a process of its own. */
export interface Application {
  /** Base URL of the API. */
  url: string
  names: TemporalNames
  /**
   * Sends an authenticated request; `path` is what follows `/api/admin/`. Returns the body of the reply.
   * @throws when the reply is not a success
   */
  call<Body = unknown>(method: string, path: string, body?: object): Promise<Body>
  /** Creates schedules through HTTP, several at a time; returns their workflows' ids. */
  createSchedules(schedules: readonly { flagKey: string; dueAt: number }[]): Promise<string[]>
  /**
   * Waits until every workflow sleeps on its timer: then nothing of the start is left to be done.
   * @throws when it is later than `deadline` (as `Date.now()`) before they all do
   */
  untilArmed(workflowIds: readonly string[], deadline: number): Promise<void>
  /** Waits until every workflow has closed; looks again after `everyMs`, 100 unless given. */
  untilClosed(workflowIds: readonly string[], everyMs?: number): Promise<void>
  /** Keeps the reconciler from starting workflows for rows that were inserted without one. */
  pauseReconciler(): Promise<void>
  stop(): Promise<void>
}

/** Starts `api/main.ts` and `worker/main.ts` and waits until `/readyz` says that changes will be applied. */
export async function startApplication(options: {
  databaseUrl: string
  prefix: string
  directory: string
}): Promise<Application> {
  const secret = randomBytes(32).toString('hex')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    ...process.env,
    DATABASE_URL: options.databaseUrl,
    INTERLOCK_JWT_SECRET: secret,
    INTERLOCK_PREFIX: options.prefix,
    PORT: String(port),
    HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
  }
  const start = (name: string, script: string) =>
    nodeService({
      name,
      script,
      root: ROOT,
      env,
      print: (line) => console.error(`${name}: ${line}`),
      logFile: join(options.directory, `${options.prefix}-${name}.log`),
      stopMs: 30_000,
    }).start(() => {})
  const processes = await Promise.all([start('api', 'api/main.ts'), start('worker', 'worker/main.ts')])
  const { client, connection } = connectClient()
  const names = temporalNames(options.prefix)
  const token = await createToken({ secret, subject: 'bench', role: 'admin' })
  const limit = pLimit(AT_ONCE)

  const stop = async () => {
    await client.schedule
      .getHandle(names.reconciler)
      .delete()
      .catch(() => {})
    await connection.close()
    await Promise.all(processes.map((running) => running.stop()))
  }
  const untilEach = (
    workflowIds: readonly string[],
    holds: (workflowId: string) => Promise<boolean>,
    everyMs = LOOK_EVERY_MS,
  ) =>
    limit.map([...workflowIds], async (workflowId) => {
      while (!(await holds(workflowId))) await wait(everyMs)
    })
  const call = async <Body>(method: string, path: string, body?: object): Promise<Body> => {
    const response = await fetch(`${url}/api/admin/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Body
  }

  try {
    await untilReady(url)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url,
    names,
    call,
    createSchedules: (schedules) =>
      limit.map([...schedules], async ({ flagKey, dueAt }) => {
        const schedule = { scheduledAt: new Date(dueAt).toISOString(), updates: { enabled: true } }
        return (await call<{ workflowId: string }>('POST', `flags/${flagKey}/schedule`, schedule)).workflowId
      }),
    async untilArmed(workflowIds, deadline) {
      await untilEach(workflowIds, async (workflowId) => {
        if (Date.now() > deadline)
          throw new Error('The starts took too long: this machine is busy, or needs a longer lead')
        const { events } = await client.workflow.getHandle(workflowId).fetchHistory()
        return events?.some(({ eventType }) => eventType === TIMER_STARTED) ?? false
      })
    },
    async untilClosed(workflowIds, everyMs) {
      const isClosed = async (id: string) => (await client.workflow.getHandle(id).describe()).status.name !== 'RUNNING'
      await untilEach(workflowIds, isClosed, everyMs)
    },
    async pauseReconciler() {
      const pause = () => client.schedule.getHandle(names.reconciler).pause('benchmark')
      // The worker makes sure of it only after it has begun to ask for tasks, which is when it counts as ready.
      while (!(await pause().then(() => true, isMissing))) await wait(50)
    },
    stop,
  }
}

function isMissing(error: unknown): false {
  if (error instanceof ScheduleNotFoundError) return false
  throw error
}

async function untilReady(url: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  for (;;) {
    const ready = await fetch(`${url}/readyz`).then(
      ({ status }) => status === 200,
      () => false,
    )
    if (ready) return
    if (Date.now() > deadline) throw new Error(`The API and the worker were not ready within ${READY_WITHIN_MS} ms`)
    await wait(100)
  }
}
