import { describe, expect, it, vi } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { changeRequests } from '../helpers/change-requests.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { makeGameplan, pullRequest } from '../helpers/gameplans.ts'
import { nudgeIntoNewRun, record } from '../helpers/histories.ts'
import { temporal } from '../helpers/temporal-cli.ts'
import { startTestWorker } from '../helpers/worker.ts'

const SECRET = 'a secret that GitHub knows'
const url = await createTestDatabase()
const app = await createTestApp(url, { settings: { INTERLOCK_GITHUB_WEBHOOK_SECRET: SECRET } })
const { call, client, names } = app
let worker = await startTestWorker(app, url)
const { merge: mergeOnGithub } = pullRequest(app, SECRET)

const waiting = { timeout: 20_000, interval: 50 }

const gameplan = async (options: Parameters<typeof makeGameplan>[1] = {}) => {
  const made = await makeGameplan(app, options)
  const workflowId = names.gameplan(made.id)
  const handle = client.workflow.getHandle(workflowId)
  return {
    ...made,
    workflowId,
    handle,
    status: (status: string) => vi.waitFor(async () => expect((await made.read()).status).toBe(status), waiting),
    flagState: (state: string) => vi.waitFor(async () => expect((await made.read()).flag?.state).toBe(state), waiting),
    enabled: (enabled: boolean) => vi.waitFor(async () => expect((await made.flag()).enabled).toBe(enabled), waiting),
    said: (why: string) =>
      vi.waitFor(async () => expect(await temporal('workflow', 'metadata', '-w', workflowId)).toContain(why), waiting),
    signal: (name: string, input: object) =>
      temporal('workflow', 'signal', '-w', workflowId, '--name', name, '--input', JSON.stringify(input)),
    lastEvent: async () =>
      (await call('GET', `events?limit=200`)).body.find(
        (event: { data: { gameplanId?: string } }) => event.data.gameplanId === made.id,
      ),
  }
}

