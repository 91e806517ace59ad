import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'

const { call, app, token } = await createTestApp(await createTestDatabase())

let count = 0
const newKey = () => `flag-${++count}`

describe('flags', () => {
  it('are created, read, listed, changed and archived', async () => {
    const key = newKey()
    const created = await call('POST', 'flags?environment=staging', {
      key,
      description: 'A test',
      rolloutPercentage: 40,
    })
    expect(created).toMatchObject({
      status: 201,
      headers: { location: `/api/admin/flags/${key}?environment=staging`, etag: `"${created.body.revision}"` },
      body: { key, environment: 'staging', enabled: false, rolloutPercentage: 40, archivedAt: null },
    })
    const location = created.headers.location as string
    expect((await call('GET', location)).body).toEqual(created.body)
    expect((await call('GET', `flags/${key}`)).status).toBe(404)

    const changed = await call('PATCH', location, { enabled: true }, { 'if-match': `"${created.body.revision}"` })
    expect(changed).toMatchObject({
      status: 200,
      body: { enabled: true, rolloutPercentage: 40, description: 'A test' },
    })
    expect(changed.body.revision).toBeGreaterThan(created.body.revision)

    const archived = await call('DELETE', `${location}&reason=done`)
    expect(archived).toMatchObject({ status: 200, body: { archivedAt: expect.any(String) } })
    expect((await call('DELETE', location)).body).toEqual(archived.body)
    expect((await call('GET', 'flags?environment=staging')).body).toEqual([])
    expect((await call('GET', 'flags?environment=staging&archived=true')).body).toEqual([archived.body])
    expect((await call('PATCH', location, { enabled: false })).body).toMatchObject({
      status: 422,
      type: '/problems/flag-archived',
    })
    expect((await call('PATCH', location, { archived: false })).body).toMatchObject({ archivedAt: null, enabled: true })

    const events = await call('GET', `events?flagKey=${key}&environment=staging`)
    expect(events.body.map((event: { type: string }) => event.type)).toEqual([
      'flag-revived',
      'flag-archived',
      'flag-updated',
      'flag-created',
    ])
    expect(events.body[1]).toMatchObject({
      actor: 'alice',
      door: 'http',
      reason: 'done',
      requestId: expect.any(String),
    })
    expect(events.body[2].data).toMatchObject({ before: { enabled: false }, after: { enabled: true } })
  })

  it('are changed only as the caller knows them', async () => {
    const { body, headers } = await call('POST', 'flags', { key: newKey() })
    const first = await call(
      'PATCH',
      `flags/${body.key}`,
      { rolloutPercentage: 1 },
      { 'if-match': headers.etag as string },
    )
    const second = await call(
      'PATCH',
      `flags/${body.key}`,
      { rolloutPercentage: 2 },
      { 'if-match': headers.etag as string },
    )
    expect(second).toMatchObject({
      status: 412,
      body: {
        type: '/problems/revision-mismatch',
        revision: first.body.revision,
        errors: [{ field: 'header.if-match' }],
      },
    })
    expect(
      (await call('PATCH', `flags/${body.key}`, { enabled: true }, { 'if-match': 'abc' })).body.errors[0].field,
    ).toBe('header.if-match')
  })

  it('keep their revision when nothing changes', async () => {
    const { body } = await call('POST', 'flags', { key: newKey(), enabled: true })
    expect((await call('PATCH', `flags/${body.key}`, { enabled: true })).body).toEqual(body)
  })

  it('exist once in an environment', async () => {
    const key = newKey()
    await call('POST', 'flags', { key })
    expect(await call('POST', 'flags', { key })).toMatchObject({
      status: 409,
      body: { type: '/problems/flag-exists', errors: [{ field: 'key' }] },
    })
    expect((await call('POST', 'flags?environment=staging', { key })).status).toBe(201)
  })

  it('are listed in pages, whose next one is in Link', async () => {
    const keys = ['p-1', 'p-2', 'p-3']
    for (const key of keys) await call('POST', 'flags?environment=paged', { key })
    const first = await call('GET', 'flags?environment=paged&limit=2')
    const next = /<(.*)>; rel="next"/.exec(first.headers.link as string)?.[1] as string
    const second = await call('GET', next)
    expect([...first.body, ...second.body].map(({ key }: { key: string }) => key)).toEqual(keys)
    expect(second.headers.link).toBeUndefined()
  })
})

