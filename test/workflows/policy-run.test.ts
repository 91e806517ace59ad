import { beforeAll, describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { importItems, items, makePolicy, POLICY, prepare, STRICTER, untilEnded } from '../helpers/catalog.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { record } from '../helpers/histories.ts'
import { temporal } from '../helpers/temporal-cli.ts'
import { startTestWorker } from '../helpers/worker.ts'

const COUNT = 2_000

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, client, db, names } = app
await startTestWorker(app, url)

beforeAll(async () => {
  expect(await importItems(app, items(COUNT))).toMatchObject({ created: COUNT, failed: 0 })
})

const read = async (runId: string) => (await call('GET', `catalog-policy-runs/${runId}`)).body
const workflow = ({ workflowId }: { workflowId: string }) => client.workflow.getHandle(workflowId)
const lastEvent = async (runId: string, type: string) =>
  (await call('GET', `events?runId=${runId}&type=${type}&limit=1`)).body[0]
const ended = async (run: { workflowId: string }) =>
  await expect.poll(async () => (await workflow(run).describe()).status.name, { timeout: 10_000 }).not.toBe('RUNNING')
const reconcile = async () => {
  const workflowId = `${names.reconciler}-${crypto.randomUUID()}`
  await client.workflow.execute('reconcile', { workflowId, taskQueue: names.queues.timers })
  return workflowId
}

/** Starts a run that takes half a minute if nobody interferes, and waits until it has begun. */
const slowRun = async () => {
  const policy = await makePolicy(app)
  const { body } = await call('POST', `catalog-policies/${policy.id}/prepare`, { batchSize: 5, delayMs: 150 })
  await expect.poll(async () => (await read(body.runId)).processed, { timeout: 10_000 }).toBeGreaterThan(0)
  return { ...(await read(body.runId)), policy }
}

