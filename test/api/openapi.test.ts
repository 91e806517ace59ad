import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import { type Answer, createTestApp } from '../helpers/app.ts'
import { itemOf, POLICY, STRICTER } from '../helpers/catalog.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { drive, openCatalogDatabases } from '../helpers/policy-runs.ts'
import { inMs } from '../helpers/schedules.ts'
import { createTestNoteStores } from '../notes/stores.ts'

const url = await createTestDatabase()
const { legacy, current } = await createTestNoteStores()
const settings = { NOTES_LEGACY_URL: legacy.url, NOTES_CURRENT_URL: current.url }
const { app, call, db, token } = await createTestApp(url, { settings })
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
        expect(operation).toMatchObject({ security: [{ token: [] }, { session: [] }], summary: expect.any(String) })
        expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '403', '500', '503']))
      }
    }
  })

  it('asks for a body exactly where there must be one', () => {
    const bodies = Object.entries<Record<string, { requestBody?: { required: boolean } }>>(document.paths).flatMap(
      ([path, methods]) =>
        Object.values(methods).flatMap(({ requestBody }) => (requestBody ? [{ path, ...requestBody }] : [])),
    )
    const optional = bodies.filter(({ required }) => !required).map(({ path }) => path.split('/').at(-1))
    expect(optional.sort()).toEqual(['prepare', 'promote', 'rollback', 'start'])
    expect(bodies.length).toBeGreaterThan(optional.length)
    expect(JSON.stringify(document)).not.toContain('x-optional')
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

    const strategies = `${flag}/strategies`
    const strategy = `${strategies}/{strategyId}`
    const added = await visit('POST', strategies, `${flags}/a/strategies`, 201, { name: 'default' })
    await visit('POST', strategies, `${flags}/a/strategies`, 400, { name: '?' })
    await visit('POST', strategies, `${flags}/a/strategies`, 422, { name: 'default', segments: ['nobody'] })
    await visit('GET', strategies, `${flags}/a/strategies`, 200)
    await visit('POST', `${strategies}/reorder`, `${flags}/a/strategies/reorder`, 200, { ids: [added.body.id] })
    await visit('POST', `${strategies}/reorder`, `${flags}/a/strategies/reorder`, 422, { ids: [] })
    const added1 = `${flags}/a/strategies/${added.body.id}`
    const constraint = { contextName: 'age', operator: 'NUM_GT', value: '17' }
    const variants = [{ name: 'v', weight: 1, payload: { type: 'number', value: '1' } }]
    await visit('GET', strategy, added1, 200)
    await visit('PATCH', strategy, added1, 200, { constraints: [constraint], variants })
    await visit('PUT', strategy, added1, 200, { name: 'flexibleRollout', parameters: { rollout: 5 } })
    await visit('PUT', strategy, added1, 412, { name: 'default' }, { 'if-match': '"0"' })
    await visit('DELETE', strategy, added1, 200)
    await visit('DELETE', strategy, added1, 404)
    await visit('PATCH', flag, `${flags}/a`, 200, { variants: [{ ...variants[0], overrides: [] }] })
    await visit('PATCH', flag, `${flags}/a`, 422, { dependencies: [{ flagKey: 'a' }] })
    const segments = '/api/admin/segments'
    await visit('POST', segments, segments, 201, { key: 's', constraints: [constraint] })
    await visit('POST', segments, segments, 409, { key: 's' })
    await visit('GET', segments, segments, 200)
    await visit('GET', `${segments}/{segmentKey}`, `${segments}/s`, 200)
    await visit('PATCH', `${segments}/{segmentKey}`, `${segments}/s`, 200, { description: 'x' })
    await visit('DELETE', `${segments}/{segmentKey}`, `${segments}/s`, 200)
    await visit('DELETE', `${segments}/{segmentKey}`, `${segments}/s`, 404)
    const environments = '/api/admin/environments'
    const settings = `${environments}/{environment}`
    const drift = `${settings}/release-plan-drift`
    await visit('GET', environments, environments, 200)
    await visit('GET', settings, `${environments}/production`, 200)
    await visit('PATCH', settings, `${environments}/production`, 200, { selfApproval: true })
    await visit('PATCH', settings, `${environments}/production`, 412, { selfApproval: true }, { 'if-match': '"9"' })
    await visit('GET', drift, `${environments}/production/release-plan-drift`, 200)
    await visit('POST', `${drift}/repair`, `${environments}/production/release-plan-drift/repair`, 200, {
      from: 'runtime',
    })

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
    const releases = '/api/admin/releases'
    const release = `${releases}/{releaseId}`
    const together = { scheduledAt: inMs(60_000), changes: [{ flagKey: 'a', updates: { enabled: true } }] }
    const released = await visit('POST', releases, releases, 201, together)
    await visit('POST', releases, releases, 400, { ...together, changes: [] })
    await visit('POST', releases, releases, 404, { ...together, changes: [{ ...together.changes[0], flagKey: 'b' }] })
    await visit('GET', releases, `${releases}?status=pending`, 200)
    const its = `${releases}/${released.body.id}`
    await visit('GET', release, its, 200)
    await visit('GET', release, `${releases}/${crypto.randomUUID()}`, 404)
    await visit('PATCH', release, its, 200, { comment: 'launch' })
    await visit('PATCH', release, its, 412, { comment: 'launch' }, { 'if-match': '"1"' })
    const part = `${flags}/a/schedule/${released.body.changes[0].scheduleId}`
    await visit('DELETE', schedule, part, 409)
    await visit('POST', `${all}/bulk-cancel`, `${all}/bulk-cancel`, 422, { filter: { flagKeys: ['a'] } })
    await visit('DELETE', flag, `${flags}/a`, 409)
    await visit('DELETE', release, its, 200)
    await visit('DELETE', release, its, 409)
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

    const keys = '/api/admin/api-keys'
    const reader = { name: 'shop', environment: 'production' }
    const apiKey = await visit('POST', keys, keys, 201, reader)
    await visit('POST', keys, keys, 400, { ...reader, expiresAt: '2020-01-01T00:00:00Z' })
    await visit('GET', keys, keys, 200)
    const question = { context: { targetingKey: 'user-17' } }
    await visit('POST', flags, flags, 201, { key: 'read', enabled: true })
    await visit('POST', `${flag}/evaluate`, `${flags}/read/evaluate`, 200, { ...question, at: body.scheduledAt })
    await visit('POST', `${flag}/evaluate`, `${flags}/unknown/evaluate`, 404, question)
    await visit('POST', `${flag}/evaluate`, `${flags}/read/evaluate`, 400, {})
    const evaluate = '/ofrep/v1/evaluate/flags'
    const asApplication = { 'x-api-key': apiKey.body.key }
    await visit('POST', evaluate, evaluate, 200, question, asApplication)
    await visit('POST', evaluate, evaluate, 400, {}, asApplication)
    await visit('POST', evaluate, evaluate, 401, question, { 'x-api-key': 'x' })
    await visit('POST', evaluate, `${evaluate}?environment=x`, 403, question, asApplication)
    await visit('POST', `${evaluate}/{key}`, `${evaluate}/read`, 200, question, asApplication)
    await visit('POST', `${evaluate}/{key}`, `${evaluate}/unknown`, 404, question, asApplication)
    await visit('DELETE', `${keys}/{apiKeyId}`, `${keys}/${apiKey.body.id}`, 200)
    await visit('DELETE', `${keys}/{apiKeyId}`, `${keys}/${crypto.randomUUID()}`, 404)

    const templates = '/api/admin/release-plan-templates'
    const template = `${templates}/{templateId}`
    const milestones = ['one', 'two'].map((name) => ({
      name,
      strategies: [{ name: 'flexibleRollout', parameters: { rollout: '5', groupId: '{{flagKey}}' } }],
      progression: { afterSeconds: 3600, approval: true },
    }))
    const templated = await visit('POST', templates, templates, 201, { name: 'steps', milestones })
    await visit('POST', templates, templates, 409, { name: 'steps', milestones })
    await visit('POST', templates, templates, 400, { name: 'steps', milestones: [] })
    await visit('GET', templates, templates, 200)
    const thisTemplate = `${templates}/${templated.body.id}`
    await visit('GET', template, thisTemplate, 200)
    await visit('GET', template, `${templates}/${'0'.repeat(26)}`, 404)
    await visit('PUT', template, thisTemplate, 200, { name: 'steps', milestones })
    await visit('PUT', template, thisTemplate, 412, { name: 'steps', milestones }, { 'if-match': '"1"' })
    const plans = `${flag}/release-plans`
    const plan = `${plans}/{planId}`
    const planned = await visit('POST', plans, `${flags}/read/release-plans`, 201, { templateId: templated.body.id })
    await visit('POST', plans, `${flags}/read/release-plans`, 409, { templateId: templated.body.id })
    await visit('POST', plans, `${flags}/read/release-plans`, 400, { name: 'x' })
    await visit('DELETE', template, thisTemplate, 200)
    await visit('GET', plans, `${flags}/read/release-plans`, 200)
    await visit('GET', '/api/admin/release-plans', '/api/admin/release-plans?status=draft', 200)
    const itsPlan = `${flags}/read/release-plans/${planned.body.id}`
    await visit('POST', `${plan}/pause`, `${itsPlan}/pause`, 409)
    const milestone = `${plan}/milestones/{milestoneId}`
    const itsFirst = `${itsPlan}/milestones/${planned.body.milestones[0].id}`
    await visit('POST', `${milestone}/start`, `${itsFirst}/start`, 200)
    await visit('POST', `${milestone}/start`, `${itsFirst}/start`, 200, { enable: true })
    await visit('POST', `${milestone}/approve`, `${itsFirst}/approve`, 200)
    await visit('PATCH', milestone, itsFirst, 200, { progression: null })
    await visit('POST', `${milestone}/approve`, `${itsFirst}/approve`, 409)
    await visit('POST', `${plan}/pause`, `${itsPlan}/pause?reason=lunch`, 200)
    await visit('POST', `${plan}/resume`, `${itsPlan}/resume`, 200)
    await visit('GET', plan, itsPlan, 200)
    const itsNew = await visit('POST', `${milestone}/strategies`, `${itsFirst}/strategies`, 201, { name: 'default' })
    const milestoneStrategy = `${plan}/milestone-strategies/{strategyId}`
    const itsStrategy = `${itsPlan}/milestone-strategies/${itsNew.body.id}`
    await visit('GET', milestoneStrategy, itsStrategy, 200)
    await visit('PUT', milestoneStrategy, itsStrategy, 200, { name: 'default' })
    await visit('PATCH', milestoneStrategy, itsStrategy, 200, { title: 'x' })
    await visit('PATCH', milestoneStrategy, itsStrategy, 412, { title: 'x' }, { 'if-match': '"0"' })
    await visit('DELETE', milestoneStrategy, itsStrategy, 200)
    await visit('GET', milestoneStrategy, itsStrategy, 404)
    const safeguard = { metric: 'errors', operator: '>', threshold: 1, action: 'rollback' }
    const guarded = await visit('POST', `${plan}/safeguards`, `${itsPlan}/safeguards`, 201, safeguard)
    await visit('POST', `${plan}/safeguards`, `${itsPlan}/safeguards`, 400, { ...safeguard, operator: '=' })
    const metrics = `${settings}/metrics`
    await visit('POST', metrics, `${environments}/production/metrics`, 200, [{ metric: 'errors', value: 2 }])
    await visit('POST', metrics, `${environments}/production/metrics`, 400, [{ metric: 'errors' }])
    await visit('GET', `${plan}/safeguards`, `${itsPlan}/safeguards`, 200)
    const itsSafeguard = `${itsPlan}/safeguards/${guarded.body.id}`
    await visit('DELETE', `${plan}/safeguards/{safeguardId}`, itsSafeguard, 200)
    await visit('DELETE', `${plan}/safeguards/{safeguardId}`, itsSafeguard, 404)
    await visit('DELETE', plan, `${itsPlan}?keepStrategies=true`, 200)
    await visit('GET', plan, itsPlan, 404)

    const requests = `${settings}/change-requests`
    const request = `${requests}/{id}`
    const itsRequests = `${environments}/reviewed/change-requests`
    const asked = async (payload: object, flagKey?: string) => {
      const made = await visit('POST', requests, itsRequests, 201, { title: 'x' })
      const itsRequest = `${itsRequests}/${made.body.id}`
      const change = { action: flagKey ? 'updateFlag' : 'createFlag', flagKey, payload }
      const { body } = await visit('POST', `${request}/changes`, `${itsRequest}/changes`, 200, change)
      return { itsRequest, change, itsChange: `${itsRequest}/changes/${body.changes[0].id}` }
    }
    await visit('PATCH', settings, `${environments}/reviewed`, 200, { changeRequests: true, selfApproval: true })
    await visit('POST', flags, `${flags}?environment=reviewed`, 403, { key: 'asked-for' })
    await visit('POST', requests, itsRequests, 400, { title: '' })
    const { itsRequest, change, itsChange } = await asked({ key: 'asked-for' })
    await visit('POST', `${request}/changes`, `${itsRequest}/changes`, 400, { action: 'nothing' })
    await visit('PUT', `${request}/changes/{changeId}`, itsChange, 200, change)
    await visit('DELETE', `${request}/changes/{changeId}`, itsChange, 200)
    await visit('DELETE', `${request}/changes/{changeId}`, itsChange, 404)
    await visit('POST', `${request}/submit`, `${itsRequest}/submit`, 422)
    await visit('POST', `${request}/changes`, `${itsRequest}/changes`, 200, change)
    await visit('PATCH', request, itsRequest, 200, { title: 'y' })
    await visit('PATCH', request, itsRequest, 412, { title: 'z' }, { 'if-match': '"0"' })
    await visit('POST', `${request}/submit`, `${itsRequest}/submit`, 200)
    await visit('POST', `${request}/rebase`, `${itsRequest}/rebase`, 200)
    await visit('POST', `${request}/apply`, `${itsRequest}/apply`, 409, {})
    await visit('POST', `${request}/approve`, `${itsRequest}/approve`, 200)
    await visit('POST', `${request}/schedule`, `${itsRequest}/schedule`, 200, { scheduledAt: inMs(3_600_000) })
    await visit('POST', `${request}/apply`, `${itsRequest}/apply`, 200, {})
    await visit('POST', `${request}/apply`, `${itsRequest}/apply`, 409, {})
    await visit('GET', request, itsRequest, 200)
    await visit('GET', requests, `${itsRequests}?state=applied`, 200)
    await visit('GET', requests, `${itsRequests}?state=x`, 400)
    const edited = await asked({ enabled: true }, 'asked-for')
    await visit('POST', `${request}/submit`, `${edited.itsRequest}/submit`, 200)
    await visit('POST', `${request}/reject`, `${edited.itsRequest}/reject`, 200)
    await visit('POST', `${request}/cancel`, `${edited.itsRequest}/cancel`, 200)
    const dropped = await asked({ key: 'never' })
    await visit('DELETE', request, dropped.itsRequest, 200)
    await visit('GET', request, dropped.itsRequest, 404)

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
    // Its messages have no end; test/api/stream.test.ts reads them.
    await visit('GET', '/api/admin/stream', '/api/admin/stream', 400, undefined, { 'last-event-id': 'x' })
    const page = { 'x-interlock-page': '1' }
    const opened = await visit('POST', '/api/session', '/api/session', 200, { token: await token('viewer') }, page)
    await visit('POST', '/api/session', '/api/session', 401, { token: 'x' }, page)
    const cookie = String(opened.headers['set-cookie']).split(';')[0]
    await visit('GET', '/api/session', '/api/session', 200, undefined, { cookie })
    await visit('DELETE', '/api/session', '/api/session', 200, undefined, page)

    const accounts = '/api/admin/accounts'
    const account = `${accounts}/{accountId}`
    await visit('POST', accounts, accounts, 201, { id: 'acme' })
    await visit('POST', accounts, accounts, 409, { id: 'acme' })
    await visit('POST', accounts, accounts, 400, { id: '?' })
    await visit('GET', accounts, accounts, 200)
    await visit('GET', account, `${accounts}/acme`, 200)
    await visit('GET', account, `${accounts}/nobody`, 404)
    await visit('PATCH', account, `${accounts}/acme`, 409, { mode: 'done' })
    await visit('PATCH', account, `${accounts}/acme`, 200, { isMigrating: true })
    await visit('PATCH', account, `${accounts}/acme`, 412, { name: 'x' }, { 'if-match': '"0"' })
    await visit('POST', accounts, accounts, 201, { id: 'moves' })
    const migrations = '/api/admin/account-migrations'
    const migration = `${migrations}/{migrationId}`
    const nowhere = `${migrations}/${crypto.randomUUID()}`
    await visit('GET', '/api/admin/instances', '/api/admin/instances', 200)
    const begun = await visit('POST', migrations, migrations, 202, { cohorts: [{ accounts: ['moves'] }] })
    const moving = `${migrations}/${begun.body.id}`
    await visit('POST', migrations, migrations, 400, { cohorts: [{ percentage: 101 }] })
    await visit('POST', migrations, migrations, 409, { cohorts: [{ accounts: ['moves'] }] })
    await visit('POST', migrations, migrations, 422, { cohorts: [{ accounts: ['nobody'] }] })
    await visit('GET', migrations, migrations, 200)
    await visit('GET', migration, moving, 200)
    await visit('GET', migration, nowhere, 404)
    await visit('GET', `${migration}/accounts`, `${moving}/accounts`, 200)
    await visit('PATCH', migration, moving, 200, { batchSize: 7 })
    await visit('PATCH', migration, moving, 400, {})
    await visit('POST', `${migration}/verify`, `${moving}/verify`, 200)
    await visit('POST', `${migration}/resume`, `${moving}/resume`, 409)
    await visit('POST', `${migration}/pause`, `${moving}/pause`, 202)
    await visit('POST', `${migration}/resume`, `${moving}/resume`, 202)
    await visit('POST', `${migration}/stop`, `${moving}/stop`, 202)
    await visit('POST', `${migration}/rollback`, `${moving}/rollback`, 202)
    await visit('POST', `${migration}/rollback`, `${moving}/rollback`, 409)
    const notes = '/api/accounts/{accountId}/notes'
    const itsNotes = '/api/accounts/acme/notes'
    const noted = await visit('POST', notes, itsNotes, 201, { title: 'x' })
    await visit('POST', notes, itsNotes, 400, { title: 1 })
    await visit('GET', notes, itsNotes, 200)
    await visit('GET', notes, itsNotes, 401, undefined, { authorization: '' })
    const itsNote = `${itsNotes}/${noted.body.id}`
    await visit('GET', `${notes}/{noteId}`, itsNote, 200)
    await visit('PATCH', `${notes}/{noteId}`, itsNote, 200, { body: 'y' })
    await visit('PATCH', `${notes}/{noteId}`, itsNote, 412, { body: 'y' }, { 'if-match': '"1"' })
    await visit('DELETE', `${notes}/{noteId}`, itsNote, 200)
    await visit('GET', `${notes}/{noteId}`, itsNote, 404)

    const documented = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect([...visited].sort()).toEqual(documented.sort())
  })
})
