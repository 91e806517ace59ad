import { describe, expect, it, vi } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { nudgeIntoNewRun, record } from '../helpers/histories.ts'
import { armed, makeSchedule } from '../helpers/made-schedule.ts'
import { inMs } from '../helpers/schedules.ts'
import { temporal } from '../helpers/temporal-cli.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, db } = app
await startTestWorker(app, url)

const schedule = (dueInMs: number, updates?: object) => makeSchedule(app, dueInMs, updates)

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
    const runId = await nudgeIntoNewRun(made.handle)
    await record(app, made.workflowId, 'continued-as-new', runId)
    await made.handle.signal('cancel', { by: 'olivia' })
    expect(await made.handle.result()).toBe('cancelled')
  }, 60_000)

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
