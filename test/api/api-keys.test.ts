import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { readThrough } from '../helpers/ofrep.ts'
import { inMs } from '../helpers/schedules.ts'

const app = await createTestApp(await createTestDatabase())
const { call, db } = app
const production = { name: 'shop', environment: 'production' }

describe('API keys', () => {
  it('are shown once; only their SHA-256 is kept, anywhere in the database', async () => {
    const headers = { 'idempotency-key': 'once' }
    const { status, body } = await call('POST', 'api-keys', production, headers)
    expect([status, body]).toMatchObject([201, { ...production, expiresAt: null, revokedAt: null, createdBy: 'alice' }])
    const { hash } = await one<{ hash: Buffer }>(db, 'SELECT hash FROM api_keys WHERE id = $1', [body.id])
    expect(hash).toEqual(createHash('sha256').update(body.key).digest())

    const again = await call('POST', 'api-keys', production, headers)
    expect([again.status, again.body]).toEqual([201, { ...body, key: null }])
    const { body: listed } = await call('GET', 'api-keys')
    const { key, ...rest } = body
    expect(listed).toEqual([rest])
    for (const table of ['api_keys', 'events', 'idempotency_keys', 'outbox']) {
      const { found } = await one<{ found: number }>(
        db,
        `SELECT count(*)::int AS found FROM ${table} t WHERE strpos(t::text, $1) > 0`,
        [key.slice(-43)],
      )
      expect([table, found]).toEqual([table, 0])
    }
  })

  it('are listed by environment, the newest first, page by page', async () => {
    for (const name of ['a', 'b', 'c']) await call('POST', 'api-keys', { name, environment: 'paged' })
    const first = await call('GET', 'api-keys?environment=paged&limit=2')
    const next = /<([^>]+)>/.exec(first.headers.link as string)?.[1] as string
    const names = [...first.body, ...(await call('GET', next)).body].map(({ name }) => name)
    expect(names).toEqual(['c', 'b', 'a'])
  })

  it('once revoked stay so, and are in the audit trail', async () => {
    const { body: made } = await call('POST', 'api-keys', { name: 'short', environment: 'audited' })
    expect((await readThrough(app, made.key).bulk()).status).toBe(200)
    const first = await call('DELETE', `api-keys/${made.id}?reason=leaked`)
    expect([first.status, first.body]).toMatchObject([200, { id: made.id, revokedAt: expect.any(String) }])
    expect((await call('DELETE', `api-keys/${made.id}`)).body).toEqual(first.body)
    await app.configuration.refresh()
    expect((await readThrough(app, made.key).bulk()).status).toBe(401)
    const { body: events } = await call('GET', 'events?environment=audited')
    expect(events).toMatchObject([
      { type: 'api-key-revoked', reason: 'leaked', data: { before: { revokedAt: null }, after: first.body } },
      { type: 'api-key-created', data: { before: null, after: { name: 'short' } } },
    ])
  })

  it.each([
    [{ ...production, name: '' }, 'name'],
    [{ ...production, environment: '?' }, 'environment'],
    [{ ...production, expiresAt: 'tomorrow' }, 'expiresAt'],
    [{ ...production, expiresAt: inMs(-1_000) }, 'expiresAt'],
    [{ ...production, role: 'admin' }, 'role'],
  ])('refuses %o', async (body, field) => {
    const answer = await call('POST', 'api-keys', body)
    expect(answer).toMatchObject({ status: 400, body: { type: '/problems/validation-failed', errors: [{ field }] } })
  })

  it('an unknown one cannot be revoked, and a viewer may make none', async () => {
    const { status, body } = await call('DELETE', `api-keys/${crypto.randomUUID()}`)
    expect([status, body.type]).toEqual([404, '/problems/api-key-not-found'])
    const viewer = { authorization: `Bearer ${await app.token('viewer')}` }
    expect(await call('POST', 'api-keys', production, viewer)).toMatchObject({ status: 403 })
  })
})

describe('the evaluation of a flag, for admins', () => {
  it('sees what was changed just before, by another process too, every time', async () => {
    const other = await createTestApp(db.pool.options.connectionString as string)
    await call('POST', 'flags', { key: 'seen' })
    for (let n = 0; n < 200; n++) {
      const { body: flag } = await call('PATCH', 'flags/seen', { enabled: n % 2 === 0 })
      const { body } = await other.call('POST', 'flags/seen/evaluate', { context: { targetingKey: 'a' } })
      expect(body).toMatchObject({ flagKey: 'seen', enabled: flag.enabled, revision: flag.revision })
      expect(body.configurationRevision).toBeGreaterThanOrEqual(flag.revision)
    }
  })

  it('says which strategy decided, and what each of its constraints saw', async () => {
    await call('POST', 'flags', { key: 'why', enabled: true })
    const { body: strategy } = await call('POST', 'flags/why/strategies', {
      name: 'flexibleRollout',
      parameters: { rollout: '100' },
      constraints: [{ contextName: 'plan', operator: 'IN', values: ['pro'] }],
    })
    const ask = async (context: object) => (await call('POST', 'flags/why/evaluate', { context })).body
    expect(await ask({ targetingKey: 'a', plan: 'pro' })).toMatchObject({
      environment: 'production',
      enabled: true,
      reason: 'strategy',
      strategyId: strategy.id,
      strategies: [
        { matched: true, constraints: [{ contextName: 'plan', actual: 'pro', matched: true, problem: null }] },
      ],
    })
    expect(await ask({ targetingKey: 'a', plan: 'free' })).toMatchObject({
      enabled: false,
      reason: 'no-match',
      strategyId: null,
      strategies: [{ matched: false, constraints: [{ actual: 'free', matched: false }] }],
    })
  })

  it('at another time, constraints on the time see that', async () => {
    await call('POST', 'flags', { key: 'later', enabled: true })
    await call('POST', 'flags/later/strategies', {
      name: 'default',
      constraints: [{ contextName: 'currentTime', operator: 'DATE_AFTER', value: '2100-01-01T00:00:00Z' }],
    })
    const at = async (at?: string) => (await call('POST', 'flags/later/evaluate', { context: {}, at })).body.enabled
    expect([await at(), await at('2100-01-01T01:00:00+01:00'), await at('2100-01-01T01:00:01+01:00')]).toEqual([
      false,
      false,
      true,
    ])
    expect(await call('POST', 'flags/later/evaluate', { context: {}, at: 'noon' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'at' }] },
    })
  })
})
