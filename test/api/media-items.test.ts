import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { itemOf } from '../helpers/catalog.ts'
import { createTestDatabase } from '../helpers/database.ts'

const app = await createTestApp(await createTestDatabase())
const { call } = app

describe('media items', () => {
  it('are written whole, changed, deleted and brought back', async () => {
    const { id, ...content } = itemOf(9_001)
    const put = await call('PUT', `media-items/${id}`, content)
    expect(put).toMatchObject({ status: 201, body: { id, title: 'Item 9001', version: 1, ingestionStatus: 'ready' } })
    expect(await call('PUT', `media-items/${id}`, content)).toMatchObject({ status: 200, body: { version: 1 } })
    const patched = await call('PATCH', `media-items/${id}`, { trendingScore: 5 }, { 'if-match': '"1"' })
    expect(patched).toMatchObject({ status: 200, body: { version: 2, trendingScore: 5, title: 'Item 9001' } })
    expect(patched.headers.etag).toBe('"2"')
    expect(await call('PATCH', `media-items/${id}`, { title: 'x' }, { 'if-match': '"1"' })).toMatchObject({
      status: 412,
      body: { version: 2 },
    })
    expect(await call('DELETE', `media-items/${id}`)).toMatchObject({ status: 200, body: { version: 3 } })
    expect((await call('GET', `media-items/${id}`)).status).toBe(404)
    expect((await call('PATCH', `media-items/${id}`, { title: 'x' })).status).toBe(404)
    expect(await call('PUT', `media-items/${id}`, content)).toMatchObject({ body: { version: 4, deletedAt: null } })
  })

  it.each([
    ['PUT', 'media-items/0', {}, 'path.id'],
    ['PUT', 'media-items/9007199254740993', {}, 'path.id'],
    ['PUT', 'media-items/abc', {}, 'path.id'],
    ['PUT', 'media-items/1', { metadata: [] }, 'metadata'],
    ['PUT', 'media-items/1', { metadata: { a: '\0' } }, 'metadata'],
    ['PUT', 'media-items/1', { metadata: { a: '\ud800' } }, 'metadata'],
    ['PUT', 'media-items/1', { title: 'a\0' }, 'title'],
    ['PUT', 'media-items/1', { releasedAt: '2026-02-30T00:00:00Z' }, 'releasedAt'],
    ['PUT', 'media-items/1', { trendingScore: 1e31 }, 'trendingScore'],
    ['PUT', 'media-items/1', { ingestionStatus: 'done' }, 'ingestionStatus'],
    ['PATCH', 'media-items/1', {}, 'body'],
    ['PATCH', 'media-items/1', { score: 1 }, 'score'],
  ] as const)('%s %s %j names %s', async (method, path, body, field) => {
    const answer = await call(method, path, body)
    expect(answer.status).toBe(400)
    expect(answer.body.errors[0].field).toBe(field)
  })

  it('are imported line by line: wrong lines are reported by number, the good ones are in', async () => {
    const lines = [
      JSON.stringify(itemOf(9_100)),
      '',
      '{"id": 9101, "titel": "x"}',
      'not json',
      JSON.stringify(itemOf(9_102)),
      '{"id": 9103, "metadata": {"budget": 1e400}}',
      JSON.stringify({ ...itemOf(9_102), title: 'the later\u2028line wins' }),
      '[]',
      JSON.stringify({ id: 9_104, releasedAt: '2020-01-01T00:00:00Z' }),
      JSON.stringify({ id: 9_105, title: 'x'.repeat(300_000) }),
      JSON.stringify({ id: 9_106, title: 'é😀' }),
    ]
    const send = async () => {
      const response = await app.app.inject({
        method: 'POST',
        url: '/api/admin/media-items/import',
        headers: { authorization: `Bearer ${await app.token('admin')}`, 'content-type': 'application/x-ndjson' },
        payload: lines.join('\r\n'),
      })
      return response.json()
    }
    const report = await send()
    expect(report).toMatchObject({ lines: 11, created: 4, updated: 1, failed: 5 })
    expect(report.errors.map(({ line }: { line: number }) => line)).toEqual([3, 4, 6, 8, 10])
    expect(report.errors[0].message).toContain('titel')
    expect((await call('GET', 'media-items/9102')).body.title).toBe('the later\u2028line wins')
    // Both lines of 9102 are written again, the other ones are as they were.
    expect(await send()).toMatchObject({ created: 0, updated: 2, unchanged: 3, failed: 5 })
  })

  it('an import takes no Idempotency-Key, and says so before it writes', async () => {
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'once' }
    expect(await call('POST', 'media-items/import', '{"id": 9300}', headers)).toMatchObject({
      status: 400,
      body: { type: '/problems/validation-failed', errors: [{ field: 'header.idempotency-key' }] },
    })
    expect((await call('GET', 'media-items/9300')).status).toBe(404)
  })

  it('an import of another type is refused', async () => {
    for (const body of [{ id: 1 }, undefined]) {
      const response = await call('POST', 'media-items/import', body)
      expect(response).toMatchObject({ status: 415, body: { type: '/problems/unsupported-media-type' } })
    }
  })
})

it('keep an instant to the millisecond, whatever comes after it', async () => {
  const finer = { title: 'Finer', releasedAt: '2020-01-01T00:00:00.9792+01:00' }
  expect((await call('PUT', 'media-items/9200', finer)).body.releasedAt).toBe('2019-12-31T23:00:00.979Z')
  const patched = await call('PATCH', 'media-items/9200', { releasedAt: '2021-01-01T00:00:00.12345Z' })
  expect(patched.body.releasedAt).toBe('2021-01-01T00:00:00.123Z')
})
