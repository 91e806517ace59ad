import { describe, expect, it } from 'vitest'
import { createSweeper } from '../../activities/sweeper.ts'
import { readFigures } from '../../store/health.ts'
import { sweepDue } from '../../store/sweep.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one, quiet } from '../helpers/database.ts'
import { inMs, newFlag, newSchedule, reread } from '../helpers/schedules.ts'

// No worker runs here: what is due is swept by hand.
const url = await createTestDatabase()
const { call, db } = await createTestApp(url)

const spoil = (id: string) =>
  one(db, `UPDATE feature_flag_schedules SET updates = '{"rolloutPercentage": 101}' WHERE id = $1`, [id])
const mend = (id: string) =>
  one(db, `UPDATE feature_flag_schedules SET updates = '{"rolloutPercentage": 11}' WHERE id = $1`, [id])
const makeDue = (id: string) =>
  one(
    db,
    `UPDATE feature_flag_schedules SET scheduled_at = date_trunc('milliseconds', now()) - interval '1 ms' WHERE id = $1`,
    [id],
  )
const lastEvent = async (scheduleId: string) => (await call('GET', `events?scheduleId=${scheduleId}&limit=1`)).body[0]

const failed = async (dueInMs = -1_000) => {
  const address = await newFlag(db)
  const schedule = await newSchedule(db, address, dueInMs, { rolloutPercentage: 11 })
  await spoil(schedule.id)
  await sweepDue(db)
  await mend(schedule.id)
  return { address, schedule, path: `flags/${address.flagKey}/schedule/${schedule.id}/retry` }
}

describe('a retry by hand', () => {
  it('makes a failed schedule pending, due now, and says what it was', async () => {
    const { schedule, path } = await failed()
    const before = Date.now()
    const { status, body } = await call('POST', `${path}?reason=mended`)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      status: 'pending',
      originallyScheduledAt: schedule.scheduledAt,
      attempt: 2,
      errorMessage: null,
      version: 2,
    })
    expect(Math.abs(Date.parse(body.scheduledAt) - before)).toBeLessThan(5_000)
    expect(await lastEvent(schedule.id)).toMatchObject({
      type: 'schedule-retried',
      reason: 'mended',
      data: {
        before: { status: 'failed', scheduledAt: schedule.scheduledAt },
        after: { status: 'pending', scheduledAt: body.scheduledAt },
        error: expect.stringContaining('check constraint'),
        attempt: 2,
      },
    })
    const nudges = `SELECT count(*) AS n FROM outbox WHERE payload->>'scheduleId' = $1`
    expect(await one(db, nudges, [schedule.id])).toEqual({ n: 2 })
    await sweepDue(db)
    expect(await reread(db, schedule)).toMatchObject({ status: 'applied', originallyScheduledAt: schedule.scheduledAt })
  })

  it('is refused when a schedule that came later has set the same, and is named', async () => {
    const { address, schedule, path } = await failed(-2_000)
    await newSchedule(db, address, -1_500, { enabled: true })
    const later = await newSchedule(db, address, -1_000, { enabled: false, rolloutPercentage: 77 })
    await sweepDue(db)
    expect((await call('POST', path)).body).toMatchObject({
      status: 409,
      type: '/problems/schedule-superseded',
      scheduleId: later.id,
      field: 'rolloutPercentage',
      createdBy: 'alice',
    })
    expect((await reread(db, schedule)).status).toBe('failed')
    expect((await call('GET', `flags/${address.flagKey}`)).body.rolloutPercentage).toBe(77)
  })

  it('is not hindered by what came before, or later ones that set another field', async () => {
    const address = await newFlag(db)
    await newSchedule(db, address, -3_000, { rolloutPercentage: 5 })
    const bad = await newSchedule(db, address, -2_000, { rolloutPercentage: 11 })
    await newSchedule(db, address, -1_000, { enabled: true })
    await spoil(bad.id)
    await sweepDue(db)
    await mend(bad.id)
    expect((await call('POST', `flags/${address.flagKey}/schedule/${bad.id}/retry`)).status).toBe(200)
    await sweepDue(db)
    expect((await call('GET', `flags/${address.flagKey}`)).body).toMatchObject({ enabled: true, rolloutPercentage: 11 })
  })

  it('is refused for what has not failed, and tells what it is', async () => {
    const address = await newFlag(db)
    const retry = async (id: string) => (await call('POST', `flags/${address.flagKey}/schedule/${id}/retry`)).body
    const applied = await newSchedule(db, address, -1_000)
    await sweepDue(db)
    const pending = await newSchedule(db, address, 60_000)
    expect(await retry(applied.id)).toMatchObject({ status: 409, type: '/problems/schedule-applied' })
    expect(await retry(pending.id)).toMatchObject({ status: 409, type: '/problems/schedule-not-failed' })
    await call('DELETE', `flags/${address.flagKey}/schedule/${pending.id}`)
    expect(await retry(pending.id)).toMatchObject({ status: 409, type: '/problems/schedule-cancelled' })
    expect(await retry(crypto.randomUUID())).toMatchObject({ status: 404 })
  })
})

