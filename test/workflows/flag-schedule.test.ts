import { describe, expect, it, vi } from 'vitest'
import type { FlagSchedule } from '../../domain/flag-schedule.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { record } from '../helpers/histories.ts'
import { inMs } from '../helpers/schedules.ts'
import { temporal } from '../helpers/temporal-cli.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, client, db } = app
await startTestWorker(app, url)

type Schedule = FlagSchedule & { workflowId: string }

const schedule = async (dueInMs: number, updates: object = { enabled: true }) => {
  const { body: flag } = await call('POST', 'flags', { key: `flag-${crypto.randomUUID()}` })
  const path = `flags/${flag.key}/schedule`
  const { body } = await call('POST', path, { scheduledAt: inMs(dueInMs), updates })
  const made = body as Schedule
  const self = `${path}/${made.id}`
  return {
    ...made,
    self,
    handle: client.workflow.getHandle(made.workflowId),
    reread: async () => (await call('GET', self)).body as Schedule,
    flag: async () => (await call('GET', `flags/${flag.key}`)).body,
    lastEvent: async () => (await call('GET', `events?scheduleId=${made.id}&limit=1`)).body[0],
  }
}
type Made = Awaited<ReturnType<typeof schedule>>

/** Waits until the workflow has read its row and armed its timer. */
const armed = ({ handle }: Made) =>
  vi.waitFor(async () => {
    const { events } = await handle.fetchHistory()
    expect(events?.some((event) => event.timerStartedEventAttributes)).toBe(true)
  }, 10_000)

