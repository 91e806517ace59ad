import { describe, expect, it, vi } from 'vitest'
import type { ReleasePlan } from '../../domain/release-plan.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { nudgeIntoNewRun, record } from '../helpers/histories.ts'
import { milestones } from '../helpers/release-plans.ts'
import { temporal } from '../helpers/temporal-cli.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, client, db, names } = app
let worker = await startTestWorker(app, url)

const seconds = (afterSeconds: number) => ({ afterSeconds })
const waiting = { timeout: 20_000, interval: 50 }

/** A plan over HTTP, of milestones that wait as given, started unless it is a draft. */
const plan = async (progressions: (object | null)[], { draft = false } = {}) => {
  const { body: flag } = await call('POST', 'flags', { key: `flag-${crypto.randomUUID()}`, enabled: true })
  const path = `flags/${flag.key}/release-plans`
  const body = { name: 'plan', milestones: milestones(progressions.length + 1, progressions) }
  const made = (await call('POST', path, body)).body as ReleasePlan & { workflowId: string }
  const self = `${path}/${made.id}`
  const handle = client.workflow.getHandle(made.workflowId)
  const idOf = (n: number) => made.milestones[n]?.id as string
  const start = (n: number) => call('POST', `${self}/milestones/${idOf(n)}/start`)
  if (!draft) await start(0)
  const read = async () => (await call('GET', self)).body as ReleasePlan
  return {
    ...made,
    self,
    handle,
    idOf,
    start,
    read,
    /** Waits until the plan is at its n-th milestone. */
    at: (n: number) => vi.waitFor(async () => expect((await read()).activeMilestoneId).toBe(idOf(n)), waiting),
    status: (status: string) => vi.waitFor(async () => expect((await read()).status).toBe(status), waiting),
    /** Waits until its next milestone is half a second late. */
    late: () =>
      vi.waitFor(
        async () => expect(Date.parse((await read()).nextAt as string)).toBeLessThan(Date.now() - 500),
        waiting,
      ),
    /** Waits until its workflow is seen to have done what `seen` says of its events. */
    history: (seen: (names: string[]) => boolean) =>
      vi.waitFor(async () => {
        const { events } = await handle.fetchHistory()
        const types = (events ?? []).map((event) => Object.keys(event).find((key) => key.endsWith('Attributes')) ?? '')
        expect(seen(types)).toBe(true)
      }, waiting),
    lastEvent: async () => (await call('GET', `events?flagKey=${flag.key}&limit=1`)).body[0],
    signal: (name: string, input: object) =>
      temporal('workflow', 'signal', '-w', made.workflowId, '--name', name, '--input', JSON.stringify(input)),
  }
}
const armed = (types: string[]) => types.includes('timerStartedEventAttributes')

