import { connect } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

const { app, call } = await createTestApp(await createTestDatabase())
await call('POST', 'flags', { key: 'a' })

const JSON_TYPE = { 'content-type': 'application/json' }
const LINES = { 'content-type': 'application/x-ndjson' }
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const rule = (when: string) => `{"rules": [{"reason": "r", "verdict": "ineligible", "when": ${when}}]}`
const policy = (document: string) => `{"name": "x", "document": ${document}}`

/** Refused as the caller's fault, and nothing is kept of it. */
async function refuses(path: string, body: string | Buffer, field?: RegExp, method: 'POST' | 'PUT' = 'POST') {
  const answer = await call(method, path, body, JSON_TYPE)
  expect([path, answer.status]).toEqual([path, 400])
  if (field) expect(answer.body.errors.map((error: { field: string }) => error.field).join()).toMatch(field)
}

describe('text that Postgres cannot keep', () => {
  it.each(['"\\ud800"', '"\\udc00x"', '"\\u0000"'])(
    '%s is refused wherever a text goes, also inside of documents',
    async (text) => {
      const key = text.slice(1)
      await refuses('flags', `{"key": "b", "description": ${text}}`, /^description$/)
      await refuses('flags', `{"key": ${text}}`, /^key$/)
      const schedule = `"scheduledAt": "${inMs(1e6)}", "updates": {"enabled": true`
      await refuses('flags/a/schedule', `{${schedule}}, "comment": ${text}}`, /^comment$/)
      await refuses('flags/a/schedule', `{${schedule}, ${text}: 1}}`, /^updates\./)
      await refuses('catalog-policies', policy(rule(`{"field": "title", "eq": ${text}}`)), /^document\.rules\.0\.when/)
      await refuses(
        'catalog-policies',
        policy(rule(`{"field": "title", "in": ["a", ${text}]}`)),
        /^document\.rules\.0\.when/,
      )
      await refuses(
        'catalog-policies',
        policy(rule(`{"field": "metadata.${key}, "eq": 1}`)),
        /^document\.rules\.0\.when/,
      )
      await refuses('catalog-policies', policy(`{"rules": [], ${text}: 1}`), /^document/)
      await refuses('media-items/1', `{"title": ${text}}`, /^title$/, 'PUT')
      await refuses('media-items/1', `{"metadata": {"a": {${text}: 1}}}`, /^metadata$/, 'PUT')
      const { body } = await call('POST', 'media-items/import', `{"id": 1, "metadata": {"a": [${text}]}}`, LINES)
      expect(body).toMatchObject({ created: 0, failed: 1 })
    },
  )

  it('that is no UTF-8 is refused, not kept as question marks', async () => {
    const wrong = Buffer.from([0xc3, 0x28, 0xed, 0xa0, 0x80])
    const around = (head: string, tail: string) => Buffer.concat([Buffer.from(head), wrong, Buffer.from(tail)])
    await refuses('flags', around('{"key": "b", "description": "', '"}'))
    await refuses('catalog-policies', around('{"name": "', '", "document": {"rules": []}}'))
    const lines = around('\ufeff{"id": 1, "title": "ä"}\n{"id": 2, "title": "', '"}\r\n{"id": 3}')
    expect((await call('POST', 'media-items/import', lines, LINES)).body).toMatchObject({
      lines: 3,
      created: 2,
      errors: [{ line: 2, message: 'is not valid UTF-8' }],
    })
    expect((await call('GET', 'media-items/1')).body.title).toBe('ä')
  })
})

it.each([100, 10_000, 100_000])('%i levels are refused wherever they are', async (depth) => {
  const deep = nested(depth)
  await refuses('flags', deep)
  await refuses('flags/a/schedule', `{"scheduledAt": "${inMs(1e6)}", "updates": ${deep}}`, /^updates$/)
  await refuses('catalog-policies', policy(deep), /^document/)
  await refuses('catalog-policies', policy(`{"rules": ${deep}}`), /^document/)
  await refuses('catalog-policies', policy(rule(`{"field": "title", "eq": ${deep}}`)), /^document/)
  const nots = Math.min(depth, 20_000)
  const not = `${'{"not":'.repeat(nots)}{"field": "title", "eq": "a"}${'}'.repeat(nots)}`
  await refuses('catalog-policies', policy(rule(not)), /^document/)
  await refuses('media-items/1', `{"metadata": {"a": ${deep}}}`, /^metadata$/, 'PUT')
})

