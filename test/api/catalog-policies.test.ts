import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { importItems, items, makePolicy, POLICY, prepare, STRICTER } from '../helpers/catalog.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, db } = app
const nothing = '00000000-0000-0000-0000-000000000000'

describe('policies', () => {
  it('are created with the next version, read, and listed newest first', async () => {
    const first = await call('POST', 'catalog-policies', { name: 'One', document: POLICY })
    expect(first).toMatchObject({
      status: 201,
      body: { name: 'One', isActive: false, createdBy: 'alice', document: POLICY },
    })
    expect(first.headers.location).toBe(`/api/admin/catalog-policies/${first.body.id}`)
    const second = await makePolicy(app, STRICTER)
    expect(second.version).toBe(first.body.version + 1)
    expect(await call('GET', `catalog-policies/${first.body.id}`)).toMatchObject({ status: 200, body: first.body })
    const { body, headers } = await call('GET', 'catalog-policies?limit=1')
    expect(body).toMatchObject([{ id: second.id }])
    const [, next = ''] = /<(.*)>; rel="next"/.exec(headers.link ?? '') ?? []
    expect((await call('GET', next)).body).toMatchObject([{ id: first.body.id }])
  })

  it('have versions without gaps or doubles, however many are made at once', async () => {
    const made = await Promise.all(Array.from({ length: 10 }, () => makePolicy(app)))
    const versions = made.map(({ version }) => version).sort((a, b) => a - b)
    expect(versions).toEqual(Array.from({ length: 10 }, (_, n) => (versions[0] as number) + n))
  })

  it('are the same when the request is repeated with its key', async () => {
    const ask = () => call('POST', 'catalog-policies', { name: 'Once', document: POLICY }, { 'idempotency-key': 'p-1' })
    const [a, b] = [await ask(), await ask()]
    expect(b.body).toEqual(a.body)
  })

  it.each([
    [{ rules: [{ reason: 'x', verdict: 'no', when: { field: 'title', eq: 'a' } }] }, 'document.rules.0.verdict'],
    [
      { rules: [{ reason: 'x', verdict: 'pending', when: { field: 'title', like: 'a' } }] },
      'document.rules.0.when.like',
    ],
    [
      { rules: [{ reason: 'x', verdict: 'pending', when: { all: [{ field: 'id', gt: 'a' }] } }] },
      'document.rules.0.when.all.0.gt',
    ],
    [{ rules: [], relevance: { divide: [1] } }, 'document.relevance.divide'],
    [{}, 'document.rules'],
    ['text', 'document'],
  ])('that are wrong are refused, with the place in the document: %j', async (document, field) => {
    const { status, body } = await call('POST', 'catalog-policies', { name: 'Bad', document })
    expect(status).toBe(400)
    expect(body.errors.map((error: { field: string }) => error.field)).toContain(field)
    expect(body.errors[0].message).toMatch(/must|needed|there are/)
  })

  it('cannot be written by a viewer, nor read without a token', async () => {
    const viewer = { authorization: `Bearer ${await app.token('viewer')}` }
    expect((await call('GET', 'catalog-policies', undefined, viewer)).status).toBe(200)
    expect((await call('POST', 'catalog-policies', { name: 'x', document: POLICY }, viewer)).status).toBe(403)
    expect((await call('GET', 'catalog-policies', undefined, { authorization: '' })).status).toBe(401)
  })
})

describe('a preview', () => {
  it('says what a document would do, beside the active version, and writes nothing', async () => {
    await importItems(app, items(50))
    const draft = {
      ...STRICTER,
      rules: [
        ...STRICTER.rules,
        { reason: 'odd', verdict: 'pending', when: { field: 'metadata.rating', contains: 'x' } },
      ],
    }
    const { status, body } = await call('POST', 'catalog-policies/preview', {
      document: draft,
      itemIds: [1, 7, 10, 4_000_000],
    })
    expect(status).toBe(200)
    expect(body.items.map((item: { mediaItemId: number }) => item.mediaItemId)).toEqual([1, 7, 10])
    expect(body.items[0]).toMatchObject({
      after: { status: 'error', reasons: ['odd'] },
      before: null,
      change: 'reasonChanges',
    })
    expect(body.items[0].problems[0]).toMatch(/^odd: metadata.rating is a number/)
    expect(body.items[1]).toMatchObject({ after: { status: 'pending', reasons: ['unrated'] } })
    const sample = await call('POST', 'catalog-policies/preview', { document: POLICY, sample: 20 })
    expect(sample.body.items.length).toBeGreaterThan(9)
    expect(sample.body.items.length).toBeLessThanOrEqual(20)
    expect(Object.values(sample.body.statuses).reduce((a, b) => (a as number) + (b as number), 0)).toBe(
      sample.body.items.length,
    )
    expect(await one(db, 'SELECT count(*) AS n FROM media_catalog_evaluations')).toEqual({ n: 0 })
    expect(
      (await call('POST', 'catalog-policies/preview', { document: POLICY, itemIds: [1], sample: 3 })).body.errors[0]
        .field,
    ).toBe('sample')
  })
})

