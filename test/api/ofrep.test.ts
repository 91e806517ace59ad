import { describe, expect, it, vi } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { conforms } from '../helpers/ofrep.ts'
import { inMs } from '../helpers/schedules.ts'

const { app, call, db, configuration } = await createTestApp(await createTestDatabase())
let environments = 0

/** An environment of its own, with a key that reads it. */
async function scene() {
  const environment = `env-${++environments}`
  const { body: key } = await call('POST', 'api-keys', { name: 'shop', environment })
  const ask = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await app.inject({
      method: 'POST',
      url: `/ofrep/v1/evaluate/flags${path}`,
      headers: { 'x-api-key': key.key, 'content-type': 'application/json', ...headers },
      payload: typeof body === 'string' ? body : JSON.stringify(body),
    })
    const text = answer.body
    return { status: answer.statusCode, body: text === '' ? undefined : JSON.parse(text), headers: answer.headers }
  }
  const evaluate = (flagKey: string, context: object = {}) => ask(`/${flagKey}`, { context })
  const bulk = (context: object = {}, headers = {}) => ask('', { context }, headers)
  const flag = async (body: object) => {
    const { body: made } = await call('POST', `flags?environment=${environment}`, body)
    await configuration.refresh()
    return made
  }
  /** Past the admin API, which refuses payloads that are not what they say. */
  const variants = async (flagKey: string, list: object[]) => {
    await one(
      db,
      `WITH next AS (UPDATE configuration_revision SET revision = revision + 1 RETURNING revision)
       UPDATE feature_flags SET variants = $3, revision = next.revision FROM next WHERE environment = $1 AND key = $2`,
      [environment, flagKey, JSON.stringify(list)],
    )
    await configuration.refresh()
  }
  return { environment, key, ask, evaluate, bulk, flag, variants }
}

const variant = (name: string, type?: string, value?: string) => ({
  name,
  weight: 1,
  stickiness: 'default',
  ...(type && { payload: { type, value } }),
})

describe('one flag', () => {
  it('without variants is true or false, with why and since which revision', async () => {
    const { evaluate, flag } = await scene()
    const { revision } = await flag({ key: 'on', enabled: true })
    await flag({ key: 'off' })
    await flag({ key: 'nobody', enabled: true, rolloutPercentage: 0 })
    const on = await evaluate('on', { targetingKey: 'a' })
    conforms('success', on.body)
    expect(on).toMatchObject({
      status: 200,
      body: { key: 'on', value: true, reason: 'STATIC', metadata: { enabled: true, revision, cause: 'no-strategies' } },
    })
    expect((await evaluate('off')).body).toMatchObject({ value: false, reason: 'DISABLED' })
    expect((await evaluate('nobody')).body).toMatchObject({ value: false, reason: 'SPLIT' })
  })

  it.each([
    ['text', variant('v', 'string', 'blue'), 'blue'],
    ['a list in CSV', variant('v', 'csv', 'a,b'), 'a,b'],
    ['a number', variant('v', 'number', '1.5'), 1.5],
    ['an object', variant('v', 'json', '{"a":[1]}'), { a: [1] }],
    ['nothing: its name', variant('v'), 'v'],
  ])('with a variant that carries %s has it for its value', async (_, only, value) => {
    const { evaluate, flag, variants } = await scene()
    await flag({ key: 'a', enabled: true })
    await variants('a', [only])
    const { body, status } = await evaluate('a', { targetingKey: 'x' })
    conforms('success', body)
    expect([status, body]).toMatchObject([200, { value, variant: 'v', reason: 'SPLIT' }])
  })

  it('with variants has no value while it is off, so that the default of the application holds', async () => {
    const { evaluate, flag, variants } = await scene()
    await flag({ key: 'a' })
    await variants('a', [variant('v', 'string', 'blue')])
    const { body } = await evaluate('a', { targetingKey: 'x' })
    conforms('success', body)
    expect(body).toMatchObject({ reason: 'DISABLED', metadata: { enabled: false } })
    expect(body).not.toHaveProperty('value')
  })

  it.each(['number', 'json'])('a payload that is no %s is a failure of this flag alone', async (type) => {
    const { evaluate, bulk, flag, variants } = await scene()
    await flag({ key: 'good', enabled: true })
    await flag({ key: 'broken', enabled: true })
    await variants('broken', [variant('v', type, '{')])
    const { status, body } = await evaluate('broken', { targetingKey: 'x' })
    conforms('failure', body)
    expect([status, body]).toMatchObject([400, { key: 'broken', errorCode: 'PARSE_ERROR' }])
    const all = await bulk({ targetingKey: 'x' })
    conforms('bulk', all.body)
    expect([all.status, all.body.flags]).toMatchObject([200, [{ errorCode: 'PARSE_ERROR' }, { value: true }]])
  })

  it('is asked by the context: targetingKey is the userId', async () => {
    const { evaluate, flag } = await scene()
    await flag({ key: 'half', enabled: true, rolloutPercentage: 50 })
    const users = Array.from({ length: 200 }, (_, i) => `user-${i}`)
    const by = (name: string) =>
      Promise.all(users.map(async (user) => (await evaluate('half', { [name]: user })).body.value))
    const byTargetingKey = await by('targetingKey')
    expect(byTargetingKey).toEqual(await by('userId'))
    const on = byTargetingKey.filter(Boolean).length
    expect(on).toBeGreaterThan(60)
    expect(on).toBeLessThan(140)
  })

  it.each([
    ['an unknown flag', '/missing', { context: {} }, 404, 'FLAG_NOT_FOUND'],
    ['an archived flag', '/gone', { context: {} }, 404, 'FLAG_NOT_FOUND'],
    ['a body that is no JSON', '/a', '{', 400, 'PARSE_ERROR'],
    ['no body', '/a', '', 400, 'INVALID_CONTEXT'],
    ['no context', '/a', {}, 400, 'INVALID_CONTEXT'],
    ['a context that is a list', '/a', { context: [] }, 400, 'INVALID_CONTEXT'],
    ['a targetingKey that is no text', '/a', { context: { targetingKey: 1 } }, 400, 'INVALID_CONTEXT'],
  ])('%s', async (_, path, body, status, errorCode) => {
    const { ask, flag, environment } = await scene()
    await flag({ key: 'a' })
    await flag({ key: 'gone', enabled: true })
    await call('DELETE', `flags/gone?environment=${environment}`)
    await configuration.refresh()
    const answer = await ask(path, body)
    conforms('failure', answer.body)
    expect(answer).toMatchObject({ status, body: { key: path.slice(1), errorCode, errorDetails: expect.any(String) } })
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
  })

  it('takes a context without a targetingKey, or with null', async () => {
    const { evaluate, flag } = await scene()
    await flag({ key: 'a', enabled: true })
    expect((await evaluate('a', { targetingKey: null })).body.value).toBe(true)
    expect((await evaluate('a', {})).body.value).toBe(true)
  })
})