describe('a gameplan and its workflow', () => {
  it('follow the patches to the end: created, switched, complete', async () => {
    const made = await gameplan({ criteria: ['it works'] })
    await made.merge('1')
    await made.flagState('created')
    expect((await made.flag()).enabled).toBe(false)
    await made.merge('2', '3', '4')
    await made.enabled(true)
    expect((await made.read()).status).toBe('running')
    await made.said('1 criteria and questions open')
    const { typedSearchAttributes } = await made.handle.describe()
    expect(JSON.stringify(typedSearchAttributes)).toContain(made.flagKey)
    await made.post('criteria/1/check')
    expect(await made.handle.result()).toBe('completed')
    expect((await made.read()).status).toBe('completed')
    await record(app, made.workflowId, 'completed')
  })

  it('end to end: webhooks, a worker that is away, a revision, a revert, a schedule', async () => {
    const made = await gameplan({ activation: { how: 'schedule', afterSeconds: 2 }, criteria: ['it works'] })
    const github = async (number: number, body: string) => expect((await mergeOnGithub(number, body)).status).toBe(200)
    await github(1, `Gameplan: ${made.id}/1`)
    await made.flagState('created')

    await worker.stop()
    await github(2, `Gameplan: ${made.id}/2`)
    await github(3, `Gameplan: ${made.id}/3`)
    // What was patch 4 becomes two.
    const graph = [
      '1 [INFRA] -> []',
      '2 [GATED] -> [1]',
      '3 [GATED] -> [1]',
      '4 [GATED] -> [2, 3]',
      '5 [BEHAVIOR] -> [4]',
    ]
    const revised = await made.revise({ graph, activated: '5' })
    expect(revised.body).toMatchObject({ revision: 2, progress: { patches: 5, done: 3 } })
    await github(4, `Gameplan: ${made.id}/4`)
    await github(5, `Gameplan: ${made.id}/5`)
    expect((await made.read()).flag?.state).toBe('created')
    worker = await startTestWorker(app, url)
    await made.flagState('switching')
    await made.flagState('switched')
    expect((await made.flag()).enabled).toBe(true)

    await github(6, 'Reverts acme/shop#5')
    await made.flagState('created')
    expect((await made.flag()).enabled).toBe(false)
    await github(7, `Gameplan: ${made.id}/5`)
    await made.flagState('switched')
    expect((await made.flag()).enabled).toBe(true)
    await made.post('criteria/1/check')
    expect(await made.handle.result()).toBe('completed')
    const types = (await call('GET', `events?flagKey=${made.flagKey}&limit=200`)).body.map(
      ({ type }: { type: string }) => type,
    )
    for (const [type, times] of [
      ['flag-created', 1],
      ['schedule-applied', 2],
      ['gameplan-patch-merged', 6],
      ['gameplan-patch-reverted', 1],
    ] as const)
      expect([type, types.filter((one: string) => one === type).length]).toEqual([type, times])
    await record(app, made.workflowId, 'switched-by-schedule')
  })

  it('do what the CLI says', async () => {
    const made = await gameplan()
    await made.signal('merged', { patchId: '1', by: 'olivia', reason: 'by hand' })
    await made.flagState('created')
    expect((await made.read()).patches[0]).toMatchObject({ decidedBy: 'olivia', reason: 'by hand' })
    await made.signal('merged', { patchId: '4' })
    await made.said('Refused: Patch 4 waits for Patch 2, Patch 3.')
    await made.signal('reverted', { patchId: '1' })
    await made.said('Done: Patch 1 is reverted')
    await made.signal('pause', { by: 'olivia', reason: 'lunch' })
    await made.status('paused')
    expect((await made.read()).pauseReason).toBe('lunch')
    await made.signal('resume', {})
    await made.status('running')
    await made.signal('cancel', { by: 'olivia' })
    expect(await made.handle.result()).toBe('cancelled')
    expect(await made.lastEvent()).toMatchObject({ type: 'gameplan-cancelled', actor: 'olivia', door: 'signal' })
    await record(app, made.workflowId, 'cancelled-by-signal')
  })

  it('cancelled in the Web UI or by the CLI: the gameplan is paused, and goes on when it is resumed', async () => {
    const made = await gameplan()
    await made.said('0 of 4 patches')
    await temporal('workflow', 'cancel', '-w', made.workflowId, '--identity', 'oscar@host')
    await expect(made.handle.result()).rejects.toThrow()
    expect(await made.read()).toMatchObject({
      status: 'paused',
      pauseReason: 'its workflow was cancelled by oscar@host',
    })
    await record(app, made.workflowId, 'workflow-cancelled')
    await made.merge('1')
    await made.post('resume')
    await made.flagState('created')
    await made.post('cancel')
  })

  it('nudged without end continue as new, with nothing lost', async () => {
    const made = await gameplan()
    await made.said('0 of 4 patches')
    const runId = await nudgeIntoNewRun(made.handle)
    await record(app, made.workflowId, 'continued-as-new', runId)
    await made.merge('1')
    await made.flagState('created')
    await made.post('cancel')
  }, 60_000)
})

describe('the reconciler', () => {
  const reconcile = async () => {
    const workflowId = `${names.reconciler}-${crypto.randomUUID()}`
    await client.workflow.execute('reconcile', { workflowId, taskQueue: names.queues.timers })
    return workflowId
  }

  it('starts the workflow of a gameplan that has none', async () => {
    const made = await gameplan()
    await made.said('0 of 4 patches')
    await made.handle.terminate()
    await reconcile()
    await vi.waitFor(async () => expect((await made.handle.describe()).status.name).toBe('RUNNING'), waiting)
    await made.post('cancel')
  })

  it('tells a gameplan that its change request was applied', async () => {
    const { environment, as, base } = await changeRequests(app)
    const made = await gameplan({ environment })
    await made.merge('1')
    const asked = async () => (await made.read()).flag?.changeRequestId
    await vi.waitFor(async () => expect(await asked()).not.toBeNull(), waiting)
    const request = `${base}/${await asked()}`
    await as('bob', 'POST', `${request}/approve`)
    await as('bob', 'POST', `${request}/apply`, {})
    expect((await made.read()).flag?.state).toBe('absent')
    const workflowId = await reconcile()
    await made.flagState('created')
    await record(app, workflowId, 'gameplans')
    await made.post('cancel')
  })
})
