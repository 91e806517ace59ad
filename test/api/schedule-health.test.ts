import { expect, it } from 'vitest'
import { sweepDue } from '../../store/sweep.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

// No worker runs here: schedules stay pending until the test sweeps.
const { call, db } = await createTestApp(await createTestDatabase())
const health = async () => (await call('GET', 'schedules/health')).body
const nothing = { applied: 0, p50: null, p90: null, p99: null }

it('an empty installation is healthy', async () => {
  expect(await health()).toMatchObject({
    pending: 0,
    backlog: 0,
    failedLastDay: 0,
    latenessLastHour: nothing,
    latenessLastDay: nothing,
    oldestDue: null,
    nextDue: null,
    environments: [],
    relay: { waiting: 0, ageSeconds: 0, dead: 0 },
  })
})

it('shows what waits, how late the last ones were, what failed and what is next, of all and by environment', async () => {
  const updates = { enabled: true }
  for (const environment of ['production', 'staging'])
    await call('POST', `flags?environment=${environment}`, { key: 'a' })
  const schedule = async (ms: number, environment = 'production') =>
    (await call('POST', `flags/a/schedule?environment=${environment}`, { scheduledAt: inMs(ms), updates })).body
  // Late by 11, 12, … 20 s; one of staging by 30 s; and one of two hours ago, which counts for the day only.
  for (let seconds = 20; seconds > 10; seconds--) await schedule(-seconds * 1000)
  await schedule(-30_000, 'staging')
  await sweepDue(db)
  await db.pool.query(
    `UPDATE feature_flag_schedules SET scheduled_at = scheduled_at - interval '2 hours', applied_at = applied_at - interval '2 hours'
     WHERE flag_id = (SELECT id FROM feature_flags WHERE environment = 'staging')`,
  )
  const failed = await schedule(-1_000)
  await db.pool.query(`UPDATE feature_flag_schedules SET status = 'failed', error_message = 'x' WHERE id = $1`, [
    failed.id,
  ])
  const due = [await schedule(-5_000), await schedule(-2_000)]
  const next = await schedule(60_000, 'staging')
  await schedule(90_000)
  // What is still being sent would be marked as sent.
  await expect.poll(async () => (await health()).relay.waiting, { timeout: 10_000 }).toBe(0)
  await db.pool.query(
    `UPDATE outbox SET state = CASE WHEN payload ->> 'scheduleId' = $1 THEN 'dead' ELSE 'dispatched' END`,
    [next.id],
  )
  await db.pool.query(
    `UPDATE outbox SET state = 'pending', created_at = now() - interval '40 seconds' WHERE payload ->> 'scheduleId' = $1`,
    [failed.id],
  )

  const body = await health()
  expect(body).toMatchObject({
    pending: 4,
    backlog: 2,
    failedLastDay: 1,
    latenessLastHour: { applied: 10 },
    latenessLastDay: { applied: 11 },
    oldestDue: { scheduleId: due[0].id, flagKey: 'a', environment: 'production', scheduledAt: due[0].scheduledAt },
    nextDue: { scheduleId: next.id, flagKey: 'a', environment: 'staging', scheduledAt: next.scheduledAt },
    environments: [
      { environment: 'production', pending: 3, backlog: 2, failedLastDay: 1, latenessLastDay: { applied: 10 } },
      { environment: 'staging', pending: 1, backlog: 0, failedLastDay: 0, latenessLastHour: nothing },
    ],
    relay: { waiting: 1, dead: 1 },
  })
  const { p50, p90, p99 } = body.latenessLastHour
  expect(p50).toBeGreaterThan(15.4)
  expect(p50).toBeLessThan(17)
  expect(p90).toBeGreaterThan(19)
  expect(p99).toBeGreaterThan(p90)
  expect(p99).toBeLessThan(22)
  expect(body.latenessLastDay.p99).toBeGreaterThan(28)
  expect(body.environments[1].latenessLastDay.p50).toBeGreaterThan(30)
  expect(body.oldestDue.ageSeconds).toBeGreaterThan(5)
  expect(body.relay.ageSeconds).toBeGreaterThan(39)
})