it('a key that objects have of themselves is one like any other, or refused, but never dropped', async () => {
  for (const path of ['flags', 'catalog-policies', 'media-items/import']) {
    const body = '{"id": 9, "__proto__": {"a": 1}, "key": "b", "metadata": {"__proto__": {"a": 1}}}'
    expect((await call('POST', path, body, path.endsWith('import') ? LINES : JSON_TYPE)).body.created ?? 0).toBe(0)
  }
  for (const metadata of ['{"__proto__": {"a": 1}, "b": 1}', '{"b": {"__proto__": 1}}']) {
    const { body } = await call('POST', 'media-items/import', `{"id": 9, "metadata": ${metadata}}`, LINES)
    expect(body).toMatchObject({ failed: 1, errors: [{ message: expect.stringContaining('__proto__') }] })
  }
  const metadata = { constructor: { x: 1 }, toString: 1, hasOwnProperty: null }
  expect((await call('PUT', 'media-items/9', { metadata })).body.metadata).toEqual(metadata)
  await refuses(
    'flags/a/schedule',
    `{"scheduledAt": "${inMs(1e6)}", "updates": {"constructor": 1}}`,
    /updates.constructor/,
  )
  await refuses('catalog-policies', policy(rule('{"field": "constructor", "eq": 1}')), /^document/)
  await refuses('catalog-policies', policy(rule('{"field": "title", "toString": 1}')), /^document/)
})

describe('instants at the ends of time', () => {
  const EARLY = ['0000-12-31T23:59:59.999Z', '0001-01-01T00:00:00+14:00', '0000-01-01T00:00:00Z']

  it.each([...EARLY, '9999-12-31T00:00:00Z', '9999-12-30T23:59:59.999-14:00'])('%s is refused', async (at) => {
    await refuses(
      'flags/a/schedule/preview',
      JSON.stringify({ scheduledAt: at, updates: { enabled: true } }),
      /scheduledAt/,
    )
    const freeze = { environment: 'e', to: inMs(1e6), reason: 'x', mode: 'defer' }
    await refuses('freezes', JSON.stringify({ ...freeze, from: at }), /^from/)
    await refuses('media-items/1', JSON.stringify({ releasedAt: at }), /^releasedAt$/, 'PUT')
    const query = encodeURIComponent(at)
    for (const path of [`flags/a/state?at=${query}`, `schedules?dueFrom=${query}`, `events?from=${query}`])
      expect((await call('GET', path)).status).toBe(400)
  })

  it('within them are kept to the millisecond, whatever their zone', async () => {
    for (const [releasedAt, kept] of [
      ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
      ['9999-12-30T23:59:59.9999999Z', '9999-12-30T23:59:59.999Z'],
      ['2026-01-01T00:00:00+23:59', '2025-12-31T00:01:00.000Z'],
    ]) {
      const { body } = await call('PUT', 'media-items/1', { releasedAt })
      expect(body.releasedAt).toBe(kept)
      await call('POST', 'media-items/import', JSON.stringify({ id: 2, releasedAt }), LINES)
      expect((await call('GET', 'media-items/2')).body.releasedAt).toBe(kept)
    }
  })
})

it('what is asked twice, or is no number that can be kept, is refused', async () => {
  for (const path of ['flags?limit=1&limit=2', 'flags?environment=a&environment=b', 'freezes?active=true&active=false'])
    expect((await call('GET', path)).status).toBe(400)
  for (const number of ['1e400', '-1e400', '9'.repeat(400)]) {
    await refuses('flags', `{"key": "b", "rolloutPercentage": ${number}}`, /rolloutPercentage/)
    await refuses('media-items/1', `{"metadata": {"a": ${number}}}`, /^metadata$/, 'PUT')
    await refuses('catalog-policies', policy(`{"rules": [], "relevance": ${number}}`), /^document/)
    await refuses('schedules/bulk-shift', `{"filter": {"flagKeys": ["a"]}, "byMs": ${number}}`, /^byMs$/)
  }
})

