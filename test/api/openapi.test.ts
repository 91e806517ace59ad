import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import { type Answer, createTestApp } from '../helpers/app.ts'
import { itemOf, POLICY, STRICTER } from '../helpers/catalog.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { drive, openCatalogDatabases } from '../helpers/policy-runs.ts'
import { inMs } from '../helpers/schedules.ts'

const url = await createTestDatabase()
const { app, call, db } = await createTestApp(url)
const catalog = openCatalogDatabases(url)
const document = (await app.inject('/docs/json')).json()

const ajv = new Ajv2020({ strict: false })
addFormats.default(ajv)
ajv.addSchema(document, 'openapi')

/** Checks an answer against what the document says of its route and status. */
function conforms(method: string, path: string, { status, body, headers }: Answer): void {
  const response = document.paths[path]?.[method.toLowerCase()]?.responses[status]
  expect(response, `${method} ${path} answers ${status}`).toBeDefined()
  const type = (headers['content-type'] as string).split(';')[0] as string
  expect(Object.keys(response.content)).toContain(type)
  const pointer = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema']
  const validate = ajv.compile({
    $ref: `openapi#/${pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`,
  })
  expect(validate(body), JSON.stringify(validate.errors)).toBe(true)
}

describe('the OpenAPI document', () => {
  it('is valid 3.1', async () => {
    expect(document.openapi).toBe('3.1.0')
    expect(await new Validator().validate(document)).toMatchObject({ valid: true })
  })

  it('asks for a token on every admin route and has a summary and all refusals for it', () => {
    for (const [path, methods] of Object.entries<
      Record<string, { security?: unknown; summary?: string; responses: object }>
    >(document.paths)) {
      if (!path.startsWith('/api/admin')) continue
      for (const operation of Object.values(methods)) {
        expect(operation).toMatchObject({ security: [{ token: [] }], summary: expect.any(String) })
        expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '403', '500', '503']))
      }
    }
  })

  it("matches every route's answers", async () => {
    const visited = new Set<string>()
    const visit = async (
      method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
      path: string,
      url: string,
      status: number,
      body?: unknown,
      headers = {},
    ) => {
      const answer = await call(method, url, body, headers)
      expect([method, url, answer.status]).toEqual([method, url, status])
      conforms(method, path, answer)
      visited.add(`${method} ${path}`)
      return answer
    }
    const flags = '/api/admin/flags'
    const flag = `${flags}/{flagKey}`
    await visit('POST', flags, flags, 201, { key: 'a' })
    await visit('POST', flags, flags, 409, { key: 'a' })
    await visit('POST', flags, flags, 400, { key: '?' })
    await visit('POST', flags, flags, 401, { key: 'b' }, { authorization: '' })
    await visit('GET', flags, flags, 200)
    await visit('GET', flag, `${flags}/a`, 200)
    await visit('GET', flag, `${flags}/b`, 404)
    await visit('PATCH', flag, `${flags}/a`, 200, { enabled: true })
    await visit('PATCH', flag, `${flags}/a`, 412, { enabled: false }, { 'if-match': '"0"' })

    const schedules = `${flag}/schedule`
    const schedule = `${schedules}/{scheduleId}`
    const body = { scheduledAt: inMs(60_000), updates: { enabled: true } }
    const created = await visit('POST', schedules, `${flags}/a/schedule`, 201, body)
    await visit('POST', schedules, `${flags}/a/schedule`, 422, { ...body, scheduledAt: inMs(-1e6) })
    await visit('GET', schedules, `${flags}/a/schedule`, 200)
    const against = { ...body, updates: { enabled: false } }
    await visit('POST', `${schedules}/preview`, `${flags}/a/schedule/preview`, 200, against)
    await visit('POST', `${schedules}/preview`, `${flags}/b/schedule/preview`, 404, body)
    await visit('GET', `${flag}/state`, `${flags}/a/state?at=${body.scheduledAt}`, 200)
    await visit('GET', `${flag}/state`, `${flags}/a/state?at=2020-01-01T00:00:00Z`, 404)
    await visit('GET', `${flag}/state`, `${flags}/a/state`, 400)
    await visit('GET', '/api/admin/schedules/health', '/api/admin/schedules/health', 200)
    const url = `${flags}/a/schedule/${created.body.id}`
    await visit('GET', schedule, url, 200)
    await visit('PATCH', schedule, url, 200, { updates: { rolloutPercentage: 3 } })
    await visit('DELETE', schedule, url, 200)
    await visit('DELETE', schedule, url, 409)
    await visit('PATCH', schedule, url, 409, body)
    const all = '/api/admin/schedules'
    const bulk = [
      { flagKey: 'a', ...body },
      { flagKey: 'nowhere', ...body },
    ]
    await visit('POST', `${all}/bulk`, `${all}/bulk`, 200, { mode: 'each', items: bulk })
    await visit('POST', `${all}/bulk`, `${all}/bulk`, 422, { mode: 'all', items: bulk })
    await visit('POST', `${all}/bulk`, `${all}/bulk`, 400, { mode: 'all', items: [] })
    await visit('GET', all, `${all}?status=pending&flagKey=a`, 200)
    await visit('GET', all, `${all}?dueFrom=tomorrow`, 400)
    const filter = { flagKeys: ['a'] }
    await visit('POST', `${all}/bulk-shift`, `${all}/bulk-shift`, 200, { filter, byMs: -1e9, dryRun: true })
    await visit('POST', `${all}/bulk-shift`, `${all}/bulk-shift`, 422, { filter, byMs: -1e9 })
    await visit('POST', `${all}/bulk-shift`, `${all}/bulk-shift`, 200, { filter, byMs: 1e9 })
    await visit('POST', `${all}/bulk-cancel`, `${all}/bulk-cancel`, 200, { filter })
    await visit('POST', `${all}/bulk-cancel`, `${all}/bulk-cancel`, 400, { filter: {} })

    const recurrences = `${flag}/recurrences`
    const recurrence = `${recurrences}/{recurrenceId}`
    const daily = { cron: '0 9 * * *', timeZone: 'Europe/Berlin' }
    await visit('POST', `${recurrences}/preview`, `${flags}/a/recurrences/preview`, 200, { recurrence: daily })
    await visit('POST', recurrences, `${flags}/a/recurrences`, 400, {
      recurrence: { ...daily, timeZone: 'Mars/Olympus' },
      updates: { enabled: true },
    })
    const recurring = await visit('POST', recurrences, `${flags}/a/recurrences`, 201, {
      recurrence: daily,
      updates: { enabled: true },
    })
    await visit('GET', recurrences, `${flags}/a/recurrences`, 200)
    const recurs = `${flags}/a/recurrences/${recurring.body.id}`
    await visit('GET', recurrence, recurs, 200)
    await visit('GET', recurrence, `${flags}/a/recurrences/${crypto.randomUUID()}`, 404)
    await visit('PATCH', recurrence, recurs, 200, { comment: 'daily' })
    await visit('POST', `${recurrence}/skip`, `${recurs}/skip`, 200)
    await visit('POST', `${recurrence}/pause`, `${recurs}/pause`, 200)
    await visit('POST', `${recurrence}/skip`, `${recurs}/skip`, 409)
    await visit('POST', `${recurrence}/resume`, `${recurs}/resume`, 200)
    await visit('DELETE', recurrence, recurs, 200)
    await visit('DELETE', recurrence, recurs, 409)
    const again = await visit('POST', schedules, `${flags}/a/schedule`, 201, body)
    const failing = `${flags}/a/schedule/${again.body.id}`
    await visit('POST', `${schedule}/retry`, `${failing}/retry`, 409)
    await one(db, `UPDATE feature_flag_schedules SET status = 'failed', error_message = 'x' WHERE id = $1`, [
      again.body.id,
    ])
    await visit('POST', `${schedule}/retry`, `${failing}/retry`, 200)
    await visit('GET', `${all}/retention`, `${all}/retention`, 200)
    const freezes = '/api/admin/freezes'
    const freeze = `${freezes}/{freezeId}`
    const window = { environment: 'production', from: inMs(-1e3), to: inMs(1e6), reason: 'peak', mode: 'defer' }
    const frozen = await visit('POST', freezes, freezes, 201, window)
    await visit('POST', freezes, freezes, 422, { ...window, from: inMs(-2e3), to: inMs(-1e3) })
    await visit('POST', freezes, freezes, 400, { ...window, mode: 'maybe' })
    await visit('GET', freezes, `${freezes}?active=true`, 200)
    const current = `${freezes}/${frozen.body.id}`
    await visit('GET', freeze, current, 200)
    await visit('GET', schedule, failing, 200)
    await visit('PATCH', freeze, current, 200, { to: inMs(2e6) })
    await visit('PATCH', freeze, current, 412, { to: inMs(2e6) }, { 'if-match': '"1"' })
    await visit('DELETE', freeze, current, 200)
    await visit('DELETE', freeze, current, 404)
    await visit('DELETE', flag, `${flags}/a`, 200)
    await visit('PATCH', flag, `${flags}/a`, 422, { enabled: true })
    await visit('POST', schedules, `${flags}/a/schedule`, 422, body)

    await visit('GET', '/api/admin/events', '/api/admin/events', 200)
    const audit = 'actor=alice&type=flag-created,flag-updated&from=2020-01-01T00:00:00Z&to=2120-01-01T00:00:00Z'
    await visit('GET', '/api/admin/events', `/api/admin/events?${audit}`, 200)
    const outbox = await visit('GET', '/api/admin/outbox', '/api/admin/outbox', 200)
    const requeue = '/api/admin/outbox/{outboxId}/requeue'
    const { id } = outbox.body[0]
    await visit('POST', requeue, `/api/admin/outbox/${id}/requeue`, 409)
    await visit('POST', requeue, '/api/admin/outbox/999999/requeue', 404)
    await one(db, `UPDATE outbox SET state = 'dead' WHERE id = $1`, [id])
    await visit('POST', requeue, `/api/admin/outbox/${id}/requeue`, 200)
    await visit('GET', '/healthz', '/healthz', 200)
    await visit('GET', '/readyz', '/readyz', 503)

    const items = '/api/admin/media-items'
    const { id: itemId, ...content } = itemOf(1)
    await visit('PUT', `${items}/{id}`, `${items}/${itemId}`, 201, content)
    await visit('PUT', `${items}/{id}`, `${items}/${itemId}`, 200, content)
    await visit('PUT', `${items}/{id}`, `${items}/0`, 400, content)
    await visit('PATCH', `${items}/{id}`, `${items}/1`, 200, { title: 'x' })
    await visit('PATCH', `${items}/{id}`, `${items}/2`, 404, { title: 'x' })
    await visit('GET', `${items}/{id}`, `${items}/1`, 200)
    await visit('DELETE', `${items}/{id}`, `${items}/1`, 200)
    await visit('GET', `${items}/{id}`, `${items}/1`, 404)
    const ndjson = { 'content-type': 'application/x-ndjson' }
    const lines = [itemOf(2), { id: 'x' }, itemOf(3)].map((line) => JSON.stringify(line)).join('\n')
    await visit('POST', `${items}/import`, `${items}/import`, 200, lines, ndjson)
    await visit('POST', `${items}/import`, `${items}/import`, 415, {})

    const policies = '/api/admin/catalog-policies'
    const policy = `${policies}/{id}`
    const first = await visit('POST', policies, policies, 201, { name: 'One', document: POLICY })
    const second = await visit('POST', policies, policies, 201, { name: 'Two', document: STRICTER })
    await visit('POST', policies, policies, 400, { name: 'Three', document: { rules: [{}] } })
    await visit('POST', `${policies}/preview`, `${policies}/preview`, 200, { document: STRICTER, sample: 5 })
    await visit('POST', `${policies}/preview`, `${policies}/preview`, 400, { document: 1 })
    await visit('GET', policies, policies, 200)
    await visit('GET', policy, `${policies}/${first.body.id}`, 200)
    await visit('GET', policy, `${policies}/${crypto.randomUUID()}`, 404)

    const runs = '/api/admin/catalog-policy-runs'
    const run = `${runs}/{runId}`
    for (const { body: made } of [first, second]) {
      const { body } = await visit('POST', `${policy}/prepare`, `${policies}/${made.id}/prepare`, 202, {
        batchSize: 10,
      })
      await visit('POST', `${policy}/prepare`, `${policies}/${made.id}/prepare`, 409)
      const self = `${runs}/${body.runId}`
      await visit('GET', run, self, 200)
      await visit('PATCH', run, self, 200, { delayMs: 1 })
      await visit('GET', `${run}/diff`, `${self}/diff`, 409)
      await visit('POST', `${run}/resume`, `${self}/resume`, 409)
      await visit('POST', `${run}/promote`, `${self}/promote`, 400)
      await drive(catalog, body.runId)
      await visit('GET', run, self, 200)
      await visit('GET', `${run}/diff`, `${self}/diff`, 200)
      await visit('POST', `${run}/promote`, `${self}/promote`, 200, { maxErrors: 3 })
    }
    await visit('GET', '/api/catalog/items', '/api/catalog/items', 200)
    await visit('GET', '/api/catalog/items', '/api/catalog/items?limit=x', 400)
    const back = await visit('POST', `${policy}/rollback`, `${policies}/${first.body.id}/rollback`, 202)
    await visit('POST', `${policy}/rollback`, `${policies}/${second.body.id}/rollback`, 409)
    const self = `${runs}/${back.body.runId}`
    await one(db, `UPDATE catalog_evaluation_runs SET status = 'failed', finished_at = now() WHERE id = $1`, [
      back.body.runId,
    ])
    await visit('POST', `${run}/resume`, `${self}/resume`, 202)
    await visit('POST', `${run}/cancel`, `${self}/cancel`, 200)
    await visit('POST', `${run}/cancel`, `${self}/cancel`, 409)
    await visit('GET', runs, runs, 200)
    await visit('GET', '/api/admin/events', '/api/admin/events?type=policy-promoted', 200)

    const documented = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect([...visited].sort()).toEqual(documented.sort())
  })
})