describe('a policy run', () => {
  it('prepares, compares, promotes, and goes back', async () => {
    const first = await makePolicy(app)
    const run = await prepare(app, first.id, { batchSize: 100 })
    expect(run).toMatchObject({
      status: 'success',
      processed: COUNT,
      totalReadySnapshot: COUNT,
      coverage: 1,
      readyToPromote: true,
      blockingReasons: [],
      basePolicyVersion: null,
    })
    expect(run.eligible + run.ineligible + run.pending + run.errors).toBe(COUNT)
    expect((await call('GET', '/api/catalog/items')).body).toEqual([])
    const promotion = await call('POST', `catalog-policy-runs/${run.runId}/promote`)
    expect(promotion).toMatchObject({ status: 200, body: { success: true, policyVersion: first.version, coverage: 1 } })
    const live = async () => {
      const { body, headers } = await call('GET', '/api/catalog/items?limit=200')
      return { version: headers['x-policy-version'], items: body }
    }
    const before = await live()
    expect(before).toMatchObject({ version: String(first.version) })

    const second = await makePolicy(app, STRICTER)
    const stricter = await prepare(app, second.id)
    const { body: diff } = await call('GET', `catalog-policy-runs/${stricter.runId}/diff`)
    expect(diff).toMatchObject({ baseVersion: first.version, items: COUNT, improvements: 0 })
    expect(diff.regressions).toBe(run.eligible - stricter.eligible)
    expect(diff.samples.regressions[0].after.reasons).toEqual(['bad'])
    expect(await live()).toEqual(before)
    await call('POST', `catalog-policy-runs/${stricter.runId}/promote`)
    expect((await live()).version).toBe(String(second.version))

    const { status, body } = await call('POST', `catalog-policies/${first.id}/rollback?reason=oops`)
    expect(status).toBe(202)
    const back = await untilEnded(app, body.runId)
    expect(back).toMatchObject({
      kind: 'rollback',
      status: 'promoted',
      processed: COUNT,
      eligible: run.eligible,
      promotedBy: 'alice',
    })
    expect(await live()).toEqual(before)
    await Promise.all([ended(run), ended(back)])
    await record(app, run.workflowId, 'success')
    await record(app, back.workflowId, 'rolled-back')
  })

  it('shows its progress in Temporal, and is found by its version', async () => {
    const run = await slowRun()
    const { version } = run.policy
    await expect
      .poll(
        async () =>
          await temporal('workflow', 'list', '--query', `PolicyVersion=${version} AND WorkflowType="policyRun"`),
      )
      .toContain(run.workflowId)
    await expect
      .poll(() => temporal('workflow', 'metadata', '-w', run.workflowId), { timeout: 10_000 })
      .toMatch(/\| processed \| eligible .*\n.*\n.*\| \d+ of 2000 \|/)
    await call('POST', `catalog-policy-runs/${run.runId}/cancel`)
    await ended(run)
    await record(app, run.workflowId, 'cancelled-by-http')
  })

  it('is slowed down, sped up and cancelled by signals, by whoever sent them', async () => {
    const run = await slowRun()
    const signal = (name: string, input: object) =>
      temporal('workflow', 'signal', '-w', run.workflowId, '--name', name, '--input', JSON.stringify(input))
    await signal('pace', { batchSize: 7, delayMs: 120, by: 'olivia' })
    await expect.poll(() => read(run.runId)).toMatchObject({ batchSize: 7, delayMs: 120 })
    expect(await lastEvent(run.runId, 'policy-run-changed')).toMatchObject({
      actor: 'olivia',
      door: 'signal',
      data: { before: { batchSize: 5 }, after: { batchSize: 7 } },
    })
    const says = (text: string) =>
      expect
        .poll(async () => (await temporal('workflow', 'metadata', '-w', run.workflowId)).replaceAll('\n', ' '), {
          timeout: 10_000,
        })
        .toContain(text)
    const changed = await lastEvent(run.runId, 'policy-run-changed')
    for (const [input, reason] of [
      [{ batchSize: 0 }, 'Refused: pace: batchSize'],
      [{ delayMS: 200, by: 'olivia' }, 'Refused: pace: delayMS: is not a field of this request'],
      [{ by: 'olivia' }, 'Refused: pace: input: must name at least one of batchSize, delayMs'],
    ] as const) {
      await signal('pace', input)
      await says(reason)
    }
    expect(await lastEvent(run.runId, 'policy-run-changed')).toEqual(changed)
    await signal('resume', {})
    await says('only one that failed can be resumed')
    await signal('cancel', { reason: 'wrong rules' })
    await ended(run)
    const cancelled = await read(run.runId)
    expect(cancelled).toMatchObject({ status: 'cancelled' })
    expect(cancelled.processed).toBeGreaterThan(0)
    expect(await lastEvent(run.runId, 'policy-run-cancelled')).toMatchObject({ door: 'signal', reason: 'wrong rules' })
    await record(app, run.workflowId, 'paced-and-cancelled-by-signal')
  })

  it('is cancelled with its workflow', async () => {
    const run = await slowRun()
    await temporal('workflow', 'cancel', '-w', run.workflowId)
    await expect.poll(async () => (await workflow(run).describe()).status.name, { timeout: 10_000 }).toBe('CANCELLED')
    expect(await read(run.runId)).toMatchObject({ status: 'cancelled' })
    expect(await lastEvent(run.runId, 'policy-run-cancelled')).toMatchObject({ door: 'temporal' })
    await record(app, run.workflowId, 'workflow-cancelled')
  })

  it('that an operator terminated has failed, and is resumed from its cursor by signal-with-start', async () => {
    const run = await slowRun()
    await temporal('workflow', 'terminate', '-w', run.workflowId, '--reason', 'too busy')
    await record(app, await reconcile(), 'policy-run-failed')
    const failed = await read(run.runId)
    expect(failed).toMatchObject({ status: 'failed', lastError: expect.stringContaining('too busy') })
    await one(db, 'UPDATE catalog_evaluation_runs SET delay_ms = 0, batch_size = 500 WHERE id = $1', [run.runId])
    await temporal(
      ...[
        'workflow',
        'signal-with-start',
        '-w',
        run.workflowId,
        '--type',
        'policyRun',
        '--task-queue',
        names.queues.batch,
      ],
      ...['--input', JSON.stringify({ runId: run.runId })],
      ...['--signal-name', 'resume', '--signal-input', '{"by": "olivia"}'],
    )
    await expect
      .poll(() => read(run.runId), { timeout: 10_000 })
      .toMatchObject({ status: 'success', processed: COUNT, coverage: 1, snapshotCutoff: run.snapshotCutoff })
    expect(await lastEvent(run.runId, 'policy-run-resumed')).toMatchObject({
      actor: 'olivia',
      data: { from: 'cursor', processed: failed.processed },
    })
    await ended(run)
    await record(app, run.workflowId, 'resumed-by-signal')
  })

  it('goes on when its workflow was reset', async () => {
    const run = await slowRun()
    await temporal('workflow', 'reset', '-w', run.workflowId, '--type', 'FirstWorkflowTask', '--reason', 'try again')
    await call('PATCH', `catalog-policy-runs/${run.runId}`, { batchSize: 500, delayMs: 0 })
    expect(await untilEnded(app, run.runId)).toMatchObject({ status: 'success', processed: COUNT, errors: 0 })
    await ended(run)
    await record(app, run.workflowId, 'reset')
  })

  it('ends when its row is gone', async () => {
    const run = await slowRun()
    await temporal('workflow', 'terminate', '-w', run.workflowId)
    await one(db, 'DELETE FROM catalog_evaluation_runs WHERE id = $1', [run.runId])
    await client.workflow.signalWithStart('policyRun', {
      ...{ workflowId: run.workflowId, taskQueue: names.queues.batch, args: [{ runId: run.runId }] },
      ...{ signal: 'nudge', signalArgs: [] },
    })
    expect(await workflow(run).result()).toBe('deleted')
  })

  it('goes on when its workflow was deleted', async () => {
    const run = await slowRun()
    await temporal('workflow', 'delete', '-w', run.workflowId, '--yes')
    await expect
      .poll(() =>
        workflow(run)
          .describe()
          .then(
            () => 'there',
            () => 'gone',
          ),
      )
      .toBe('gone')
    await one(db, 'UPDATE catalog_evaluation_runs SET delay_ms = 0 WHERE id = $1', [run.runId])
    await reconcile()
    expect(await untilEnded(app, run.runId)).toMatchObject({ status: 'success', processed: COUNT })
  })

  it('continues as new, with nothing but its id', async () => {
    const run = await slowRun()
    const [before] = [(await workflow(run).describe()).runId]
    await expect
      .poll(
        async () => {
          await workflow(run).signal('nudge')
          return (await workflow(run).describe()).runId
        },
        { timeout: 20_000, interval: 50 },
      )
      .not.toBe(before)
    await record(app, run.workflowId, 'continued-as-new', before)
    await call('PATCH', `catalog-policy-runs/${run.runId}`, { batchSize: 500, delayMs: 0 })
    expect(await untilEnded(app, run.runId)).toMatchObject({ status: 'success', processed: COUNT })
  })

  it('fails when nothing could be committed for minutes, and goes on where it stands once that is mended', async () => {
    const run = await slowRun()
    const partition = `media_catalog_evaluations_v${run.policy.version}`
    await db.pool.query(`
      CREATE FUNCTION disk_full_${run.policy.version}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$;
      CREATE TRIGGER disk_full BEFORE INSERT ON ${partition} FOR EACH ROW EXECUTE FUNCTION disk_full_${run.policy.version}()`)
    await expect.poll(() => read(run.runId), { timeout: 10_000 }).toMatchObject({ lastError: 'no space left' })
    expect(await read(run.runId)).toMatchObject({ status: 'running' })
    // Time is data: five minutes have passed.
    await one(db, `UPDATE catalog_evaluation_runs SET failing_since = now() - interval '6 minutes' WHERE id = $1`, [
      run.runId,
    ])
    const failed = await untilEnded(app, run.runId)
    expect(failed).toMatchObject({ status: 'failed', lastError: expect.stringMatching(/for 36\d s: no space left/) })
    await ended(run)
    await record(app, run.workflowId, 'failed')
    await db.pool.query(`DROP TRIGGER disk_full ON ${partition}`)
    await one(db, 'UPDATE catalog_evaluation_runs SET delay_ms = 0 WHERE id = $1', [run.runId])
    expect(await call('POST', `catalog-policy-runs/${run.runId}/resume`)).toMatchObject({
      status: 202,
      body: { status: 'running' },
    })
    expect(await untilEnded(app, run.runId)).toMatchObject({
      status: 'success',
      processed: COUNT,
      errors: 0,
      lastError: null,
    })
  })
})

it('two policies are prepared side by side', async () => {
  const [one_, two] = [await makePolicy(app, POLICY), await makePolicy(app, STRICTER)]
  const runs = await Promise.all([prepare(app, one_.id), prepare(app, two.id)])
  for (const run of runs) expect(run).toMatchObject({ status: 'success', processed: COUNT, coverage: 1 })
})
