import { expect, it, vi } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { makeSchedule } from '../helpers/made-schedule.ts'
import { inMs } from '../helpers/schedules.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, db } = app
await startTestWorker(app, url, { retries: 1 })

const set = (id: string, rolloutPercentage: number) =>
  one(db, 'UPDATE feature_flag_schedules SET updates = $2 WHERE id = $1', [id, JSON.stringify({ rolloutPercentage })])

it('a schedule that fails waits for its retry in the same workflow; when it has failed, one by hand starts it again', async () => {
  const made = await makeSchedule(app, 1_500, { rolloutPercentage: 40 })
  await set(made.id, 101)
  await vi.waitFor(async () => expect(await made.reread()).toMatchObject({ status: 'pending', attempt: 2 }), 10_000)
  const { originallyScheduledAt } = await made.reread()
  expect(originallyScheduledAt).toBe(made.scheduledAt)
  await vi.waitFor(async () => {
    const { status, typedSearchAttributes } = await made.handle.describe()
    expect(status.name).toBe('RUNNING')
    expect(JSON.stringify(typedSearchAttributes)).toContain((await made.reread()).scheduledAt)
  }, 10_000)
  const { runId } = await made.handle.describe()

  await call('PATCH', made.self, { scheduledAt: inMs(500) })
  await vi.waitFor(async () => expect((await made.reread()).status).toBe('failed'), 10_000)
  expect(await made.handle.result()).toBe('failed')
  expect((await made.handle.describe()).runId).toBe(runId)

  await set(made.id, 40)
  expect((await call('POST', `${made.self}/retry`)).status).toBe(200)
  await vi.waitFor(async () => expect(await made.reread()).toMatchObject({ status: 'applied', attempt: 3 }), 10_000)
  expect((await made.flag()).rolloutPercentage).toBe(40)
})

it('the signal `reschedule` is held by a freeze as HTTP is', async () => {
  const made = await makeSchedule(app, 3_600_000)
  const [from, to] = [inMs(7_200_000), inMs(10_800_000)]
  const { body: freeze } = await call('POST', 'freezes', {
    environment: 'production',
    from,
    to,
    reason: 'peak',
    mode: 'refuse',
  })
  await made.handle.signal('reschedule', { scheduledAt: inMs(9_000_000), by: 'olivia' })
  await made.handle.signal('reschedule', { scheduledAt: to, by: 'olivia' })
  await vi.waitFor(async () => expect((await made.reread()).scheduledAt).toBe(to), 10_000)
  // The first of them changed nothing.
  expect((await made.reread()).version).toBe(2)
  await call('DELETE', `freezes/${freeze.id}`)
})
