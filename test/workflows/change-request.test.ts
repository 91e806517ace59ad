import { describe, expect, it, vi } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { changeRequests } from '../helpers/change-requests.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { nudgeIntoNewRun, record } from '../helpers/histories.ts'
import { inMs } from '../helpers/schedules.ts'
import { temporal } from '../helpers/temporal-cli.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, client, db } = app
let worker = await startTestWorker(app, url)
const { at, as, newFlag, flag, request, directly, environment } = await changeRequests(app)

const HOUR = 3_600_000
const waiting = { timeout: 20_000, interval: 50 }
let flags = 0

/** A request that switches a flag on at a time, approved. */
const scheduled = async (inMilliseconds: number, more: object = {}) => {
  const key = `flag-${++flags}`
  await newFlag(key)
  const made = await request([{ action: 'updateFlag', flagKey: key, payload: { enabled: true } }], {
    scheduledAt: inMs(inMilliseconds),
    ...more,
  })
  expect((await made.approve()).body.state).toBe('scheduled')
  const handle = client.workflow.getHandle(made.workflowId)
  return {
    ...made,
    key,
    handle,
    flag: () => flag(key),
    state: (state: string) => vi.waitFor(async () => expect((await made.read()).state).toBe(state), waiting),
    signal: (name: string, input: object) =>
      temporal('workflow', 'signal', '-w', made.workflowId, '--name', name, '--input', JSON.stringify(input)),
    armed: () =>
      vi.waitFor(async () => {
        const { events } = await handle.fetchHistory()
        expect((events ?? []).some((event) => event.timerStartedEventAttributes)).toBe(true)
      }, waiting),
  }
}