describe('runs', () => {
  it('start once: of two prepares one is told the run of the other', async () => {
    const { id } = await makePolicy(app)
    const answers = await Promise.all([1, 2].map(() => call('POST', `catalog-policies/${id}/prepare`)))
    const [won, lost] = answers.toSorted((a, b) => a.status - b.status)
    expect(won).toMatchObject({ status: 202, body: { status: 'running' } })
    expect(lost).toMatchObject({ status: 409, body: { type: '/problems/policy-run-running', runId: won?.body.runId } })
    expect(await call('POST', `catalog-policies/${id}/rollback`)).toMatchObject({
      status: 409,
      body: { type: '/problems/policy-run-running', runId: won?.body.runId },
    })
    const run = `catalog-policy-runs/${won?.body.runId}`
    expect(won?.headers.location).toBe(`/api/admin/${run}`)
    expect(await call('GET', run)).toMatchObject({
      status: 200,
      body: {
        ...{ status: 'running', totalReadySnapshot: null, progress: 0, readyToPromote: false },
        blockingReasons: ['the run is running, not a success', 'coverage is 0 %, below 100 %'],
      },
    })
    expect(await call('GET', `${run}/diff`)).toMatchObject({
      status: 409,
      body: { type: '/problems/run-not-complete' },
    })
    expect(await call('POST', `${run}/resume`)).toMatchObject({
      status: 409,
      body: { type: '/problems/run-not-failed' },
    })
    expect(await call('POST', `${run}/promote`)).toMatchObject({
      status: 400,
      body: {
        type: '/problems/promotion-blocked',
        success: false,
        blockingReasons: [expect.stringContaining('running'), expect.stringContaining('coverage')],
      },
    })
    expect(await call('PATCH', run, { delayMs: 20 })).toMatchObject({
      status: 200,
      body: { delayMs: 20, batchSize: 500 },
    })
    expect(await call('POST', `${run}/cancel?reason=later`)).toMatchObject({
      status: 200,
      body: { status: 'cancelled' },
    })
    expect(await call('POST', `${run}/cancel`)).toMatchObject({
      status: 409,
      body: { type: '/problems/run-not-running', status: 409, runStatus: 'cancelled' },
    })
    expect(await call('PATCH', run, { delayMs: 20 })).toMatchObject({ status: 409 })
    expect(
      (await call('GET', `events?runId=${won?.body.runId}`)).body.map(({ type }: { type: string }) => type),
    ).toEqual(['policy-run-cancelled', 'policy-run-changed', 'policy-run-started'])
  })

  it.each([
    ['GET', `catalog-policies/${nothing}`, 404],
    ['POST', `catalog-policies/${nothing}/prepare`, 404],
    ['POST', `catalog-policies/${nothing}/rollback`, 404],
    ['GET', `catalog-policy-runs/${nothing}`, 404],
    ['GET', `catalog-policy-runs/${nothing}/diff`, 404],
    ['POST', `catalog-policy-runs/${nothing}/cancel`, 404],
    ['POST', `catalog-policy-runs/${nothing}/resume`, 404],
    ['POST', `catalog-policy-runs/${nothing}/promote`, 404],
    ['GET', 'catalog-policies/7', 400],
    ['GET', 'catalog-policy-runs/7', 400],
    ['GET', 'catalog-policy-runs?status=done', 400],
    ['GET', 'catalog-policy-runs?limit=0', 400],
    ['GET', 'catalog-policy-runs?offset=-1', 400],
    ['GET', `catalog-policy-runs/${nothing}/diff?limit=501`, 400],
  ] as const)('%s %s answers %i', async (method, path, status) => {
    expect((await call(method, path)).status).toBe(status)
  })

  it.each([
    ['prepare', { batchSize: 0 }, 'batchSize'],
    ['prepare', { parallelism: 9 }, 'parallelism'],
    ['prepare', { size: 1 }, 'size'],
    ['rollback', { coverageThreshold: 2 }, 'coverageThreshold'],
  ])('%s %j names %s', async (what, body, field) => {
    const { id } = await makePolicy(app)
    const answer = await call('POST', `catalog-policies/${id}/${what}`, body)
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field }] } })
    expect(
      await one(db, `SELECT count(*) AS n FROM catalog_evaluation_runs WHERE target_policy_id = $1`, [id]),
    ).toEqual({ n: 0 })
  })
})