it('an occurrence is not retried while the next one of its recurrence is pending', async () => {
  const { flagKey } = await newFlag(db)
  const daily = { cron: '0 9 * * *', timeZone: 'Europe/Berlin' }
  const { body: made } = await call('POST', `flags/${flagKey}/recurrences`, {
    recurrence: daily,
    updates: { rolloutPercentage: 5 },
  })
  const occurrence = made.pendingScheduleId as string
  await spoil(occurrence)
  await makeDue(occurrence)
  await sweepDue(db)
  const { body: after } = await call('GET', `flags/${flagKey}/recurrences/${made.id}`)
  expect(after.pendingScheduleId).not.toBe(occurrence)
  expect((await call('POST', `flags/${flagKey}/schedule/${occurrence}/retry`)).body).toMatchObject({
    status: 409,
    type: '/problems/schedule-superseded',
    scheduleId: after.pendingScheduleId,
  })
})

describe('retries by policy', () => {
  const sweep = () => sweepDue(db, { retries: 2 })

  it('put a schedule that fails off by 1, then 2 minutes, and then it has failed', async () => {
    const address = await newFlag(db)
    const schedule = await newSchedule(db, address, -1_000, { rolloutPercentage: 11 })
    await spoil(schedule.id)
    const before = await readFigures(db)
    for (const [attempt, minutes] of [
      [2, 1],
      [3, 2],
    ] as const) {
      const { outcomes } = await sweep()
      const now = await reread(db, schedule)
      expect(now).toMatchObject({
        status: 'pending',
        attempt,
        errorMessage: null,
        originallyScheduledAt: schedule.scheduledAt,
      })
      expect(outcomes).toMatchObject([{ scheduleId: schedule.id, status: 'failed', willRetryAt: now.scheduledAt }])
      expect((Date.parse(now.scheduledAt) - Date.now()) / 60_000).toBeCloseTo(minutes, 1)
      expect(await lastEvent(schedule.id)).toMatchObject({
        type: 'schedule-failed',
        data: {
          willRetryAt: now.scheduledAt,
          attempt: attempt - 1,
          error: expect.stringContaining('check constraint'),
        },
      })
      const key = `flag-schedule/${schedule.id}/${attempt}`
      expect(await one(db, 'SELECT count(*) AS n FROM outbox WHERE idempotency_key = $1', [key])).toEqual({ n: 1 })
      expect((await sweep()).outcomes).toEqual([])
      await makeDue(schedule.id)
    }
    await sweep()
    expect(await reread(db, schedule)).toMatchObject({ status: 'failed', errorMessage: expect.any(String), attempt: 3 })
    expect((await lastEvent(schedule.id)).data).not.toHaveProperty('willRetryAt')
    expect((await readFigures(db)).failed - before.failed).toBe(1)
  })

  it('heal what was mended meanwhile', async () => {
    const address = await newFlag(db)
    const schedule = await newSchedule(db, address, -1_000, { rolloutPercentage: 11 })
    await spoil(schedule.id)
    await createSweeper(db, quiet, { retries: 1 }).sweep()
    await mend(schedule.id)
    await makeDue(schedule.id)
    await sweepDue(db)
    expect(await reread(db, schedule)).toMatchObject({ status: 'applied', attempt: 2 })
  })

  it('are not made when another schedule that sets the same is due before', async () => {
    const address = await newFlag(db)
    const bad = await newSchedule(db, address, -1_000, { rolloutPercentage: 11 })
    await newSchedule(db, address, 30_000, { rolloutPercentage: 50 })
    await spoil(bad.id)
    await sweep()
    expect((await reread(db, bad)).status).toBe('failed')
  })

  it('leave one alone that is due after the retry', async () => {
    const address = await newFlag(db)
    const bad = await newSchedule(db, address, -1_000, { rolloutPercentage: 11 })
    await newSchedule(db, address, 120_000, { rolloutPercentage: 50 })
    await newSchedule(db, address, 30_000, { enabled: true })
    await spoil(bad.id)
    await sweep()
    expect((await reread(db, bad)).status).toBe('pending')
  })
})

it('a retry into a freeze is put off like a new schedule', async () => {
  const { schedule, path } = await failed()
  const to = inMs(600_000)
  const freeze = { environment: 'production', from: inMs(-1_000), to, reason: 'quiet', mode: 'defer' }
  const { body: made } = await call('POST', 'freezes', freeze)
  expect((await call('POST', path)).body).toMatchObject({
    scheduledAt: to,
    deferredFrom: expect.any(String),
    freezeId: made.id,
    originallyScheduledAt: schedule.scheduledAt,
  })
  await call('DELETE', `freezes/${made.id}`)
})
