import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest'
import { createLog } from '../../runtime/log.ts'
import { openDatabase } from '../../store/database.ts'
import { patchItem } from '../../store/media-items.ts'
import { transaction } from '../../store/transaction.ts'
import { POLICY, STRICTER } from '../helpers/catalog.ts'
import { startStack } from '../helpers/processes.ts'
import { createCaller } from './caller.ts'
import { createHolder, stopCommits } from './policy-holds.ts'
import {
  brokenAfter,
  brokenPublicList,
  bytesOf,
  countCovered,
  runRow,
  untilProcessed,
  untilRun,
} from './policy-oracle.ts'
import { GOING_BACK, POINTS } from './policy-points.ts'
import { begin, beginAgain, hurry, promote, type Scene, type Started, workflowOf, write } from './policy-scene.ts'
import { COUNT, importCatalog, startStorm, UNTOUCHED_FROM } from './policy-storm.ts'
import { randomOf } from './random.ts'
import { killAndRestart } from './strike.ts'
import { until } from './until.ts'

const TIMEOUT = 150_000
const SEED = 20_260_301
let scene: Scene
let live: Started

beforeAll(async () => {
  // So that continue-as-new comes within a test.
  const stack = await startStack(['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=150'])
  const caller = await createCaller(stack.url)
  scene = { stack, caller, runs: [] }
  // It runs at each full minute and would heal what these tests want to see broken. Triggered, it runs nevertheless.
  await stack.client.schedule.getHandle(stack.names.reconciler).pause()
  await countCovered(stack)
  await importCatalog(stack)
  live = await begin(scene, {}, POLICY)
  await untilRun(stack, live.runId, 'success')
  await promote(scene, live)
}, TIMEOUT)
afterAll(async () => {
  await scene?.stack.stop()
}, TIMEOUT)

/** Writers evaluate a version that is ready for a week; nobody here is going to promote it. */
async function forget({ version }: Started): Promise<void> {
  await scene.stack.sql('DELETE FROM evaluated_versions WHERE version = $1', [version])
}

const complain = () => onTestFailed(() => console.error(scene.stack.complaints(), scene.caller.tally))

async function expectNothingBroken(run: Started): Promise<void> {
  expect(await brokenAfter(scene.stack, scene.caller, run.runId)).toEqual([])
  expect(scene.caller.outrages).toEqual([])
}

/** An item of the first batch is written by somebody who began before the run was, and commits long after. */
async function straggle(until_: () => Promise<unknown>): Promise<void> {
  const db = openDatabase({ url: scene.stack.databaseUrl, name: 'api', log: createLog('straggler', 'silent') })
  const work = async (tx: Parameters<Parameters<typeof transaction>[1]>[0]) => {
    await patchItem(tx, 1, { metadata: { rating: 1 } })
    await until_()
  }
  await transaction(db, work, { origin: { actor: 'straggler', door: 'http' } }).finally(() => db.pool.end())
}

const storms: { victim: 'worker' | 'api' | 'temporal' | 'postgres'; options: object; document: object }[] = [
  { victim: 'worker', options: { batchSize: 20, delayMs: 45 }, document: STRICTER },
  { victim: 'postgres', options: { batchSize: 40, delayMs: 40 }, document: POLICY },
  { victim: 'temporal', options: { batchSize: 40, delayMs: 40 }, document: STRICTER },
]

describe('a run in a storm of writers', () => {
  test.each(storms)('SIGKILL of $victim in the middle', { timeout: TIMEOUT }, async ({ victim, options, document }) => {
    complain()
    const { stack, caller } = scene
    const untouched = await bytesOf(stack, live.version, UNTOUCHED_FROM, COUNT)
    caller.tally.clear()
    let run: Started | undefined
    const storm = startStorm(stack, caller, SEED + victim.length, () => run?.runId)
    // A second and a half, unless the run gets ahead of the writer, which it must not.
    const began = Promise.withResolvers<void>()
    const straggler = straggle(async () => {
      run = await begin(scene, options, document)
      began.resolve()
      await untilProcessed(stack, run.runId, 0, 1_500).catch(() => {})
    })
    await Promise.all([began.promise, straggler])
    const prepared = run as unknown as Started
    await untilProcessed(stack, prepared.runId, 1_500)
    await killAndRestart(stack[victim])
    await untilRun(stack, prepared.runId, 'success')
    const writes = await storm.stop()
    expect(storm.outrages).toEqual([])
    expect(writes).toMatchObject({
      'zombie with an old fence': expect.any(Number),
      'zombie with an old cursor': expect.any(Number),
    })
    expect(writes['PATCH 200']).toBeGreaterThan(300)
    expect(writes['SQL committed']).toBeGreaterThan(50)
    if (victim === 'worker') expect([...caller.tally.keys()].filter((answer) => /^(5|no)/.test(answer))).toEqual([])
    await expectNothingBroken(prepared)
    expect((await runRow(stack, prepared.runId)).base_policy_version).toBe(live.version)
    expect(await bytesOf(stack, live.version, UNTOUCHED_FROM, COUNT)).toBe(untouched)
    await promote(scene, prepared)
    live = prepared
    expect(await brokenPublicList(stack)).toEqual([])
  })
})

