import pg from 'pg'
import { expect, vi } from 'vitest'
import { itemOf, makePolicy, POLICY, prepare, STRICTER, untilEnded } from '../helpers/catalog.ts'
import { type Scene, scenario, WITHIN } from './scene.ts'

const SLOW = { batchSize: 10, parallelism: 1, delayMs: 300 }

/** What is done with policies, their runs and the catalog. */
export function policyScenarios(scene: Scene): void {
  const read = async (runId: string) => (await scene.product.call('GET', `catalog-policy-runs/${runId}`)).body
  const toBe = (runId: string, status: string) =>
    expect.poll(async () => (await read(runId)).status, WITHIN).toBe(status)
  /** Begins a run, and waits until its workflow works. */
  const begin = async (policy: { id: string; version: number }, options: object = SLOW) => {
    const { status, body } = await scene.product.call('POST', `catalog-policies/${policy.id}/prepare`, options)
    expect(status).toBe(202)
    await expect.poll(async () => (await read(body.runId)).totalReadySnapshot, WITHIN).not.toBeNull()
    return { VERSION: String(policy.version), POLICY: policy.id, RUN: body.runId as string }
  }

  scenario(scene, 'Policy runs', async ({ run, json }) => {
    await scene.product.importItems(1_000)
    const of = await begin(await makePolicy(scene.product))
    const workflowId = `reeval:${of.VERSION}:${of.RUN}`
    for (const list of ['WorkflowType', 'PolicyVersion']) {
      await vi.waitFor(async () => expect(await run(list, of)).toContain(workflowId), WITHIN)
    }
    expect(await run('workflow metadata', of)).toContain('processed')
    expect(await json('/catalog-policy-runs/', of)).toMatchObject({ status: 'running', readyToPromote: false })
    expect((await json('/catalog-policies'))[0]).toMatchObject({ evaluated: 'preparing' })
    await scene.product.call('POST', `catalog-policy-runs/${of.RUN}/cancel`)
  })

  scenario(scene, 'Slow down, stop, resume or cancel a policy run', async ({ run, json }) => {
    const policy = await makePolicy(scene.product)
    const of = await begin(policy)
    await run('--name pace', of)
    await expect.poll(() => read(of.RUN), WITHIN).toMatchObject({ batchSize: 200, delayMs: 1_000 })
    expect(await json('-X PATCH', of)).toMatchObject({ delayMs: 500 })
    // Batches of 200 would be through before the commands that follow.
    await scene.product.call('PATCH', `catalog-policy-runs/${of.RUN}`, { batchSize: 10 })
    await run('workflow terminate', of)
    await run('schedule trigger')
    await toBe(of.RUN, 'failed')
    expect(await read(of.RUN)).toMatchObject({ lastError: expect.stringContaining('too busy') })
    await run('signal-with-start', of)
    await toBe(of.RUN, 'running')
    await run('--name cancel', of)
    await toBe(of.RUN, 'cancelled')

    const another = await begin(policy)
    await run('workflow cancel', another)
    await toBe(another.RUN, 'cancelled')
    const third = await begin(policy)
    await scene.product.client.workflow.getHandle(`reeval:${third.VERSION}:${third.RUN}`).terminate()
    await run('schedule trigger')
    await toBe(third.RUN, 'failed')
    expect(await json('/resume', third)).toMatchObject({ status: 'running' })
    expect(await json('/cancel?', third)).toMatchObject({ status: 'cancelled' })
  })

  scenario(scene, 'Promote a policy, and go back', async ({ json }) => {
    const [first, second] = [await makePolicy(scene.product), await makePolicy(scene.product, STRICTER)]
    const before = await prepare(scene.product, first.id)
    expect(await json('/promote', { RUN: before.runId })).toMatchObject({ success: true, policyVersion: first.version })
    const after = await prepare(scene.product, second.id)
    expect((await json('/diff', { RUN: after.runId })).regressions).toBeGreaterThan(0)
    await scene.product.call('POST', `catalog-policy-runs/${after.runId}/promote`)
    const { runId } = await json('/rollback', { POLICY: first.id })
    await toBe(runId, 'promoted')
  })

  scenario(scene, 'A policy run fails', async ({ json }) => {
    const of = await begin(await makePolicy(scene.product))
    const partition = `media_catalog_evaluations_v${of.VERSION}`
    await scene.servers.sql(`CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$`)
    await scene.servers.sql(
      `CREATE TRIGGER disk_full BEFORE INSERT ON ${partition} FOR EACH ROW EXECUTE FUNCTION disk_full()`,
    )
    const look = async () => (await json('status=running'))[0]
    await expect.poll(look, WITHIN).toMatchObject({ runId: of.RUN, lastError: 'no space left' })
    expect((await scene.product.call('GET', '/metrics')).body).toMatch(/^interlock_policy_runs_failing 1$/m)
    await scene.servers.sql(
      `UPDATE catalog_evaluation_runs SET failing_since = now() - interval '6 minutes', delay_ms = 0 WHERE id = $1`,
      [of.RUN],
    )
    await toBe(of.RUN, 'failed')
    await scene.servers.sql(`DROP TRIGGER disk_full ON ${partition}`)
    expect(await json('/resume', of)).toMatchObject({ status: 'running' })
    expect(await untilEnded(scene.product, of.RUN)).toMatchObject({ status: 'success', lastError: null })
  })

  scenario(scene, 'A policy run waits for writers', async ({ take }) => {
    // A transaction that stays open.
    const writer = new pg.Client({ connectionString: scene.servers.databaseUrl })
    const ended = new Promise<Error>((resolve) => writer.on('error', resolve))
    await writer.connect()
    await writer.query('BEGIN')
    await writer.query('SELECT pg_advisory_xact_lock_shared(1970170469, 1)')
    const holders = take('pg_locks')
    const pid = await vi.waitFor(async () => {
      const [holder] = await scene.servers.sql<{ pid: number; query: string }>(holders)
      expect(holder?.query).toContain('pg_advisory_xact_lock_shared')
      return holder?.pid
    }, WITHIN)
    const { body } = await scene.product.call(
      'POST',
      `catalog-policies/${(await makePolicy(scene.product)).id}/prepare`,
    )
    await expect
      .poll(async () => (await read(body.runId)).lastError, WITHIN)
      .toBe('writers hold items for too long: the barrier could not be passed')
    await scene.servers.sql(take('pg_terminate_backend').replace(':pid', String(pid)))
    expect((await ended).message).toContain('terminat')
    expect(await untilEnded(scene.product, body.runId)).toMatchObject({ status: 'success' })
  })

  scenario(scene, 'A policy run has errors', async ({ run, json }) => {
    const put = (id: number) =>
      scene.product.call('PUT', `media-items/${id}`, { title: 'Junk', metadata: { rating: 'high' } })
    await Promise.all([put(2_001), put(2_002)])
    const { id } = await makePolicy(scene.product, STRICTER)
    const { runId: RUN } = await prepare(scene.product, id)
    const { errors, errorSample, blockingReasons } = await json(/RUN$/, { RUN })
    expect([errors, blockingReasons]).toEqual([2, ['2 items could not be evaluated, more than 0']])
    await run('/media-items/', { ITEM: String(errorSample[0].mediaItemId) })
    expect(await json('/promote', { RUN })).toMatchObject({ success: true })
  })

  scenario(scene, 'Coverage is below 100 % after a success', async ({ take, json }) => {
    const { id, version } = await makePolicy(scene.product, POLICY)
    const { runId } = await prepare(scene.product, id)
    await scene.servers.sql(
      `UPDATE media_items SET version = version + 1, updated_at = clock_timestamp() WHERE id = 17`,
    )
    expect((await read(runId)).coverage).toBeLessThan(1)
    const missing = await scene.servers.sql(take('NOT EXISTS').replace(':version', String(version)))
    expect(missing).toMatchObject([{ id: itemOf(17).id }])
    const again = await json('/prepare', { POLICY: id })
    expect(await untilEnded(scene.product, again.runId)).toMatchObject({ coverage: 1 })
  })
}