describe('a release plan and its workflow', () => {
  it('advance by themselves, never early, and end when the last milestone has started', async () => {
    const made = await plan([seconds(2), seconds(1)])
    expect(await made.handle.result()).toBe('completed')
    const { status, milestones: shown } = await made.read()
    expect(status).toBe('completed')
    for (const { startedAt, plannedAt } of shown)
      expect(Date.parse(startedAt as string)).toBeGreaterThanOrEqual(Date.parse(plannedAt as string))
    const [first, , last] = shown.map(({ plannedAt }) => Date.parse(plannedAt as string))
    expect((last as number) - (first as number)).toBe(3_000)
    expect(await made.lastEvent()).toMatchObject({
      type: 'release-plan-completed',
      actor: 'interlock',
      door: 'schedule',
    })
    await record(app, made.workflowId, 'advanced')
  })

  it('wait for an approval, which the CLI can give', async () => {
    const made = await plan([{ approval: true, afterSeconds: 1 }])
    await made.history((types) => types.includes('markerRecordedEventAttributes'))
    await made.signal('approve', { by: 'olivia', reason: 'looks good' })
    expect(await made.handle.result()).toBe('completed')
    const { body } = await call('GET', `events?flagKey=${made.flagKey}&type=milestone-approved`)
    expect(body).toMatchObject([{ actor: 'olivia', door: 'signal', reason: 'looks good' }])
    await record(app, made.workflowId, 'approved-by-signal')
  })

  it('are started, paused, resumed and taken back by the CLI', async () => {
    const made = await plan([seconds(3600), null], { draft: true })
    await made.signal('start', { milestoneId: made.idOf(0), by: 'olivia', reason: 'go' })
    await made.at(0)
    await made.signal('pause', { by: 'olivia', reason: 'lunch' })
    await made.status('paused')
    expect(await made.read()).toMatchObject({ pauseReason: 'lunch' })
    await made.signal('resume', { by: 'olivia' })
    await made.status('running')
    await made.signal('start', { milestoneId: made.idOf(1) })
    await made.at(1)
    await made.signal('start', { milestoneId: made.idOf(0), by: 'olivia' })
    await made.at(0)
    await made.signal('start', { milestoneId: made.idOf(2), by: 'olivia' })
    expect(await made.handle.result()).toBe('completed')
    await record(app, made.workflowId, 'by-signals')
  })

  it('refuse a command that makes no sense, say why, and go on', async () => {
    const made = await plan([seconds(3600)])
    await made.history(armed)
    const said = (why: string) =>
      vi.waitFor(
        async () => expect(await temporal('workflow', 'metadata', '-w', made.workflowId)).toContain(why),
        waiting,
      )
    await made.signal('start', { milestoneId: 'x' })
    await said('must be a ULID')
    await made.signal('approve', {})
    await said('Nothing waits for an approval')
    await made.signal('resume', {})
    await said('resumed')
    expect(await made.read()).toMatchObject({ status: 'running', activeMilestoneId: made.idOf(0) })
    await call('DELETE', made.self)
    expect(await made.handle.result()).toBe('deleted')
    await record(app, made.workflowId, 'refused-and-deleted')
  })

  it('move together when a dwell time is edited while they wait', async () => {
    const made = await plan([seconds(3600), null])
    await made.history(armed)
    await call('PATCH', `${made.self}/milestones/${made.idOf(0)}`, { progression: seconds(1) })
    await made.at(1)
    await vi.waitFor(async () => {
      const { typedSearchAttributes } = await made.handle.describe()
      const shown = JSON.stringify(typedSearchAttributes)
      expect(shown).toContain(made.flagKey)
      expect(shown).not.toContain('DueAt')
    }, waiting)
    await call('DELETE', made.self)
    expect(await made.handle.result()).toBe('deleted')
    await record(app, made.workflowId, 'edited')
  })

  it('are still there when the worker was away', async () => {
    const made = await plan([seconds(2), seconds(3600)])
    await made.history(armed)
    await worker.stop()
    await made.late()
    expect((await made.read()).activeMilestoneId).toBe(made.idOf(0))
    worker = await startTestWorker(app, url)
    await made.at(1)
    const [first, second] = (await made.read()).milestones
    expect(Date.parse(second?.plannedAt as string) - Date.parse(first?.plannedAt as string)).toBe(2_000)
    await call('DELETE', made.self)
  })

  it('cancelled in the Web UI or by the CLI: the plan is paused, and goes on when it is resumed', async () => {
    const made = await plan([seconds(3600)])
    await made.history(armed)
    await temporal('workflow', 'cancel', '-w', made.workflowId, '--identity', 'oscar@host')
    await expect(made.handle.result()).rejects.toThrow()
    expect(await made.read()).toMatchObject({
      status: 'paused',
      pauseReason: 'its workflow was cancelled by oscar@host',
    })
    expect(await made.lastEvent()).toMatchObject({ type: 'release-plan-paused', actor: 'oscar@host', door: 'temporal' })
    await record(app, made.workflowId, 'workflow-cancelled')
    await call('POST', `${made.self}/resume`)
    await vi.waitFor(async () => expect((await made.handle.describe()).status.name).toBe('RUNNING'), waiting)
    await call('DELETE', made.self)
  })

  it('nudged without end continue as new, with nothing lost', async () => {
    const made = await plan([seconds(3600)])
    await made.history(armed)
    const runId = await nudgeIntoNewRun(made.handle)
    await record(app, made.workflowId, 'continued-as-new', runId)
    await made.start(1)
    expect(await made.handle.result()).toBe('completed')
  }, 60_000)

  it('held by a safeguard go on when its metric comes', async () => {
    const made = await plan([seconds(1)])
    const safeguard = { metric: `m-${made.id}`, operator: '>', threshold: 1, action: 'pause', freshSeconds: 600 }
    expect((await call('POST', `${made.self}/safeguards`, safeguard)).status).toBe(201)
    await vi.waitFor(async () => expect((await made.read()).waitsFor).toEqual(['metric']), waiting)
    await call('POST', 'environments/production/metrics', [{ metric: safeguard.metric, value: 0 }])
    expect(await made.handle.result()).toBe('completed')
    await record(app, made.workflowId, 'held')
  })

  it('of a complete plan are there again for a command', async () => {
    const made = await plan([null])
    await made.start(1)
    expect(await made.handle.result()).toBe('completed')
    await temporal(
      ...[
        'workflow',
        'signal-with-start',
        '-w',
        made.workflowId,
        '--type',
        'releasePlan',
        '--task-queue',
        names.queues.timers,
      ],
      ...['--input', JSON.stringify({ planId: made.id }), '--signal-name', 'start'],
      ...['--signal-input', JSON.stringify({ milestoneId: made.idOf(0), by: 'olivia', reason: 'back' })],
    )
    await made.at(0)
    await made.status('running')
    await call('DELETE', made.self)
  })
})