describe('SIGKILL of the worker', () => {
  test.each(POINTS.map((point, n) => ({ ...point, n })))('$name', { timeout: TIMEOUT }, async ({ reach, n }) => {
    complain()
    const { stack } = scene
    const holder = await createHolder(stack)
    const { release, ...run } = await reach(scene, holder)
    await stack.worker.kill()
    await holder.release()
    await release?.()
    await write(scene, n)
    await hurry(scene, run)
    await stack.worker.start()
    await untilRun(stack, run.runId, 'success')
    await expectNothingBroken(run)
    await forget(run)
  })

  test('while going back waits for the row of the version that is live', { timeout: TIMEOUT }, async () => {
    complain()
    const { stack } = scene
    const next = await begin(scene, {})
    await untilRun(stack, next.runId, 'success')
    await promote(scene, next)
    const holder = await createHolder(stack)
    const run = await GOING_BACK(scene, holder, live)
    await stack.worker.kill()
    await holder.release()
    expect(await activeVersions()).toEqual([next.version])
    expect(await runRow(stack, run.runId)).toMatchObject({ status: 'running', processed: 0 })
    await hurry(scene, run)
    await stack.worker.start()
    await untilRun(stack, run.runId, 'promoted')
    live = run
    expect(await activeVersions()).toEqual([live.version])
    expect(await brokenPublicList(stack)).toEqual([])
  })
})

const activeVersions = async () =>
  (await scene.stack.sql('SELECT version FROM catalog_policies WHERE is_active')).map(({ version }) => version)