it.each([
  ['GET', 'media-items/abc', 'path.id', /^must be an integer from 1 to/],
  ['PUT', `media-items/${2 ** 53}`, 'path.id', /^must be an integer from 1 to/, {}],
  ['PUT', 'media-items/1', 'ingestionStatus', /^must be one of pending, ready, failed$/, { ingestionStatus: 'done' }],
  ['GET', 'media-items/1?x=1', 'query.x', /which has none$/],
  ['GET', 'events?policyVersion=x', 'query.policyVersion', /^must be an integer from 1 to/],
  ['GET', 'events?type=x', 'query.type.0', /^must be types of events/],
  ['GET', 'schedules?status=x', 'query.status', /^must be one of pending,/],
  ['GET', 'release-plans?status=x', 'query.status', /^must be one of draft,/],
  ['GET', 'catalog-policy-runs?status=x', 'query.status', /^must be one of running,/],
  [
    'POST',
    'catalog-policies/preview',
    'itemIds',
    /^must be a list of 1 to 500/,
    { document: { rules: [] }, itemIds: [] },
  ],
  [
    'POST',
    'flags/a/strategies',
    'constraints',
    /^must be a list of at most 50/,
    { name: 'default', constraints: null },
  ],
  ['POST', 'flags/a/strategies/reorder', 'ids', /^must name each of the strategies once$/, {}],
  ['POST', 'flags/a/release-plans', 'templateId', /^must be a ULID$/, { templateId: 7 }],
  ['POST', 'schedules/bulk-cancel', 'limit', /^must be an integer/, { filter: { flagKeys: ['a'] }, limit: 2 ** 53 }],
  ['POST', 'catalog-policies', 'name', /^must be at most 200/, { name: 'x'.repeat(3_000), document: { rules: [] } }],
] as const)('%s %s is told once what %s must be', async (method, path, field, message, body?: object) => {
  const answer = await call(method, path, body)
  expect(answer.status).toBe(400)
  expect(answer.body.errors).toEqual([{ field, message: expect.stringMatching(message) }])
})

it.each(['{"a": {"__proto__": 1}}', '{"constructor": {"prototype": 1}}'])(
  '%s is JSON, and is told which key is not taken',
  async (body) => {
    const answer = await call('POST', 'flags', body, JSON_TYPE)
    expect(answer.body).toMatchObject({ status: 400, type: '/problems/malformed-body' })
    expect(answer.body.detail).toContain('__proto__')
  },
)

it.each([
  ['/api/catalog/items', ['.', 5], 400],
  ['/api/catalog/items', ['1.2.3', 5], 400],
  ['/api/catalog/items', ['1e400', 5], 400],
  ['/api/catalog/items', ['1e-400', 5], 200],
  ['/api/catalog/items', [-1.2345678901234567e-6, 5], 200],
  ['/api/catalog/items', [1e30, 5], 200],
  ['schedules', ['0000-01-01T00:00:00.000Z', 1], 400],
  ['schedules', ['0001-01-01T00:00:00.000Z', 1], 200],
  ['flags/a/schedule', ['0000-02-29T00:00:00.000Z', 1], 400],
])('a cursor that somebody made: %s after %j answers %i', async (path, key, status) => {
  const cursor = Buffer.from(JSON.stringify(key)).toString('base64url')
  expect((await call('GET', `${path}?cursor=${cursor}`)).status).toBe(status)
})

describe('what is no request', () => {
  const listening = app.listen({ port: 0, host: '127.0.0.1' })

  it.each([
    ['GET /\u0001 HTTP/1.1\r\nhost: a\r\n\r\n', 400, '/problems/malformed-request'],
    ['no HTTP at all\r\n\r\n', 400, '/problems/malformed-request'],
    [`GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`, 431, '/problems/headers-too-large'],
  ])('is answered with a problem: %#', async (bytes, status, type) => {
    const socket = connect(Number(new URL(await listening).port), '127.0.0.1')
    socket.write(bytes)
    const [head, body] = (await textOf(socket)).split('\r\n\r\n') as [string, string]
    expect(head).toMatch(`HTTP/1.1 ${status} `)
    expect(head).toMatch('content-type: application/problem+json')
    expect(JSON.parse(body)).toMatchObject({ type, status })
  })
})