describe('the reconciler', () => {
  const reconcile = async () => {
    const workflowId = `${names.reconciler}-${crypto.randomUUID()}`
    await client.workflow.execute('reconcile', { workflowId, taskQueue: names.queues.timers })
    return workflowId
  }

  it.each(['terminate', 'delete'] as const)('heals what `temporal workflow %s` leaves', async (verb) => {
    const made = await plan([seconds(2)])
    await made.history(armed)
    await temporal('workflow', verb, '-w', made.workflowId, ...(verb === 'delete' ? ['--yes'] : []))
    await vi.waitFor(async () => {
      const status = await made.handle.describe().then(
        ({ status }) => status.name,
        () => 'gone',
      )
      expect(status).not.toBe('RUNNING')
    }, waiting)
    // Nobody else advances it.
    await made.late()
    expect((await made.read()).activeMilestoneId).toBe(made.idOf(0))
    const workflowId = await reconcile()
    await made.status('completed')
    if (verb === 'terminate') await record(app, workflowId, 'release-plans')
  })

  it('heals the others, and what comes after them, when one cannot be healed', async () => {
    const plans = [await plan([seconds(3600)]), await plan([seconds(3600)])] as const
    for (const made of plans) {
      await made.history(armed)
      await made.handle.terminate()
    }
    await db.pool.query(`
      CREATE FUNCTION not_this_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
      CREATE TRIGGER not_this_one BEFORE INSERT ON outbox FOR EACH ROW
        WHEN (NEW.payload ->> 'planId' = '${plans[0].id}') EXECUTE FUNCTION not_this_one()`)
    await reconcile()
    await db.pool.query('DROP FUNCTION not_this_one CASCADE')
    await vi.waitFor(async () => expect((await plans[1].handle.describe()).status.name).toBe('RUNNING'), waiting)
    expect((await plans[0].handle.describe()).status.name).toBe('TERMINATED')
  })

  it('leaves paused plans and workflows that run alone, and wakes what is late', async () => {
    const paused = await plan([seconds(3600)])
    const running = await plan([seconds(3600)])
    await Promise.all([paused.history(armed), running.history(armed)])
    await call('POST', `${paused.self}/pause`)
    await paused.handle.terminate()
    const runId = (await running.handle.describe()).runId
    await vi.waitFor(
      async () => expect(await one(db, `SELECT count(*) AS n FROM outbox WHERE state = 'pending'`)).toEqual({ n: 0 }),
      waiting,
    )
    await reconcile()
    expect((await paused.handle.describe()).status.name).toBe('TERMINATED')
    expect((await running.handle.describe()).runId).toBe(runId)
    // A freeze that held it has gone, or a clock was set: the workflow waits for what is not true any more.
    await one(
      db,
      `UPDATE release_plans SET next_at = date_trunc('milliseconds', now()) - interval '3 seconds' WHERE id = $1`,
      [running.id],
    )
    await reconcile()
    await running.status('completed')
    await call('DELETE', paused.self)
  })
})
