import { afterEach, expect, it, vi } from 'vitest'
import { loadDemo } from '../../dev/demo.ts'
import { loadDemoCatalog } from '../../dev/demo-catalog.ts'
import { generate } from '../../dev/generate.ts'
import { interpret } from '../../domain/policy/interpret.ts'
import { createTestApp, type TestApp } from '../helpers/app.ts'
import { prepare } from '../helpers/catalog.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { startTestWorker } from '../helpers/worker.ts'

const FILMS = 3_201

const [whole, interrupted, own] = [await installation(true), await installation(true), await installation(false)]

async function installation(withWorker: boolean) {
  const databaseUrl = await createTestDatabase()
  const app = await createTestApp(databaseUrl)
  if (withWorker) await startTestWorker(app, databaseUrl)
  const url = await app.app.listen({ port: 0, host: '127.0.0.1' })
  return { ...app, api: { url, token: await app.token('admin') } }
}

const policies = async ({ call }: TestApp) => (await call('GET', 'catalog-policies')).body
const revision = async ({ db }: TestApp) => await one(db, 'SELECT count(*) AS count FROM events')

async function expectComplete(app: TestApp) {
  expect(await one(app.db, 'SELECT count(*) AS count FROM media_items')).toEqual({ count: FILMS })
  expect(await policies(app)).toMatchObject([
    { version: 2, name: 'Demo: stricter launch rules', isActive: false, evaluated: null },
    { version: 1, name: 'Demo: launch rules', isActive: true },
  ])
  const { body: runs } = await app.call('GET', 'catalog-policy-runs')
  expect(runs).toMatchObject([{ status: 'promoted', targetPolicyVersion: 1, totalReadySnapshot: FILMS, errors: 0 }])
}

/** Does what a kill does: the request whose path is this is answered, and nobody is there any more to hear it. */
function dieAfter(path: RegExp) {
  const real = globalThis.fetch
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const answer = await real(input, init)
    if (init?.method === 'POST' && path.test(String(input))) throw new Error('killed')
    return answer
  })
}

afterEach(() => vi.restoreAllMocks())

it('is 3,201 films and a policy that is live; the stricter one has something of everything in its diff', async () => {
  expect(await loadDemoCatalog(whole.api)).toBe(FILMS)
  await expectComplete(whole)
  const before = await revision(whole)
  expect(await loadDemoCatalog(whole.api)).toBeUndefined()
  expect(await revision(whole)).toEqual(before)

  const counts = await one(
    whole.db,
    `SELECT count(*) FILTER (WHERE title IS NULL) AS untitled, count(*) FILTER (WHERE title ~ '^[0-9]+$') AS numbers,
       count(*) FILTER (WHERE jsonb_typeof(metadata->'title') = 'number') AS kept,
       count(*) FILTER (WHERE released_at IS NULL) AS undated, max(released_at) < '2012-01-01' AS plausible
     FROM media_items`,
  )
  expect(counts).toEqual({ untitled: 1, numbers: 9, kept: 9, undated: 22, plausible: true })

  const [stricter] = await policies(whole)
  const run = await prepare(whole, stricter.id)
  expect(run).toMatchObject({ status: 'success', errors: 0, readyToPromote: true })
  const { body: diff } = await whole.call('GET', `catalog-policy-runs/${run.runId}/diff`)
  expect(diff).toMatchObject({ items: FILMS, baseVersion: 1 })
  for (const kind of ['regressions', 'improvements', 'reasonChanges']) expect(diff[kind], kind).toBeGreaterThan(20)
})

it('has policies that can be asked of generated items as well, whose junk is no error', async () => {
  const items = [...generate(2_000, 1)].flatMap((lines) => lines.trim().split('\n')).map((line) => JSON.parse(line))
  expect(items).toHaveLength(2_000)
  for (const { document } of await policies(whole)) {
    const statuses = items.map((item) => {
      const releasedAt = item.releasedAt && Date.parse(item.releasedAt)
      return interpret(document, { ...item, releasedAt, createdAt: 0 }).status
    })
    expect(new Set(statuses)).toEqual(new Set(['eligible', 'ineligible', 'pending']))
  }
})

it('goes on where it was interrupted', async () => {
  for (const path of [/catalog-policies$/, /import$/, /prepare$/, /promote$/, /catalog-policies$/]) {
    dieAfter(path)
    await expect(loadDemoCatalog(interrupted.api), String(path)).rejects.toThrow('killed')
    vi.restoreAllMocks()
  }
  expect(await loadDemoCatalog(interrupted.api)).toBeUndefined()
  await expectComplete(interrupted)
})

it('leaves the catalog of somebody else alone', async () => {
  await own.call('PUT', 'media-items/1', { title: 'Mine' })
  expect(await loadDemoCatalog(own.api)).toBeUndefined()
  expect(await policies(own)).toEqual([])
  await own.call('POST', 'catalog-policies', { name: 'Mine', document: { rules: [] } })
  await own.call('DELETE', 'media-items/1')
  expect(await loadDemoCatalog(own.api)).toBeUndefined()
  expect(await policies(own)).toHaveLength(1)
  expect(await one(own.db, 'SELECT count(*) AS count FROM media_items WHERE deleted_at IS NULL')).toEqual({ count: 0 })
})

it('completes flags that were made without their schedules, and leaves those of somebody else alone', async () => {
  await own.call('POST', 'flags', { key: 'search-v2', description: 'Mine' })
  const schedules = async () => (await one(own.db, 'SELECT count(*) AS count FROM feature_flag_schedules'))?.count
  dieAfter(/flags$/)
  await expect(loadDemo(own.api)).rejects.toThrow('killed')
  vi.restoreAllMocks()
  expect(await schedules()).toBe(0)
  dieAfter(/schedule$/)
  await expect(loadDemo(own.api)).rejects.toThrow('killed')
  vi.restoreAllMocks()
  expect(await schedules()).toBe(1)
  expect(await loadDemo(own.api)).toEqual(['dark-mode', 'holiday-banner'])
  expect(await schedules()).toBe(3)
  expect(await loadDemo(own.api)).toEqual([])
  expect(await schedules()).toBe(3)
})