describe('a flag', () => {
  it('has variants in the order given, and dependencies', async () => {
    const parent = newKey()
    await call('POST', 'flags', { key: parent })
    const variants = [
      { name: 'z', weight: 900, payload: { type: 'json', value: '{"a":1}' } },
      { name: 'a', weight: 100, stickiness: 'userId', overrides: [{ contextName: 'userId', values: ['7'] }] },
    ]
    const created = await call('POST', 'flags', { key: 'with-variants', variants, dependencies: [{ flagKey: parent }] })
    expect(created).toMatchObject({
      status: 201,
      body: {
        variants: [{ ...variants[0], stickiness: 'default', overrides: [] }, variants[1]],
        dependencies: [{ flagKey: parent, enabled: true, variants: [] }],
      },
    })
    const { body } = await call('PATCH', 'flags/with-variants', { description: 'x' })
    expect([body.variants, body.dependencies]).toEqual([created.body.variants, created.body.dependencies])
    expect((await call('PATCH', 'flags/with-variants', { variants: created.body.variants })).body).toEqual(body)
    expect((await call('DELETE', `flags/${parent}`)).body).toMatchObject({
      status: 409,
      type: '/problems/flag-depended-on',
      dependents: ['with-variants'],
    })
    expect(
      (await call('PATCH', 'flags/with-variants', { dependencies: [{ flagKey: 'with-variants' }] })).body,
    ).toMatchObject({
      status: 422,
      errors: [{ field: 'dependencies.0.flagKey' }],
    })
    const wrong = { variants: [{ name: 'n', weight: 1, payload: { type: 'number', value: 'x' } }] }
    expect((await call('PATCH', 'flags/with-variants', wrong)).body.errors).toMatchObject([
      { field: 'variants.0.payload.value' },
    ])
    expect((await call('POST', 'flags', { key: 'other', ...wrong })).status).toBe(400)
  })
})

describe('an Idempotency-Key', () => {
  it('makes a repeated write change nothing and get the same answer', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const body = { key: newKey() }
    const first = await call('POST', 'flags', body, headers)
    const again = await call('POST', 'flags', body, headers)
    expect([again.status, again.body, again.headers.etag]).toEqual([201, first.body, first.headers.etag])
    expect((await call('GET', `events?flagKey=${body.key}`)).body).toHaveLength(1)
  })

  it('makes one of many at once, and the others get its answer', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const body = { key: newKey() }
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('POST', 'flags', body, headers)))
    expect(new Set(answers.map((answer) => JSON.stringify([answer.status, answer.body]))).size).toBe(1)
    expect(answers[0]?.status).toBe(201)
  })

  it('is refused with another request, and is free for another person', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const { status } = await call('POST', 'flags', { key: newKey() }, headers)
    expect(status).toBe(201)
    const reused = await call('POST', 'flags', { key: newKey() }, headers)
    expect(reused.body).toMatchObject({ status: 422, type: '/problems/idempotency-key-reused' })
    const bob = { ...headers, authorization: `Bearer ${await token('admin', 'bob')}` }
    expect((await call('POST', 'flags', { key: newKey() }, bob)).status).toBe(201)
  })

  it('of a refused request is free again', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const path = `flags/${newKey()}`
    expect((await call('PATCH', path, { enabled: true }, headers)).status).toBe(404)
    await call('POST', 'flags', { key: path.slice(6) })
    expect((await call('PATCH', path, { enabled: true }, headers)).status).toBe(200)
  })
})

