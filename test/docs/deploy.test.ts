import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { makePolicy } from '../helpers/catalog.ts'
import { armed, type MadeSchedule, makeSchedule } from '../helpers/made-schedule.ts'
import type { NodePart } from '../helpers/parts.ts'
import { type Servers, startServers } from '../helpers/processes.ts'
import { inMs } from '../helpers/schedules.ts'
import { type Product, startProduct } from './product.ts'
import { openRunbook, type Runbook } from './runbook.ts'

const TIMEOUT = 60_000
const WITHIN = { timeout: 20_000, interval: 200 }
let servers: Servers
let product: Product
let book: Runbook
let [one, two, unversioned]: NodePart[] = []

beforeAll(async () => {
  // By default the server looks every three minutes whether a version has drained.
  const drainage = ['VisibilityGracePeriod', 'RefreshInterval'].map(
    (name) => `matching.wv.VersionDrainageStatus${name}="1s"`,
  )
  servers = await startServers(drainage.flatMap((value) => ['--dynamic-config-value', value]))
  const worker = (buildId: string) => servers.another('worker', { INTERLOCK_WORKER_BUILD_ID: buildId })
  ;[one, two, unversioned] = [worker('build-1'), worker('build-2'), servers.another('worker')]
  product = await startProduct(servers)
  const { temporalAddress, databaseUrl } = servers
  book = await openRunbook('docs/deploy.md', {
    TEMPORAL_ADDRESS: temporalAddress,
    DATABASE_URL: databaseUrl,
    URL: product.url,
    OLD: 'build-1',
    NEW: 'build-2',
  })
})
afterAll(async () => {
  await servers?.stop()
})

const readiness = async () => (await product.call('GET', '/readyz')).body

/** Build ids of the workers that did the workflow's tasks, one after the other; '' for workers without. */
async function buildsOf(workflowId: string, runId?: string): Promise<string[]> {
  const { events } = await product.client.workflow.getHandle(workflowId, runId).fetchHistory()
  const done = (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: task }) => task ?? [])
  return [...new Set(done.map(({ deploymentVersion }) => deploymentVersion?.buildId ?? ''))]
}

/** Begins a policy run that takes long, and waits until it works. */
async function beginRun(): Promise<{ workflowId: string; runId: string; processed(): Promise<number> }> {
  const { id, version } = await makePolicy(product)
  const { body } = await product.call('POST', `catalog-policies/${id}/prepare`, {
    batchSize: 10,
    parallelism: 1,
    delayMs: 400,
  })
  const processed = async () =>
    (await product.call('GET', `catalog-policy-runs/${body.runId}`)).body.processed as number
  await expect.poll(processed, WITHIN).toBeGreaterThan(0)
  const workflowId = servers.names.policyRun(version, body.runId)
  return { workflowId, runId: (await product.client.workflow.getHandle(workflowId).describe()).runId, processed }
}

/** Moves the schedule to now, and waits until it is applied. */
async function fire(made: MadeSchedule): Promise<void> {
  expect(await product.call('PATCH', made.self, { scheduledAt: inMs(1_500) })).toMatchObject({ status: 200 })
  expect(await made.handle.result()).toBe('applied')
}

const setCurrent = (section: string, variables = {}) => book.section(section).run('set-current-version', variables)

it('a version that is not current gets nothing, and worker and API say so', { timeout: TIMEOUT }, async () => {
  const { run } = book.section('First time')
  for (const name of ['FlagKey', 'Environment', 'DueAt', 'PolicyVersion']) await run(name)
  await one?.start()
  const made = await makeSchedule(product, 3_600_000)
  await vi.waitFor(async () => {
    const { ready, checks } = await readiness()
    expect([ready, checks.worker.detail]).toEqual([
      false,
      'tasks are for workers without a version, of which no worker asks; it is version interlock:build-1 that ask',
    ])
  }, WITHIN)
  const warning = await vi.waitFor(() => {
    const found = one?.lines.find((line) => line.includes('This version is not current'))
    expect(found).toBeDefined()
    return JSON.parse(found as string)
  }, WITHIN)
  const waitedFor = book.section('Deploy a version').take('set-current-version')
  expect(waitedFor).toBe(`${warning.command.replace('build-1', '$NEW')} --yes`)
  expect(await buildsOf(made.workflowId)).toEqual([])

  await setCurrent('Go back to a version')
  await armed(made)
  expect(await buildsOf(made.workflowId)).toEqual(['build-1'])
  await vi.waitFor(async () => expect(await readiness()).toMatchObject({ ready: true }), WITHIN)
})