describe('all flags', () => {
  it('come in the order of their keys, of one configuration', async () => {
    const { bulk, flag, environment } = await scene()
    for (const key of ['c', 'a', 'B']) await flag({ key, enabled: key === 'a' })
    await call('PATCH', `flags/c?environment=${environment}`, { enabled: true })
    const { revision } = await configuration.refresh()
    const { status, body } = await bulk({ targetingKey: 'x' })
    conforms('bulk', body)
    const values = body.flags.map(({ key, value }: { key: string; value: boolean }) => [key, value])
    expect([status, values]).toEqual([200, [['B', false], ['a', true], ['c', true]]]) // biome-ignore format: pairs
    expect(body.metadata).toEqual({ environment, revision })
  })

  it('an environment without flags has none', async () => {
    const { bulk } = await scene()
    expect(await bulk()).toMatchObject({ status: 200, body: { flags: [] } })
  })
})

describe('the tag of a bulk answer', () => {
  const tagOf = (answer: { headers: Record<string, unknown> }) => answer.headers.etag as string

  it('is answered with 304 and nothing else while the answer is the same, whatever the order of the context', async () => {
    const { bulk, flag } = await scene()
    await flag({ key: 'a', enabled: true })
    const first = await bulk({ targetingKey: 'x', plan: 'pro' })
    const same = { plan: 'pro', targetingKey: 'x' }
    for (const shown of [tagOf(first), `W/${tagOf(first)}`, `"other", ${tagOf(first)}`, tagOf(first).slice(1, -1)]) {
      const again = await bulk(same, { 'if-none-match': shown })
      expect([again.status, again.body, tagOf(again)]).toEqual([304, undefined, tagOf(first)])
    }
    expect(await bulk(same, { 'if-none-match': '*' })).toMatchObject({ status: 200 })
  })

  it('never fits another context, whose flags may be the same today', async () => {
    const { bulk, flag } = await scene()
    await flag({ key: 'a', enabled: true })
    const tag = tagOf(await bulk({ targetingKey: 'x', plan: 'pro' }))
    const others = [{}, { targetingKey: 'y', plan: 'pro' }, { targetingKey: 'x' }, { targetingKey: 'x', plan: 'Pro' }]
    for (const context of [...others, { targetingKey: 'x', plan: 'pro', beta: true }]) {
      expect(await bulk(context, { 'if-none-match': tag })).toMatchObject({ status: 200 })
    }
  })

  it('never fits another environment, nor the flags after a change, nor what time has changed', async () => {
    const [here, there] = [await scene(), await scene()]
    for (const { flag } of [here, there]) await flag({ key: 'a', enabled: true })
    const context = { targetingKey: 'x' }
    const tag = tagOf(await here.bulk(context))
    expect(await there.bulk(context, { 'if-none-match': tag })).toMatchObject({ status: 200 })
    await call('PATCH', `flags/a?environment=${here.environment}`, { enabled: false })
    await configuration.refresh()
    const changed = await here.bulk(context, { 'if-none-match': tag })
    expect(changed).toMatchObject({ status: 200, body: { flags: [{ value: false }] } })

    const opensAt = new Date(Date.now() + 600)
    const constraints = [{ contextName: 'currentTime', operator: 'DATE_AFTER', value: opensAt.toISOString() }]
    const strategy = { name: 'default', constraints }
    await call('PATCH', `flags/a?environment=${here.environment}`, { enabled: true })
    const added = await call('POST', `flags/a/strategies?environment=${here.environment}`, strategy)
    expect(added.status).toBe(201)
    await configuration.refresh()
    const before = await here.bulk(context)
    expect(before.body.flags[0].value).toBe(false)
    await vi.waitFor(async () => {
      const after = await here.bulk(context, { 'if-none-match': tagOf(before) })
      expect(after).toMatchObject({ status: 200, body: { flags: [{ value: true }] } })
    }, 5_000)
  })
})