describe('with a worker', () => {
  it('the public sees one version in every answer, while versions change under it', async () => {
    await startTestWorker(app, url)
    await importItems(app, items(1_500))
    const policies = [await makePolicy(app, POLICY), await makePolicy(app, STRICTER)]
    const expected: Record<string, number[]> = {}
    const [first, second] = policies as [(typeof policies)[0], (typeof policies)[0]]
    const run = await prepare(app, first.id)
    expect(await call('POST', `catalog-policies/${first.id}/rollback`)).toMatchObject({
      status: 409,
      body: { type: '/problems/reverse-window-over' },
    })
    expect(await call('POST', `catalog-policy-runs/${run.runId}/promote`, {})).toMatchObject({
      status: 200,
      body: { success: true, coverage: 1, previousVersion: null, policyVersion: first.version, promotedBy: 'alice' },
    })
    expect(await call('POST', `catalog-policies/${first.id}/prepare`)).toMatchObject({
      status: 409,
      body: { type: '/problems/policy-active' },
    })
    const stricter = await prepare(app, second.id)
    for (const { version } of policies) {
      const { rows } = await db.pool.query(
        `SELECT i.id FROM media_items i JOIN media_catalog_evaluations e ON e.media_item_id = i.id
         WHERE policy_version = $1 AND status = 'eligible' ORDER BY trending_score DESC, i.id DESC LIMIT 100`,
        [version],
      )
      expected[version] = rows.map(({ id }) => id)
    }
    expect(expected[first.version]).not.toEqual(expected[second.version])
    let promoting = true
    const seen = new Set<string>()
    const readers = [1, 2, 3].map(async () => {
      while (promoting) {
        const { body, headers } = await call('GET', '/api/catalog/items?limit=100')
        const version = headers['x-policy-version'] as string
        seen.add(String(version))
        expect(body.map((item: { id: number }) => item.id)).toEqual(expected[version])
      }
    })
    await call('POST', `catalog-policy-runs/${stricter.runId}/promote`)
    for (const { id } of [first, second, first]) {
      const { body } = await call('POST', `catalog-policies/${id}/rollback`)
      await expect
        .poll(async () => (await call('GET', `catalog-policy-runs/${body.runId}`)).body.status, { timeout: 10_000 })
        .toBe('promoted')
    }
    promoting = false
    await Promise.all(readers)
    expect(seen).toEqual(new Set([String(first.version), String(second.version)]))
  })

  it('runs are listed with their number, by offset, status and policy', async () => {
    const { body, headers } = await call('GET', 'catalog-policy-runs?limit=2&status=promoted')
    expect(body).toMatchObject([
      { status: 'promoted', workflowId: expect.stringContaining('reeval:') },
      { status: 'promoted' },
    ])
    expect(headers['x-total-count']).toBe('5')
    const [, next = ''] = /<(.*)>; rel="next"/.exec(headers.link ?? '') ?? []
    const second = await call('GET', next)
    expect(second.body).toHaveLength(2)
    expect(second.body[0].runId).not.toBe(body[0].runId)
    const ofPolicy = await call('GET', `catalog-policy-runs?policyId=${body[0].targetPolicyId}`)
    for (const run of ofPolicy.body) expect(run.targetPolicyId).toBe(body[0].targetPolicyId)
  })

  it('the public list goes on where a page ended', async () => {
    const ids = []
    for (let path = '/api/catalog/items?limit=150'; path; ) {
      const { body, headers } = await call('GET', path, undefined, { authorization: '' })
      ids.push(...body.map((item: { id: number }) => item.id))
      path = /<(.*)>; rel="next"/.exec(headers.link ?? '')?.[1] ?? ''
    }
    const { rows } = await db.pool.query('SELECT id FROM public_media_items ORDER BY trending_score DESC, id DESC')
    expect(ids).toEqual(rows.map(({ id }) => id))
    expect((await call('GET', '/api/catalog/items?cursor=abc')).status).toBe(400)
  })
})