it('a new version takes schedules over, and runs between two slices; the old one drains', {
  timeout: TIMEOUT,
}, async () => {
  const { run, take } = book.section('Deploy a version')
  await product.importItems(3_000)
  const soon = await makeSchedule(product, 3_600_000)
  await armed(soon)
  const policyRun = await beginRun()

  expect(await run('--dry-run')).toMatch(/./)
  await run('npm run migrate # ')
  expect(await run('npm run verify')).toMatch(/[1-9]\d* open workflows replayed, 0 would break/)
  expect(take('INTERLOCK_WORKER_BUILD_ID')).toBe('INTERLOCK_WORKER_BUILD_ID=$NEW node worker/main.ts')
  await two?.start()
  await vi.waitFor(async () => {
    const described = await run('describe-version --deployment-name interlock --build-id $NEW')
    expect(described.match(/^ *(timers|batch) +(workflow|activity)$/gm)).toHaveLength(4)
  }, WITHIN)
  await run('set-ramping-version')
  expect(await book.section('Go back to a version').run('deployment describe')).toMatch(
    /RampingVersionBuildID +build-2/,
  )
  await run('set-current-version')
  expect(JSON.parse(await run('/readyz'))).toMatchObject({ ready: true })

  await fire(soon)
  expect(await buildsOf(soon.workflowId)).toEqual(['build-1', 'build-2'])

  expect(await buildsOf(policyRun.workflowId, policyRun.runId)).toEqual(['build-1'])
  await vi.waitFor(async () => {
    const { runId } = await product.client.workflow.getHandle(policyRun.workflowId).describe()
    expect(runId).not.toBe(policyRun.runId)
    expect(await buildsOf(policyRun.workflowId, runId)).toEqual(['build-2'])
  }, WITHIN)
  await vi.waitFor(
    async () =>
      expect(await run('describe-version --deployment-name interlock --build-id $OLD')).toMatch(
        /DrainageStatus +drained/,
      ),
    WITHIN,
  )
  expect(take('kill')).toBe('kill -TERM $PID')
  expect(await one?.stop()).toEqual({ code: 0, signal: null })
})

it('goes back to a version that runs, and what begins goes there', { timeout: TIMEOUT }, async () => {
  await one?.start()
  const { workflowId } = await beginRun()
  await setCurrent('Go back to a version')
  const made = await makeSchedule(product, 3_600_000)
  await armed(made)
  expect(await buildsOf(made.workflowId)).toEqual(['build-1'])
  await vi.waitFor(async () => expect(await buildsOf(workflowId)).toEqual(['build-1']), WITHIN)
})

it('a policy run whose version has no workers stands still, until it is moved', { timeout: TIMEOUT }, async () => {
  const { run, left } = book.section('A policy run stands still, because its version has no workers any more')
  const policyRun = await beginRun()
  expect(await buildsOf(policyRun.workflowId)).toEqual(['build-1'])
  // Ended before it has drained.
  expect(await one?.stop()).toEqual({ code: 0, signal: null })
  await setCurrent('Deploy a version')
  await vi.waitFor(async () => expect(await run('workflow list')).toContain(policyRun.workflowId), WITHIN)
  const before = await policyRun.processed()
  await run('update-options')
  await expect.poll(policyRun.processed, WITHIN).toBeGreaterThan(before)
  expect(await buildsOf(policyRun.workflowId)).toEqual(['build-1', 'build-2'])
  expect(left()).toEqual([])
})

it('worker versions are turned off and on while schedules wait', { timeout: TIMEOUT }, async () => {
  const withVersion = await makeSchedule(product, 3_600_000)
  await armed(withVersion)
  await unversioned?.start()
  await setCurrent('Turn worker versions off')
  const without = await makeSchedule(product, 3_600_000)
  await armed(without)
  await fire(withVersion)
  expect(await buildsOf(withVersion.workflowId)).toEqual(['build-2', ''])
  await setCurrent('Deploy a version')
  await fire(without)
  expect(await buildsOf(without.workflowId)).toEqual(['', 'build-2'])
})

it('no command of the document was left out', () => {
  expect(book.commands.filter(({ ran }) => !ran).map(({ text }) => text)).toEqual([])
})
