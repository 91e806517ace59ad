import pLimit from 'p-limit'
import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { inMs, newFlag } from '../helpers/schedules.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, client, db } = app
await startTestWorker(app, url)
// Nobody works for this one: its workflows are started, and go no further.
const idleUrl = await createTestDatabase()
const idle = await createTestApp(idleUrl)

interface Made {
  index: number
  schedule: { id: string; workflowId: string; scheduledAt: string }
}

const bulk = async (items: object[], at = app): Promise<Made['schedule'][]> => {
  const { status, body } = await at.call('POST', 'schedules/bulk', { mode: 'all', items })
  expect([status, body.length]).toEqual([200, items.length])
  return body.map(({ schedule }: Made) => schedule)
}
const results = (schedules: Made['schedule'][]) =>
  Promise.all(schedules.map(({ workflowId }) => client.workflow.getHandle(workflowId).result()))
const manyFlags = async (count: number, of = db) =>
  (await Promise.all(Array.from({ length: count }, () => newFlag(of)))).map(({ flagKey }) => flagKey)

const allSent = (of: typeof db) =>
  expect
    .poll(() => one(of, `SELECT count(*)::integer AS waiting FROM outbox WHERE state <> 'dispatched'`), {
      timeout: 40_000,
    })
    .toEqual({ waiting: 0 })

describe('schedules that are made in bulk', () => {
  it('have their workflows in the end, all 1,000 of one request, also those that it did not wait for', async () => {
    const keys = await manyFlags(50, idle.db)
    const items = Array.from({ length: 1_000 }, (_, i) => ({
      flagKey: keys[i % keys.length],
      scheduledAt: inMs(86_400_000 + i),
      updates: { rolloutPercentage: i % 100 },
      comment: '√'.repeat(2_000),
    }))
    const schedules = await bulk(items, idle)
    expect(schedules.map(({ scheduledAt }) => scheduledAt)).toEqual(items.map(({ scheduledAt }) => scheduledAt))
    await allSent(idle.db)
    const limit = pLimit(20)
    const statuses = await limit.map(
      schedules,
      async ({ workflowId }) => (await client.workflow.getHandle(workflowId).describe()).status.name,
    )
    expect(new Set(statuses)).toEqual(new Set(['RUNNING']))
  }, 60_000)

  it('fire when they are due, those that are moved at their new time, and not those that are cancelled', async () => {
    const keys = await manyFlags(10)
    const at = (dueInMs: number, rolloutPercentage: number) =>
      keys.map((flagKey) => ({ flagKey, scheduledAt: inMs(dueInMs), updates: { rolloutPercentage } }))
    const due = await bulk(at(2_500, 1))
    const far = await bulk(at(3_600_000, 2))
    const cancelled = await bulk(at(7_200_000, 3))
    await allSent(db)
    const between = (from: number, to: number) => ({ flagKeys: keys, dueFrom: inMs(from), dueTo: inMs(to) })
    expect((await call('POST', 'schedules/bulk-cancel', { filter: between(5_400_000, 9e6) })).body.changed).toBe(10)
    expect(new Set(await results(cancelled))).toEqual(new Set(['cancelled']))
    expect(new Set(await results(due))).toEqual(new Set(['applied']))
    const moved = await call('POST', 'schedules/bulk-shift', {
      filter: between(1_800_000, 5_400_000),
      byMs: -3_597_000,
    })
    expect(moved.body.changed).toBe(10)
    expect(new Set(await results(far))).toEqual(new Set(['applied']))
    for (const key of keys) expect((await call('GET', `flags/${key}`)).body.rolloutPercentage).toBe(2)
  }, 60_000)
})