describe('bad input', () => {
  it.each([
    ['no key', {}, 'key', 'must be'],
    ['a bad key', { key: 'a b' }, 'key', 'A-Z a-z 0-9'],
    ['a key that is too long', { key: 'k'.repeat(101) }, 'key', '1 to 100'],
    [
      'an unknown field',
      { key: 'a', color: 'red' },
      'color',
      'not a field of this request, which has key, description',
    ],
    ['a percentage over 100', { key: 'a', rolloutPercentage: 101 }, 'rolloutPercentage', 'integer from 0 to 100'],
    [
      'a percentage that is no integer',
      { key: 'a', rolloutPercentage: 1.5 },
      'rolloutPercentage',
      'integer from 0 to 100',
    ],
    ['a boolean as text', { key: 'a', enabled: 'true' }, 'enabled', 'true or false'],
    ['a list', [], 'body', 'must be a JSON object'],
    ['a key that is a directory', { key: '..' }, 'key', 'neither . nor ..'],
    ['NUL, which Postgres cannot keep', { key: 'a', description: 'a\0b' }, 'description', 'NUL'],
  ])('%s is a 400 that names the field', async (_, body, field, message) => {
    const answer = await call('POST', 'flags', body)
    expect(answer).toMatchObject({
      status: 400,
      headers: { 'content-type': 'application/problem+json' },
    })
    expect(answer.body).toMatchObject({ type: '/problems/validation-failed', status: 400 })
    expect(answer.body.errors).toContainEqual({ field, message: expect.stringContaining(message) })
  })

  it('in the query or the path is named as such', async () => {
    expect((await call('GET', 'flags?limit=0')).body.errors).toMatchObject([{ field: 'query.limit' }])
    expect((await call('GET', 'flags?cursor=x')).body.errors).toMatchObject([{ field: 'query.cursor' }])
    expect((await call('GET', 'flags/a%20b')).body.errors).toMatchObject([{ field: 'path.flagKey' }])
    expect((await call('GET', `flags/${'k'.repeat(101)}`)).body.errors).toMatchObject([{ field: 'path.flagKey' }])
    expect((await call('GET', 'flags/%zz')).status).toBe(400)
    expect((await call('GET', `flags/${'k'.repeat(2_000)}`)).status).toBe(400)
    const typo = await call('POST', 'flags?enviroment=staging', { key: 'typo' })
    expect(typo.body.errors).toMatchObject([{ field: 'query.enviroment' }])
    expect((await call('GET', 'flags/typo')).status).toBe(404)
  })

  it('that is not JSON, has no type or is too large is told so', async () => {
    const authorization = `Bearer ${await token('admin')}`
    const post = (payload: string, type: string) =>
      app.inject({ method: 'POST', url: '/api/admin/flags', payload, headers: { authorization, 'content-type': type } })
    const answers = await Promise.all([
      post('{"key": ', 'application/json'),
      post('', 'application/json'),
      post('key=a', 'text/plain'),
      post(JSON.stringify({ key: 'a', description: 'x'.repeat(300_000) }), 'application/json'),
    ])
    expect(answers.map((answer) => [answer.statusCode, answer.json().type])).toEqual([
      [400, '/problems/malformed-body'],
      [400, '/problems/validation-failed'],
      [415, '/problems/unsupported-media-type'],
      [413, '/problems/body-too-large'],
    ])
  })

  it('a DELETE that says it is JSON, and is empty, is no bad input', async () => {
    await call('POST', 'flags', { key: 'deleted' })
    const authorization = `Bearer ${await token('admin')}`
    const headers = { authorization, 'content-type': 'application/json' }
    const answer = await app.inject({ method: 'DELETE', url: '/api/admin/flags/deleted', headers })
    expect(answer.statusCode).toBe(200)
  })

  it('at an address that does not exist is a 404 problem, and every type can be looked up', async () => {
    const lost = await call('GET', '/api/admin/nothing')
    expect(lost).toMatchObject({ status: 404, body: { type: '/problems/not-found' } })
    expect((await call('GET', '/problems/constructor')).status).toBe(404)
    expect((await call('GET', lost.body.type)).body).toEqual({
      type: '/problems/not-found',
      status: 404,
      title: lost.body.title,
    })
  })
})
