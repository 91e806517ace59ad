import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest'
import { createToken } from '../../dev/token.ts'
import { JWT_SECRET } from '../helpers/processes.ts'
import { type Caller, createCaller } from './caller.ts'
import type { Point } from './points.ts'
import { holdFirst, type Stage, startStage } from './stage.ts'
import { until } from './until.ts'

// Half a minute on two idle cores; beside other tests, several times that.
const TIMEOUT = 240_000
let stage: Stage
let caller: Caller

beforeAll(async () => {
  stage = await startStage()
  caller = await createCaller(stage.urls)
  // It runs at each full minute and would heal what these tests want to see go on by itself.
  await stage.client.schedule.getHandle(stage.names.reconciler).pause()
}, 120_000)
afterAll(async () => {
  await stage?.stop()
}, 120_000)

async function good(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await caller.call(method, path, body)
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

const later = (ms: number) => new Date(Date.now() + ms).toISOString()

interface Made {
  workflowId: string
  /** Now, its milestone or its change is due in so many milliseconds. */
  dueIn(ms: number): Promise<void>
  /** How often it was done, by the audit trail, and whether that was too early. */
  fate(): Promise<{ done: number; early: boolean | null; equal: boolean | null }>
}

/** A plan of two milestones, at the first. */
async function makePlan(): Promise<Made & { path: string; id: string }> {
  const key = `plan-${crypto.randomUUID()}`
  await good('POST', '/flags', { key })
  const strategies = [10, 20].map((rollout) => ({ name: 'flexibleRollout', parameters: { rollout: String(rollout) } }))
  const milestones = strategies.map((strategy, n) => ({
    name: `m${n}`,
    strategies: [strategy],
    progression: { afterSeconds: 3600 },
  }))
  const plan = await good('POST', `/flags/${key}/release-plans`, { name: 'plan', milestones })
  const [first, second] = plan.milestones as [{ id: string }, { id: string }]
  const path = `/flags/${key}/release-plans/${plan.id}`
  await good('POST', `${path}/milestones/${first.id}/start`)
  return {
    path,
    id: String(plan.id),
    workflowId: String(plan.workflowId),
    dueIn: async (ms) => {
      await stage.sql(
        `UPDATE milestones SET dwell_from = clock_timestamp() + ($2 - 3600000) * interval '1 millisecond' WHERE id = $1`,
        [first.id, ms],
      )
      const next = `UPDATE release_plans SET next_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE id = $1`
      await stage.sql(next, [plan.id, ms])
      // As every change of it does: its workflow reads it again.
      await stage.client.workflow.getHandle(String(plan.workflowId)).signal('nudge')
    },
    fate: async () => {
      const [fate] = await stage.sql<Awaited<ReturnType<Made['fate']>>>(
        `SELECT (SELECT count(*) FROM events WHERE type = 'milestone-started' AND data ->> 'milestoneId' = m.id) AS done,
           m.started_at < m.planned_at AS early,
           (SELECT array_agg(s.id) FROM feature_strategies s JOIN release_plans p USING (flag_id) WHERE p.id = m.plan_id)
             = (SELECT array_agg(s.id) FROM milestone_strategies s WHERE s.milestone_id = m.id) AS equal
         FROM milestones m WHERE m.id = $1`,
        [second.id],
      )
      return fate as NonNullable<typeof fate>
    },
  }
}

/** A change request that switches a flag on, approved and scheduled. */
async function makeRequest(): Promise<Made> {
  const key = `request-${crypto.randomUUID()}`
  const base = '/environments/production/change-requests'
  await good('POST', '/flags', { key })
  const request = await good('POST', base, { title: 'x', scheduledAt: later(3_600_000) })
  const path = `${base}/${request.id}`
  await good('POST', `${path}/changes`, { action: 'updateFlag', flagKey: key, payload: { enabled: true } })
  await good('POST', `${path}/submit`)
  const token = await createToken({ secret: JWT_SECRET, subject: 'bob', role: 'admin' })
  const approved = await fetch(`${stage.urls[0]}/api/admin${path}/approve`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  expect(approved.status).toBe(200)
  return {
    workflowId: String(request.workflowId),
    dueIn: async (ms) => {
      const at = later(ms)
      await stage.sql('UPDATE change_request_approvals SET scheduled_at = $2 WHERE request_id = $1', [request.id, at])
      await stage.sql('UPDATE change_requests SET scheduled_at = $2 WHERE id = $1', [request.id, at])
      // As every change of it does: its workflow reads it again.
      await stage.client.workflow.getHandle(String(request.workflowId)).signal('nudge')
    },
    fate: async () => {
      const [fate] = await stage.sql<Awaited<ReturnType<Made['fate']>>>(
        `SELECT (SELECT count(*) FROM events WHERE type = 'change-request-applied' AND data ->> 'changeRequestId' = r.id) AS done,
           applied_at < scheduled_at AS early, (SELECT enabled FROM feature_flags WHERE key = $2) AS equal
         FROM change_requests r WHERE id = $1`,
        [request.id, key],
      )
      return fate as NonNullable<typeof fate>
    },
  }
}

// Before its transaction takes effect, and between its commit and the completion of the activity.
const POINTS: Point[] = ['before-commit', 'after-commit']

test.for([
  ['a milestone is started', makePlan] as const,
  ['a scheduled change request is applied', makeRequest] as const,
])('%s once, never early, whenever its worker is killed', { timeout: TIMEOUT }, async ([, make]) => {
  onTestFailed(() => console.error(stage.complaints(), caller.tally))
  const killed = async (one: Made, kill: () => Promise<{ start(): Promise<void> }>) => {
    const dead = await kill()
    await dead.start()
    await until(async () => {
      const { status } = await stage.client.workflow.getHandle(one.workflowId).describe()
      return status.name === 'COMPLETED' ? undefined : `the workflow is ${status.name}`
    })
    expect(await one.fate()).toEqual({ done: 1, early: false, equal: true })
  }
  for (const point of POINTS) {
    const one = await make()
    const reached = holdFirst(stage.workers, point)
    await one.dueIn(1_500)
    await killed(one, async () => {
      const worker = await reached
      await worker.kill()
      return worker
    })
  }
  // While its activity waits for the instant: both workers, as nobody knows from outside which one it is.
  const one = await make()
  await one.dueIn(1_500)
  await until(async () => {
    const { raw } = await stage.client.workflow.getHandle(one.workflowId).describe()
    return raw.pendingActivities?.length ? undefined : 'no activity'
  })
  expect((await one.fate()).done).toBe(0)
  await killed(one, async () => {
    await Promise.all(stage.workers.map((worker) => worker.kill()))
    return { start: async () => void (await Promise.all(stage.workers.map((worker) => worker.start()))) }
  })
})

test('a plan that is resumed while its cancelled workflow still ends goes on at its time', {
  timeout: TIMEOUT,
}, async () => {
  onTestFailed(() => console.error(stage.complaints(), caller.tally))
  const plan = await makePlan()
  const before = await stage.client.workflow.getHandle(plan.workflowId).describe()
  const held = holdFirst(stage.workers, 'after-commit')
  await stage.client.workflow.getHandle(plan.workflowId).cancel()
  const worker = await held
  expect((await good('GET', plan.path)).status).toBe('paused')
  await good('POST', `${plan.path}/resume`)
  worker.order({ release: true })
  await until(async () => {
    const { status, runId } = await stage.client.workflow.getHandle(plan.workflowId).describe()
    return status.name === 'RUNNING' && runId !== before.runId ? undefined : `the workflow is ${status.name}`
  })
  await plan.dueIn(500)
  await until(async () => ((await plan.fate()).done ? undefined : 'not started'), 15_000)
  expect(await plan.fate()).toEqual({ done: 1, early: false, equal: true })
})