describe('SIGKILL of the API', () => {
  test.each(['before', 'at'] as const)('%s the COMMIT of a promotion', { timeout: TIMEOUT }, async (point) => {
    complain()
    const { stack, caller } = scene
    const run = await begin(scene, {})
    await untilRun(stack, run.runId, 'success')
    const holder = await createHolder(stack)
    await holder.hold('SELECT 1 FROM configuration_revision FOR UPDATE')
    const path = `/catalog-policy-runs/${run.runId}/promote`
    // Asked again with the same key until it is answered.
    const asked = caller.call('POST', path)
    const backend = await holder.untilWaitedFor(/UPDATE configuration_revision/)
    if (point === 'before') {
      await stack.api.kill()
      await holder.release()
      await until(async () =>
        (await stack.sql('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [backend]))[0] ? 'alive' : undefined,
      )
    } else {
      const commits = await stopCommits(stack)
      await holder.release()
      await commits.untilAtCommit('scan')
      await stack.api.kill()
      await commits.release()
    }
    const committed = point === 'at'
    expect(await activeVersions()).toEqual([committed ? run.version : live.version])
    expect(await runRow(stack, run.runId)).toMatchObject({ status: committed ? 'promoted' : 'success' })
    await stack.api.start()
    expect(await asked).toMatchObject({ status: 200, body: { success: true, policyVersion: run.version } })
    expect(await caller.call('POST', path)).toMatchObject({
      status: 400,
      code: 'promotion-blocked',
      body: { blockingReasons: ['the run is promoted, not a success'] },
    })
    live = run
    expect(await activeVersions()).toEqual([live.version])
    const [told] = await stack.sql(
      `SELECT count(*)::integer AS times FROM events WHERE run_id = $1 AND type = 'policy-promoted'`,
      [run.runId],
    )
    expect(told).toEqual({ times: 1 })
    expect(await brokenPublicList(stack)).toEqual([])
    expect(caller.outrages).toEqual([])
  })
})

test('a worker that stood still in a batch wakes up beside another that has taken over', {
  timeout: TIMEOUT,
}, async () => {
  complain()
  const { stack } = scene
  const second = stack.another('worker')
  const run = await begin(scene, { batchSize: 20, delayMs: 100 })
  await untilProcessed(stack, run.runId, 300)
  const holder = await createHolder(stack)
  await holder.hold('SELECT 1 FROM catalog_evaluation_ranges WHERE run_id = $1 FOR UPDATE', [run.runId])
  await holder.untilWaitedFor(/^WITH evaluated/)
  await stack.worker.pause()
  await holder.release()
  await write(scene, 77)
  const { fence, processed } = await runRow(stack, run.runId)
  await second.start()
  // Nobody tells Temporal: it misses the heartbeat. It may give the next attempts to polls of the one that stands still, too,
  // each of which it misses after 10 s.
  await until(async () => ((await runRow(stack, run.runId)).fence > fence ? undefined : 'nobody took over'), 90_000, 20)
  await untilProcessed(stack, run.runId, processed)
  await stack.worker.resume()
  await stack.sql('UPDATE catalog_evaluation_runs SET delay_ms = 0, batch_size = 200 WHERE id = $1', [run.runId])
  await write(scene, 78)
  await untilRun(stack, run.runId, 'success')
  await expectNothingBroken(run)
  await second.stop()
  await forget(run)
})

test('cancelled at random, again and again: nothing is written after the answer, and the next run succeeds', {
  timeout: TIMEOUT,
}, async () => {
  complain()
  const { stack, caller } = scene
  const random = randomOf(SEED)
  const slow = { batchSize: 20, delayMs: 10, parallelism: 4 }
  let run = await begin(scene, slow)
  for (let n = 0; n < 3; n++) {
    const storm = startStorm(stack, caller, SEED + 1_000 + n, () => run.runId)
    await untilProcessed(stack, run.runId, Math.floor(random() * 1_000))
    await storm.stop()
    expect(storm.outrages).toEqual([])
    expect(await caller.call('POST', `/catalog-policy-runs/${run.runId}/cancel`)).toMatchObject({ status: 200 })
    const [row, rows] = [await runRow(stack, run.runId), await bytesOf(stack, run.version)]
    expect(row.status).toBe('cancelled')
    await write(scene, n)
    // A short observation is all that can be done about something that must not happen.
    await new Promise((resolve) => setTimeout(resolve, n === 0 ? 2_000 : 300))
    expect(await runRow(stack, run.runId)).toEqual(row)
    expect(await bytesOf(stack, run.version)).toBe(rows)
    run = await beginAgain(scene, run.policyId, run.version, slow)
  }
  const storm = startStorm(stack, caller, SEED + 2_000, () => run.runId)
  await untilRun(stack, run.runId, 'success')
  await storm.stop()
  expect(storm.outrages).toEqual([])
  await expectNothingBroken(run)
  await forget(run)
})

test('a terminated workflow: its run has failed once the reconciler has seen it, and is resumed', {
  timeout: TIMEOUT,
}, async () => {
  complain()
  const { stack, caller } = scene
  const run = await begin(scene, { batchSize: 20, delayMs: 40 })
  const storm = startStorm(stack, caller, SEED + 3_000, () => run.runId)
  await untilProcessed(stack, run.runId, 500)
  await workflowOf(scene, run).terminate('chaos')
  await stack.client.schedule.getHandle(stack.names.reconciler).trigger()
  await untilRun(stack, run.runId, 'failed')
  const { processed } = await runRow(stack, run.runId)
  expect(await caller.call('POST', `/catalog-policy-runs/${run.runId}/resume`)).toMatchObject({ status: 202 })
  await untilProcessed(stack, run.runId, processed)
  await untilRun(stack, run.runId, 'success')
  await storm.stop()
  expect(storm.outrages).toEqual([])
  await expectNothingBroken(run)
  await forget(run)
})

test('in the end every workflow has closed, and what is live is right', { timeout: TIMEOUT }, async () => {
  for (const run of scene.runs) {
    const look = async () => {
      const { status } = await workflowOf(scene, run).describe()
      return status.name === 'COMPLETED' ? undefined : `the workflow of run ${run.runId} is ${status.name}`
    }
    await until(look, 30_000)
  }
  expect(await brokenPublicList(scene.stack)).toEqual([])
  const [open] = await scene.stack.sql(
    `SELECT count(*)::integer AS running FROM catalog_evaluation_runs WHERE status = 'running'`,
  )
  expect(open).toEqual({ running: 0 })
})
