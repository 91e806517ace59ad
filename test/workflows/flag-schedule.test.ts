import { describe, expect, it, vi } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { record } from '../helpers/histories.ts'
import { armed, type MadeSchedule, makeSchedule } from '../helpers/made-schedule.ts'
import { inMs } from '../helpers/schedules.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, client, db } = app
await startTestWorker(app, url)

const schedule = (dueInMs: number, updates?: object) => makeSchedule(app, dueInMs, updates)

const eventTypes = async ({ handle }: MadeSchedule) => {
  const { events } = await handle.fetchHistory()
  return (events ?? []).map((event) => Object.keys(event).find((name) => name.endsWith('EventAttributes')) as string)
}

describe('a schedule and its workflow', () => {
  it('fire at the due time: by the timer and the activity of its own workflow', async () => {
    const made = await schedule(2_500)
    await armed(made)
    expect(await made.handle.result()).toBe('applied')
    const after = await made.reread()
    expect(after).toMatchObject({ status: 'applied', appliedRevision: (await made.flag()).revision })
    expect(Date.parse(after.appliedAt as string)).toBeGreaterThanOrEqual(Date.parse(after.scheduledAt))
    expect(await made.flag()).toMatchObject({ enabled: true })
    const types = await eventTypes(made)
    expect(types).toEqual(
      expect.arrayContaining([
        'timerStartedEventAttributes',
        'timerFiredEventAttributes',
        'activityTaskCompletedEventAttributes',
      ]),
    )
    const { events } = await made.handle.fetchHistory()
    const activities = events?.flatMap((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [])
    expect(activities).toEqual(['applyDueChanges'])
    await record(app, made.workflowId, 'applied')
  })

  it('fire at once when the time has just passed', async () => {
    const made = await schedule(-5_000)
    expect(await made.handle.result()).toBe('applied')
    expect(await eventTypes(made)).not.toContain('timerStartedEventAttributes')
    await record(app, made.workflowId, 'overdue')
  })

  it('move together when the schedule is edited over HTTP, sooner or later', async () => {
    const sooner = await schedule(3_600_000)
    const later = await schedule(15_000)
    await Promise.all([armed(sooner), armed(later)])
    await call('PATCH', sooner.self, { scheduledAt: inMs(1_500) })
    await call('PATCH', later.self, { scheduledAt: inMs(3_600_000) })
    expect(await sooner.handle.result()).toBe('applied')
    await vi.waitFor(async () => {
      const { typedSearchAttributes } = await later.handle.describe()
      expect(JSON.stringify(typedSearchAttributes)).toContain((await later.reread()).scheduledAt)
    }, 10_000)
    expect((await later.handle.describe()).status.name).toBe('RUNNING')
    await record(app, sooner.workflowId, 'moved')
    await call('DELETE', later.self)
    expect(await later.handle.result()).toBe('cancelled')
  })

  it('end together when the schedule is cancelled over HTTP', async () => {
    const made = await schedule(3_600_000)
    await armed(made)
    await call('DELETE', made.self)
    expect(await made.handle.result()).toBe('cancelled')
    expect((await made.flag()).enabled).toBe(false)
    await record(app, made.workflowId, 'cancelled-by-http')
  })

  it('end when the row is final, however often the workflow is started again', async () => {
    const made = await schedule(-1_000)
    await made.handle.result()
    const again = await client.workflow.start('flagSchedule', {
      workflowId: made.workflowId,
      taskQueue: app.names.queues.timers,
      args: [{ scheduleId: made.id }],
    })
    expect(await again.result()).toBe('applied')
    expect((await call('GET', `events?scheduleId=${made.id}&type=schedule-applied`)).body).toHaveLength(1)
    await record(app, made.workflowId, 'started-again')
  })

  it('report what could not be applied, and the workflow completes', async () => {
    const made = await schedule(1_500)
    await one(db, `UPDATE feature_flag_schedules SET updates = '{"rolloutPercentage": 900}' WHERE id = $1`, [made.id])
    expect(await made.handle.result()).toBe('failed')
    expect(await made.reread()).toMatchObject({
      status: 'failed',
      errorMessage: expect.stringContaining('check constraint'),
    })
    await record(app, made.workflowId, 'failed')
  })

  it('end when the row is gone', async () => {
    const made = await schedule(3_600_000)
    await armed(made)
    await one(db, 'DELETE FROM feature_flags WHERE key = $1', [made.flagKey])
    await made.handle.signal('nudge')
    expect(await made.handle.result()).toBe('deleted')
    await record(app, made.workflowId, 'deleted')
  })
})

it('is not lost when Temporal is not asked: a lost nudge is sent by the relay', async () => {
  const { body: flag } = await call('POST', 'flags', { key: `flag-${crypto.randomUUID()}` })
  const { id } = await one<{ id: string }>(
    db,
    `WITH s AS (INSERT INTO feature_flag_schedules (flag_id, scheduled_at, updates, created_by)
       VALUES ($1, date_trunc('milliseconds', now()), '{"enabled": true}', 'alice') RETURNING id)
     SELECT id FROM s`,
    [flag.id],
  )
  await one(
    db,
    `INSERT INTO outbox (key, task, payload, idempotency_key, next_at) VALUES ('schedule', 'nudge-flag-schedule', $1, $2, now())`,
    [
      JSON.stringify({ scheduleId: id, flagKey: flag.key, environment: 'production', scheduledAt: inMs(0) }),
      `flag-schedule/${id}/1`,
    ],
  )
  await vi.waitFor(async () => expect((await call('GET', `flags/${flag.key}`)).body.enabled).toBe(true), 10_000)
})
