import { expect, vi } from 'vitest'
import { armed, makeSchedule } from '../helpers/made-schedule.ts'
import { type Scene, scenario, WITHIN } from './scene.ts'

/** What is done when a part of the product is not there. The first one starts the worker. */
export function serverScenarios(scene: Scene): void {
  scenario(scene, 'No worker asks for tasks', async ({ json }) => {
    const due = await makeSchedule(scene.product, 100)
    expect(await json('/readyz')).toMatchObject({
      ready: false,
      checks: { worker: { ok: false, detail: 'no worker asks for tasks' } },
    })
    await vi.waitFor(async () => expect(await json('/schedules/health')).toMatchObject({ backlog: 1 }), WITHIN)
    await scene.worker.start()
    await vi.waitFor(async () => expect((await due.reread()).status).toBe('applied'), WITHIN)
    await vi.waitFor(async () => expect(await json('/readyz')).toMatchObject({ ready: true }), WITHIN)
  })

  scenario(scene, 'A worker, an API, Temporal or Postgres was killed', async ({ json }) => {
    const { servers, product, worker } = scene
    const before = await makeSchedule(product, 5_000)
    await armed(before)
    await Promise.all([worker.kill(), servers.temporal.kill()])
    const meanwhile = await makeSchedule(product, 1_000)
    expect(await json('/readyz')).toMatchObject({ ready: false, checks: { temporal: { ok: false } } })
    expect(await json('state=pending')).toMatchObject([{ payload: { scheduleId: meanwhile.id } }])
    await Promise.all([servers.postgres.kill(), product.api.kill()])
    await Promise.all([servers.temporal.start(), servers.postgres.start().then(() => product.api.start())])
    await servers.postgres.kill()
    expect(await json('/readyz')).toMatchObject({ ready: false, checks: { postgres: { ok: false } } })
    await servers.postgres.start()
    await worker.start()
    for (const made of [before, meanwhile]) {
      await vi.waitFor(async () => expect(await made.reread()).toMatchObject({ status: 'applied' }), WITHIN)
      const { body } = await product.call('GET', `events?scheduleId=${made.id}&type=schedule-applied`)
      expect(body).toHaveLength(1)
    }
    expect(await json('state=pending')).toEqual([])
    await vi.waitFor(async () => expect(await json('/readyz')).toMatchObject({ ready: true }), WITHIN)
  })

  scenario(scene, 'A message to Temporal is dead', async ({ run, json }) => {
    const made = await makeSchedule(scene.product, 3_600_000)
    await armed(made)
    await made.handle.terminate()
    await scene.servers.sql(
      `UPDATE outbox SET state = 'dead', last_error = 'no mapping for FlagKey' WHERE payload ->> 'scheduleId' = $1`,
      [made.id],
    )
    const [dead] = await json('state=dead')
    expect(dead).toMatchObject({ lastError: 'no mapping for FlagKey', payload: { scheduleId: made.id } })
    expect(await run('search-attribute list')).toMatch(/FlagKey +Keyword/)
    await run('/requeue', { ROW: String(dead.id) })
    await vi.waitFor(async () => expect((await made.handle.describe()).status.name).toBe('RUNNING'), WITHIN)
    expect(await json('state=dead')).toEqual([])
  })

  scenario(scene, 'Stop a worker', async ({ run, take }) => {
    const identity = /"pid":(\d+)/.exec(scene.worker.lines.at(-1) ?? '')?.[1] ?? ''
    expect(take('kill')).toBe('kill -TERM $PID')
    const made = await makeSchedule(scene.product, 1_500)
    const stopped = scene.worker.stop()
    expect(await stopped).toEqual({ code: 0, signal: null })
    expect(await run('task-queue describe')).toContain(`${identity}@`)
    await scene.worker.start()
    expect(await made.handle.result()).toBe('applied')
  })

  scenario(scene, 'Is all well?', async ({ run, json }) => {
    expect(await json('/readyz')).toMatchObject({ ready: true })
    expect(await json('/schedules/health')).toMatchObject({ backlog: 0 })
    expect(await run('/metrics')).toContain('interlock_schedules_backlog 0')
    for (const queue of ['timers', 'batch'])
      expect(await run(`--task-queue ${queue}`)).toMatch(/Identity +LastAccessTime/)
    expect(await run('schedule describe')).toMatch(/reconcile/)
    for (const id of ['reconciler', 'retention']) expect(await run('schedule list')).toContain(id)
  })
}