const eventTypes = async ({ handle }: Made) => {
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

describe('an operator', () => {
  it('finds schedules by their search attributes and reads what they will do', async () => {
    const made = await schedule(3_600_000, { rolloutPercentage: 20 })
    await armed(made)
    const query = `FlagKey="${made.flagKey}" AND Environment="production" AND DueAt > "${inMs(0)}" AND ExecutionStatus="Running"`
    await vi.waitFor(
      async () => expect(await temporal('workflow', 'list', '--query', query)).toContain(made.workflowId),
      10_000,
    )
    const metadata = await temporal('workflow', 'metadata', '-w', made.workflowId)
    expect(metadata).toContain('rolloutPercentage → 20')
    expect(metadata).toContain('Move the schedule')
    await call('DELETE', made.self)
  })

  it('cancels with the signal of the CLI: same store function, with who and why', async () => {
    const made = await schedule(3_600_000)
    await armed(made)
    const input = JSON.stringify({ by: 'olivia', reason: 'wrong week' })
    await temporal('workflow', 'signal', '-w', made.workflowId, '--name', 'cancel', '--input', input)
    expect(await made.handle.result()).toBe('cancelled')
    expect(await made.reread()).toMatchObject({ status: 'cancelled' })
    expect(await made.lastEvent()).toMatchObject({
      type: 'schedule-cancelled',
      actor: 'olivia',
      door: 'signal',
      reason: 'wrong week',
    })
    await record(app, made.workflowId, 'cancelled-by-signal')
  })

  it('cancels with a bare signal: the history says who it was', async () => {
    const made = await schedule(3_600_000)
    await armed(made)
    await temporal('workflow', 'signal', '-w', made.workflowId, '--name', 'cancel', '--identity', 'oscar@host')
    expect(await made.handle.result()).toBe('cancelled')
    expect(await made.lastEvent()).toMatchObject({ actor: 'oscar@host', door: 'signal' })
  })

  it('moves with the signal of the CLI', async () => {
    const made = await schedule(3_600_000)
    await armed(made)
    const input = JSON.stringify({ scheduledAt: inMs(1_500), by: 'olivia', reason: 'earlier' })
    await temporal('workflow', 'signal', '-w', made.workflowId, '--name', 'reschedule', '--input', input)
    expect(await made.handle.result()).toBe('applied')
    const events = (await call('GET', `events?scheduleId=${made.id}`)).body
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'schedule-updated', actor: 'olivia', door: 'signal', reason: 'earlier' }),
    )
    await record(app, made.workflowId, 'moved-by-signal')
  })

  it.each([
    ['a time without a zone', { scheduledAt: '2126-01-01T00:00:00' }, 'with a zone'],
    ['a time that has passed', { scheduledAt: '2020-01-01T00:00:00Z' }, 'at most one minute before'],
    ['nothing', undefined, 'input'],
  ])('is refused %s, sees why, and the schedule goes on', async (name, input, why) => {
    const made = await schedule(3_600_000)
    await armed(made)
    await made.handle.signal('reschedule', ...(input ? [input] : []))
    await vi.waitFor(
      async () => expect(await temporal('workflow', 'metadata', '-w', made.workflowId)).toContain(why),
      10_000,
    )
    expect((await made.handle.describe()).status.name).toBe('RUNNING')
    expect(await made.reread()).toMatchObject({ status: 'pending', version: 1 })
    if (name === 'a time that has passed') {
      await call('DELETE', made.self)
      await made.handle.result()
      await record(app, made.workflowId, 'refused-signal')
    }
  })

  it('cancels the workflow, in the Web UI or by the CLI, and with it the schedule', async () => {
    const made = await schedule(3_600_000)
    await armed(made)
    await temporal('workflow', 'cancel', '-w', made.workflowId, '--identity', 'oscar@host')
    await expect(made.handle.result()).rejects.toThrow()
    expect((await made.handle.describe()).status.name).toBe('CANCELLED')
    expect(await made.reread()).toMatchObject({ status: 'cancelled' })
    expect(await made.lastEvent()).toMatchObject({
      type: 'schedule-cancelled',
      actor: 'oscar@host',
      door: 'temporal',
    })
    await record(app, made.workflowId, 'workflow-cancelled')
  })

  it('cancels with a signal in the last second, while the change is about to be made', async () => {
    const made = await schedule(2_500)
    await armed(made)
    await vi.waitFor(
      async () => {
        const { events } = await made.handle.fetchHistory()
        expect(events?.some((event) => event.activityTaskScheduledEventAttributes)).toBe(true)
      },
      { timeout: 10_000, interval: 20 },
    )
    await made.handle.signal('cancel', { by: 'olivia', reason: 'stop!' })
    const outcome = await made.handle.result()
    const told = (await temporal('workflow', 'metadata', '-w', made.workflowId)).toString()
    // The row's lock decides; on a slow machine the change may win, and then the refusal says so.
    expect(await made.reread()).toMatchObject({ status: outcome })
    if (outcome === 'cancelled') await record(app, made.workflowId, 'cancelled-while-firing')
    else expect(told).toContain('applied')
  })

  it('sends a command that makes no sense, and it blocks nothing', async () => {
    const made = await schedule(3_600_000)
    await armed(made)
    await made.handle.signal('cancel', { by: 'o\0' })
    await vi.waitFor(
      async () => expect(await temporal('workflow', 'metadata', '-w', made.workflowId)).toContain('NUL'),
      10_000,
    )
    await made.handle.signal('cancel', { by: 'olivia' })
    expect(await made.handle.result()).toBe('cancelled')
  })

  it('is told the truth when a reschedule comes after a cancel', async () => {
    const made = await schedule(3_600_000)
    await armed(made)
    await one(db, `UPDATE feature_flag_schedules SET status = 'cancelled' WHERE id = $1`, [made.id])
    await made.handle.signal('reschedule', { scheduledAt: inMs(60_000), by: 'olivia' })
    expect(await made.handle.result()).toBe('cancelled')
    expect(await temporal('workflow', 'metadata', '-w', made.workflowId)).toContain('Refused: It was cancelled')
  })

  it('is named as the sender of each of several signals that name nobody', async () => {
    const made = await schedule(3_600_000)
    await armed(made)
    for (const [identity, ms] of [
      ['ann@host', 7_200_000],
      ['bob@host', 10_800_000],
    ] as const) {
      const input = JSON.stringify({ scheduledAt: inMs(ms) })
      await temporal(
        'workflow',
        'signal',
        '-w',
        made.workflowId,
        '--name',
        'reschedule',
        '--input',
        input,
        '--identity',
        identity,
      )
    }
    const actors = async () => {
      const { body } = await call('GET', `events?scheduleId=${made.id}&type=schedule-updated`)
      return body.map(({ actor }: { actor: string }) => actor)
    }
    await vi.waitFor(async () => expect(await actors()).toEqual(['bob@host', 'ann@host']), 10_000)
    await call('DELETE', made.self)
  })

  it('nudges without end, and the workflow continues as new, with nothing lost', async () => {
    const made = await schedule(3_600_000)
    await armed(made)
    const { runId } = await made.handle.describe()
    await vi.waitFor(
      async () => {
        await Promise.all(Array.from({ length: 20 }, () => made.handle.signal('nudge')))
        expect((await made.handle.describe()).runId).not.toBe(runId)
      },
      { timeout: 20_000, interval: 10 },
    )
    await record(app, made.workflowId, 'continued-as-new', runId)
    await made.handle.signal('cancel', { by: 'olivia' })
    expect(await made.handle.result()).toBe('cancelled')
  })

  it('cancels too late: the workflow completes with what the row says', async () => {
    const made = await schedule(1_200)
    // Applied by another door while the workflow still waits.
    await one(db, `UPDATE feature_flag_schedules SET status = 'failed', error_message = 'by hand' WHERE id = $1`, [
      made.id,
    ])
    await made.handle.cancel()
    expect(await made.handle.result()).toBe('failed')
    await record(app, made.workflowId, 'cancelled-too-late')
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