describe('a scheduled change request and its workflow', () => {
  it('is applied at its time, once, and never early', async () => {
    const made = await scheduled(2_500)
    expect(await made.handle.result()).toBe('applied')
    const { appliedAt, scheduledAt, appliedRevision } = await made.read()
    expect(Date.parse(appliedAt)).toBeGreaterThanOrEqual(Date.parse(scheduledAt))
    expect(await made.flag()).toMatchObject({ enabled: true, revision: appliedRevision })
    expect((await made.events())[0]).toMatchObject({
      type: 'change-request-applied',
      actor: 'interlock',
      door: 'schedule',
      data: { approvers: ['bob'], createdBy: 'alice' },
    })
    await record(app, made.workflowId, 'applied')
  })

  it('is applied at once when the last approval comes late, by its policy', async () => {
    const key = `flag-${++flags}`
    await newFlag(key)
    const made = await request([{ action: 'updateFlag', flagKey: key, payload: { enabled: true } }], {
      scheduledAt: inMs(-1_000),
      latePolicy: 'apply',
    })
    await made.approve()
    await vi.waitFor(async () => expect((await made.read()).state).toBe('applied'), waiting)
  })

  it('is suspended when something was changed since, and the CLI can apply it all the same', async () => {
    const made = await scheduled(HOUR)
    await made.armed()
    // Another change request that is applied makes its neighbours look.
    const beside = await request([{ action: 'archiveFlag', flagKey: made.key, payload: {} }])
    await beside.approve()
    expect((await beside.apply()).body.state).toBe('applied')
    await made.state('suspended')
    expect((await made.read()).problem.conflicts).toMatchObject([{ event: { type: 'flag-archived', actor: 'carol' } }])

    const rival = await scheduled(HOUR)
    await rival.armed()
    const key = rival.key
    await directly(() => as('dave', 'DELETE', `flags/${key}${at}`))
    await rival.handle.signal('nudge')
    await rival.state('suspended')
    expect(await rival.read()).toMatchObject({
      stateReason: expect.stringContaining('dave'),
      problem: { conflicts: [{ kind: 'archived', event: { type: 'flag-archived', actor: 'dave' } }] },
    })
    await rival.signal('apply', { force: true, by: 'olivia', reason: 'now' })
    await vi.waitFor(async () => {
      const { events } = await rival.handle.fetchHistory()
      expect((events ?? []).filter((event) => event.activityTaskCompletedEventAttributes).length).toBeGreaterThan(0)
    }, waiting)
    expect((await rival.read()).state).toBe('suspended')
    await rival.signal('cancel', { by: 'olivia', reason: 'not any more' })
    expect(await rival.handle.result()).toBe('cancelled')
    await record(app, rival.workflowId, 'suspended')
  })

  it('is suspended at its time, at the latest', async () => {
    const made = await scheduled(3_000)
    await made.armed()
    await directly(() => as('dave', 'DELETE', `flags/${made.key}${at}`))
    await made.state('suspended')
    expect(await made.flag()).toMatchObject({ enabled: false })
    await made.post('cancel')
    expect(await made.handle.result()).toBe('cancelled')
  })

  it('is applied now, or cancelled, from the CLI; the refusal of a direct change stands there, too', async () => {
    const made = await scheduled(HOUR)
    await made.signal('apply', { by: 'olivia', reason: 'no need to wait' })
    expect(await made.handle.result()).toBe('applied')
    expect((await made.events())[0]).toMatchObject({ actor: 'olivia', door: 'signal', reason: 'no need to wait' })
    await record(app, made.workflowId, 'applied-by-signal')

    const cancelled = await scheduled(HOUR)
    await cancelled.handle.cancel()
    await cancelled.state('cancelled')
    await expect(cancelled.handle.result()).rejects.toThrow()
    await record(app, cancelled.workflowId, 'cancelled')

    const { body: schedule } = await directly(() =>
      call('POST', `flags/${made.key}/schedule${at}`, { scheduledAt: inMs(HOUR), updates: { enabled: false } }),
    )
    const input = JSON.stringify({ scheduledAt: inMs(2 * HOUR), by: 'olivia', reason: 'x' })
    const workflow = app.names.flagSchedule(schedule.id)
    await temporal('workflow', 'signal', '-w', workflow, '--name', 'reschedule', '--input', input)
    await vi.waitFor(async () => {
      const { events } = await client.workflow.getHandle(workflow).fetchHistory()
      expect((events ?? []).some((event) => event.activityTaskCompletedEventAttributes)).toBe(true)
    }, waiting)
    expect((await call('GET', `flags/${made.key}/schedule/${schedule.id}${at}`)).body.version).toBe(schedule.version)
  })

  it('ends as cancelled with its workflow, also when the request was cancelled by another door just before', async () => {
    const made = await scheduled(HOUR)
    await made.armed()
    await one(db, `UPDATE change_requests SET state = 'cancelled' WHERE id = $1`, [made.id])
    await made.handle.cancel()
    await expect(made.handle.result()).rejects.toThrow()
    expect((await made.handle.describe()).status.name).toBe('CANCELLED')
  })

  it('follows its time, and rests when it goes back to be reviewed', async () => {
    const made = await scheduled(HOUR)
    await made.armed()
    await as('alice', 'PATCH', made.path, { scheduledAt: inMs(2_000) })
    expect(await made.handle.result()).toBe('in-review')
    await made.approve('bob')
    expect(await made.handle.result()).toBe('applied')
    await record(app, made.workflowId, 'moved')
  })

  it('is nudged without end: its workflow continues as new, and nothing is lost', async () => {
    const made = await scheduled(HOUR)
    await made.armed()
    const runId = await nudgeIntoNewRun(made.handle)
    await record(app, made.workflowId, 'continued-as-new', runId)
    await made.signal('cancel', { by: 'olivia', reason: 'not any more' })
    expect(await made.handle.result()).toBe('cancelled')
  }, 60_000)

  it('waits for the end of a freeze', async () => {
    const made = await scheduled(1_500)
    const { body: freeze } = await call('POST', 'freezes', {
      environment,
      from: inMs(-HOUR),
      to: inMs(HOUR),
      reason: 'holiday',
      mode: 'refuse',
    })
    await vi.waitFor(
      async () => expect(Date.now()).toBeGreaterThan(Date.parse((await made.read()).scheduledAt) + 500),
      waiting,
    )
    expect((await made.read()).state).toBe('scheduled')
    await call('DELETE', `freezes/${freeze.id}`)
    await made.handle.signal('nudge')
    await made.state('applied')
  })

  it('is applied once when its worker stops and its workflow is terminated on the way', async () => {
    const made = await scheduled(2_500)
    await made.armed()
    await worker.stop()
    await made.handle.terminate('a mistake')
    worker = await startTestWorker(app, url)
    const workflowId = `reconcile-${crypto.randomUUID()}`
    await client.workflow.execute('reconcile', { workflowId, taskQueue: app.names.queues.timers })
    await made.state('applied')
    await made.handle.signal('nudge').catch(() => undefined)
    const applied = (await made.events()).filter(({ type }: { type: string }) => type === 'change-request-applied')
    expect(applied).toHaveLength(1)
    expect(await made.flag()).toMatchObject({ enabled: true })
  })
})
