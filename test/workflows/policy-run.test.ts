import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { importItems, items, makePolicy, prepare, STRICTER } from '../helpers/catalog.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call } = app
await startTestWorker(app, url)

describe('a policy run', () => {
  it('prepares, compares, promotes, and goes back', async () => {
    expect(await importItems(app, items(2_000))).toMatchObject({ created: 2_000, failed: 0 })
    const first = await makePolicy(app)
    const run = await prepare(app, first.id, { batchSize: 100 })
    expect(run).toMatchObject({ status: 'success', processed: 2_000, totalReadySnapshot: 2_000, coverage: 1, readyToPromote: true })
    const promoted = await call('POST', `catalog-policy-runs/${run.runId}/promote`)
    console.log(promoted.body)
    const { body, headers } = await call('GET', '/api/catalog/items?limit=3')
    console.log(body, headers['x-policy-version'])
    const second = await makePolicy(app, STRICTER)
    const run2 = await prepare(app, second.id)
    const diff = await call('GET', `catalog-policy-runs/${run2.runId}/diff?limit=2`)
    console.dir(diff.body, { depth: 6 })
    await call('POST', `catalog-policy-runs/${run2.runId}/promote`)
    const back = await call('POST', `catalog-policies/${first.id}/rollback`)
    console.log(back.body)
    await expect.poll(async () => (await call('GET', `catalog-policy-runs/${back.body.runId}`)).body.status).toBe('promoted')
    console.log((await call('GET', `catalog-policy-runs/${back.body.runId}`)).body)
  })
})