describe('who may read', () => {
  const context = {}

  it('a key reads its environment, as bearer token or in X-API-Key, and no other', async () => {
    const { ask, key, flag, environment } = await scene()
    await flag({ key: 'a', enabled: true })
    expect(key.key).toMatch(new RegExp(`^il_${environment}_[\\w-]{43}$`))
    const bearer = { authorization: `Bearer ${key.key}`, 'x-api-key': '' }
    expect(await ask('/a', { context })).toMatchObject({ status: 200 })
    expect(await ask(`/a?environment=${environment}`, { context })).toMatchObject({ status: 200 })
    const asked = await app.inject({
      method: 'POST',
      url: '/ofrep/v1/evaluate/flags/a',
      headers: { authorization: bearer.authorization },
      payload: { context },
    })
    expect(asked.statusCode).toBe(200)
    expect(await ask('/a?environment=production', { context })).toMatchObject({
      status: 403,
      body: { errorCode: 'GENERAL', errorDetails: expect.stringContaining(environment) },
    })
  })

  it('others are refused: none, unknown, of an admin, expired, revoked', async () => {
    const { ask, key, flag, environment } = await scene()
    await flag({ key: 'a' })
    const refused = async (given: string) => {
      const { status, headers } = await ask('/a', { context }, { 'x-api-key': given })
      return [status, headers['www-authenticate']]
    }
    const no = [401, 'Bearer']
    expect(await refused('')).toEqual(no)
    expect(await refused(`${key.key.slice(0, -1)}${key.key.endsWith('A') ? 'E' : 'A'}`)).toEqual(no)
    const withToken = await call('POST', '/ofrep/v1/evaluate/flags/a', { context })
    expect([withToken.status, withToken.body]).toMatchObject([401, { errorCode: 'GENERAL' }])

    const short = await call('POST', 'api-keys', { name: 'short', environment, expiresAt: inMs(3_600_000) })
    expect(await ask('/a', { context }, { 'x-api-key': short.body.key })).toMatchObject({ status: 200 })
    await one(
      db,
      `WITH next AS (UPDATE configuration_revision SET revision = revision + 1 RETURNING revision)
       UPDATE api_keys SET expires_at = now() - interval '1 second', revision = next.revision FROM next WHERE id = $1`,
      [short.body.id],
    )
    await configuration.refresh()
    expect(await refused(short.body.key)).toEqual(no)

    expect(await call('DELETE', `api-keys/${key.id}`)).toMatchObject({ status: 200 })
    await vi.waitFor(async () => expect(await refused(key.key)).toEqual(no), 5_000)
  })
})
