import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { milestones, planScenes, rollout } from '../helpers/release-plans.ts'
import { inMs } from '../helpers/schedules.ts'

// No worker runs here: nothing starts by itself.
const app = await createTestApp(await createTestDatabase())
const { call, names, token } = app
const scene = planScenes(app)

const NOBODY = '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D'

describe('a plan', () => {
  it('is made, shown, listed, and only one for a flag', async () => {
    const { made, plan, path, self, flag } = await scene({}, 'staging')
    expect(made.status).toBe(201)
    expect(made.headers.location).toBe(`/api/admin/${self}?environment=staging`)
    expect(plan).toMatchObject({
      flagKey: flag.key,
      environment: 'staging',
      workflowId: names.releasePlan(plan.id),
      status: 'draft',
      waitsFor: ['hand'],
      nextAt: null,
      milestones: [
        { name: 'a', status: 'next', startedAt: null, strategies: [{ active: false }] },
        { status: 'waiting' },
        {},
      ],
    })
    expect((await call('GET', `${self}?environment=staging`)).body).toEqual(plan)
    expect((await call('GET', `${path}?environment=staging`)).body).toEqual([plan])
    expect((await call('GET', self)).body.type).toBe('/problems/flag-not-found')
    const again = await call('POST', `${path}?environment=staging`, { name: 'other', milestones: milestones(1) })
    expect(again.body).toMatchObject({ status: 409, type: '/problems/plan-exists', planId: plan.id })
    expect((await call('GET', 'release-plans?environment=staging')).body).toMatchObject([{ id: plan.id }])
    expect((await call('GET', 'release-plans?environment=staging&status=running')).body).toEqual([])
    expect((await call('GET', `release-plans?flagKey=${flag.key}`)).body).toMatchObject([{ id: plan.id }])
    expect((await call('GET', 'release-plans?environment=staging&flagKey=another')).body).toEqual([])
    await call('POST', `${self}/milestones/${plan.milestones[0].id}/start?environment=staging`)
    const due = (ms: number) => call('GET', `release-plans?status=running&environment=staging&dueBefore=${inMs(ms)}`)
    expect((await due(4e6)).body).toHaveLength(1)
    expect((await due(3e6)).body).toEqual([])
    const removed = await call('DELETE', `${self}?environment=staging`)
    expect(removed).toMatchObject({ status: 200, body: { id: plan.id, status: 'running' } })
    expect((await call('GET', `${path}?environment=staging`)).body).toEqual([])
    expect((await call('DELETE', `${self}?environment=staging`)).body.type).toBe('/problems/plan-not-found')
  })

  it('is leafed through with others', async () => {
    for (let i = 0; i < 3; i++) await scene({}, 'pages')
    const one = await call('GET', 'release-plans?environment=pages&limit=2')
    expect(one.body).toHaveLength(2)
    const next = (one.headers.link as string).match(/<(.*)>/)?.[1] as string
    expect((await call('GET', next)).body).toHaveLength(1)
    expect((await call('GET', 'release-plans?cursor=x')).body).toMatchObject({ errors: [{ field: 'query.cursor' }] })
  })

  it.each([
    ['neither a template nor milestones', { name: 'x', milestones: undefined }, 'milestones'],
    ['both', { templateId: NOBODY, name: undefined }, 'milestones'],
    ['a template that is no id', { templateId: '7', name: undefined, milestones: undefined }, 'templateId'],
    ['another anchor', { anchor: 'moon' }, 'anchor'],
  ])('is refused with %s', async (_, wrong, field) => {
    expect((await scene(wrong)).made.body).toMatchObject({ status: 400, errors: [{ field }] })
  })

  it('is refused with a template or a segment that is not there, which it names', async () => {
    const nowhere = await scene({ templateId: NOBODY, name: undefined, milestones: undefined })
    expect(nowhere.made.body).toMatchObject({ status: 404, type: '/problems/template-not-found' })
    const second = { name: 'b', strategies: [rollout(1), rollout(2, { segments: ['ghosts'] })] }
    const { made, path } = await scene({ milestones: [{ name: 'a', strategies: [rollout(1)] }, second] })
    expect(made.body).toMatchObject({
      ...{ status: 422, type: '/problems/unknown-segment', segments: ['ghosts'] },
      errors: [{ field: 'milestones.1.strategies.1.segments' }],
    })
    expect((await call('GET', path)).body).toEqual([])
  })

  it('is started, edited, approved, paused and resumed, each with its ETag', async () => {
    const { plan, self, first } = await scene({ milestones: milestones(3, [{ approval: true }]) })
    const start = await call('POST', `${self}/milestones/${first}/start`, { enable: true }, { 'if-match': '"1"' })
    expect(start).toMatchObject({
      status: 200,
      headers: { etag: '"2"' },
      body: { flagEnabled: true, status: 'running' },
    })
    expect((await call('POST', `${self}/milestones/${first}/start`, undefined, { 'if-match': '"1"' })).status).toBe(412)
    expect((await call('POST', `${self}/milestones/${first}/start`, { enable: 1 })).body).toMatchObject({
      errors: [{ field: 'enable' }],
    })
    const second = plan.milestones[1].id
    expect((await call('POST', `${self}/milestones/${second}/approve`)).body).toMatchObject({
      status: 409,
      type: '/problems/milestone-not-active',
      activeMilestoneId: first,
    })
    const approved = await call('POST', `${self}/milestones/${first}/approve`)
    expect(approved.body).toMatchObject({ waitsFor: ['time'], milestones: [{ approvedBy: 'alice' }, {}, {}] })
    const paused = await call('POST', `${self}/pause?reason=lunch`)
    expect(paused.body).toMatchObject({ status: 'paused', pauseReason: 'lunch' })
    expect((await call('POST', `${self}/resume`)).body.status).toBe('running')
    const patch = (body: object, id = first, headers = {}) => call('PATCH', `${self}/milestones/${id}`, body, headers)
    const edited = await patch({ name: 'one', progression: { afterSeconds: 60 } })
    expect(edited.body.milestones[0]).toMatchObject({ name: 'one', progression: { afterSeconds: 60, approval: false } })
    expect((await patch({ name: 'one' })).body.version).toBe(edited.body.version)
    expect((await patch({ progression: null })).body).toMatchObject({ waitsFor: ['hand'], nextAt: null })
    expect((await patch({ name: 'two' }, first, { 'if-match': '"1"' })).status).toBe(412)
    expect((await patch({})).body).toMatchObject({ status: 400 })
    expect((await patch({ name: 'x', sortOrder: 3 })).body).toMatchObject({ errors: [{ field: 'sortOrder' }] })
    expect((await patch({ name: 'x' }, NOBODY)).body.type).toBe('/problems/milestone-not-found')
    expect((await call('POST', `${self}/milestones/${first}/approve`)).body.type).toBe('/problems/approval-not-needed')
    const { body: events } = await call('GET', `events?flagKey=${plan.flagKey}&type=milestone-updated`)
    expect(events.at(-1)).toMatchObject({ data: { milestoneId: first, before: { name: 'a' }, after: { name: 'one' } } })
  })

  it('says what it is not in the state for', async () => {
    const { self, plan } = await scene()
    expect((await call('POST', `${self}/pause`)).body).toMatchObject({
      status: 409,
      type: '/problems/plan-not-running',
    })
    expect((await call('POST', `${self}/resume`)).body).toMatchObject({
      status: 409,
      type: '/problems/plan-not-paused',
    })
    await call('POST', `${self}/milestones/${plan.milestones[2].id}/start`)
    expect((await call('POST', `${self}/pause`)).body.detail).toContain('complete')
    await call('DELETE', `flags/${plan.flagKey}`)
    const refused = await call('POST', `${self}/milestones/${plan.milestones[0].id}/start`)
    expect(refused.body).toMatchObject({ status: 422, type: '/problems/flag-archived' })
  })

  it('is not started inside a freeze, unless somebody says why', async () => {
    const { self, first } = await scene({}, 'frozen')
    const freeze = { environment: 'frozen', from: inMs(-1e6), to: inMs(1e6), reason: 'peak', mode: 'refuse' }
    await call('POST', 'freezes', freeze)
    const start = (query: string) => call('POST', `${self}/milestones/${first}/start?environment=frozen${query}`)
    expect((await start('')).body).toMatchObject({
      status: 422,
      type: '/problems/frozen',
      errors: [{ field: 'query.overrideFreeze' }],
      until: freeze.to,
    })
    expect((await start('&overrideFreeze=true')).body).toMatchObject({ errors: [{ field: 'query.reason' }] })
    expect((await start('&overrideFreeze=true&reason=hotfix')).status).toBe(200)
  })

  it('is read by viewers, and changed by admins only', async () => {
    const { self, first } = await scene()
    const viewer = { authorization: `Bearer ${await token('viewer')}` }
    expect((await call('GET', self, undefined, viewer)).status).toBe(200)
    for (const path of ['pause', 'resume', `milestones/${first}/start`, `milestones/${first}/approve`, 'safeguards'])
      expect((await call('POST', `${self}/${path}`, {}, viewer)).status).toBe(403)
    expect((await call('POST', 'environments/production/metrics', [], viewer)).status).toBe(403)
  })

  it('answers a repeated request with the first answer', async () => {
    const { self, first } = await scene()
    const start = () =>
      call('POST', `${self}/milestones/${first}/start`, undefined, { 'idempotency-key': `k-${first}` })
    const [one, two] = [await start(), await start()]
    expect(two.body).toEqual(one.body)
    expect((await call('GET', self)).body.version).toBe(2)
  })
})

describe('strategies of milestones', () => {
  it('are added, read, replaced, changed and removed; of the active milestone together with what users see', async () => {
    const { self, first, flag, plan } = await scene()
    await call('POST', `${self}/milestones/${first}/start`)
    const add = (id: string) => call('POST', `${self}/milestones/${id}/strategies`, rollout(7))
    const added = await add(first)
    expect(added).toMatchObject({ status: 201, body: { milestoneId: first, active: true, sortOrder: 1 } })
    expect(added.headers.location).toContain(`/milestone-strategies/${added.body.id}?environment=production`)
    const later = await add(plan.milestones[1].id)
    expect(later.body).toMatchObject({ active: false })
    const path = (id: string) => `${self}/milestone-strategies/${id}`
    const served = async (id: string) =>
      (await call('GET', `flags/${flag.key}/strategies`)).body.find((one: { id: string }) => one.id === id)
    await call('PATCH', path(added.body.id), { title: 'seven' })
    expect(await served(added.body.id)).toMatchObject({ title: 'seven', parameters: { rollout: '7' } })
    await call('PUT', path(added.body.id), { name: 'default' })
    expect(await served(added.body.id)).toMatchObject({ title: null, name: 'default', parameters: {} })
    await call('PATCH', path(later.body.id), { title: 'eight' })
    expect(await served(later.body.id)).toBeUndefined()
    expect((await call('GET', path(later.body.id))).body).toMatchObject({ title: 'eight', active: false })
    expect((await call('DELETE', path(added.body.id))).status).toBe(200)
    expect(await served(added.body.id)).toBeUndefined()
    expect((await call('GET', path(added.body.id))).body.type).toBe('/problems/strategy-not-found')
    const other = await scene()
    expect((await call('GET', `${other.self}/milestone-strategies/${later.body.id}`)).status).toBe(404)
    const elsewhere = `flags/${flag.key}/release-plans/${other.plan.id}/milestone-strategies/${later.body.id}`
    for (const method of ['GET', 'DELETE'] as const)
      expect((await call(method, elsewhere)).body.type).toBe('/problems/plan-not-found')
    expect((await add(NOBODY)).body.type).toBe('/problems/milestone-not-found')
    expect((await call('PATCH', path(later.body.id), {})).status).toBe(400)
    expect((await call('PATCH', path(later.body.id), { parameters: { rollout: '101' } })).body).toMatchObject({
      status: 400,
    })
  })
})

describe('safeguards', () => {
  it('are added, listed and removed, and hear of metrics', async () => {
    const { self, first } = await scene({}, 'guarded')
    const q = '?environment=guarded'
    const body = { metric: 'errors', operator: '>', threshold: 0.01, action: 'pause', freshSeconds: 60 }
    const added = await call('POST', `${self}/safeguards${q}`, body)
    expect(added).toMatchObject({ status: 201, body: { ...body, lastValue: null, triggeredAt: null } })
    expect((await call('GET', `${self}/safeguards${q}`)).body).toEqual([added.body])
    await call('POST', `${self}/milestones/${first}/start${q}`)
    const { body: answer } = await call('POST', 'environments/guarded/metrics', [{ metric: 'errors', value: 1 }])
    expect(answer).toMatchObject({
      safeguards: 1,
      triggered: [{ safeguardId: added.body.id, value: 1, threshold: 0.01 }],
    })
    expect((await call('DELETE', `${self}/safeguards/${added.body.id}${q}`)).status).toBe(200)
    expect((await call('DELETE', `${self}/safeguards/${added.body.id}${q}`)).body.type).toBe(
      '/problems/safeguard-not-found',
    )
  })

  it.each([
    [{ operator: '>=' }, 'operator'],
    [{ threshold: '5' }, 'threshold'],
    [{ action: 'panic' }, 'action'],
    [{ freshSeconds: 0 }, 'freshSeconds'],
    [{ metric: '' }, 'metric'],
  ])('are refused with %j', async (wrong, field) => {
    const { self } = await scene()
    const right = { metric: 'errors', operator: '>', threshold: 5, action: 'pause' }
    expect((await call('POST', `${self}/safeguards`, { ...right, ...wrong })).body).toMatchObject({
      status: 400,
      errors: [{ field }],
    })
  })

  it.each([
    [[], ''],
    [[{ metric: 'a' }], '0.value'],
    [
      [
        { metric: 'a', value: 1 },
        { metric: 'a', value: 1, flagKey: '?' },
      ],
      '1.flagKey',
    ],
    [{}, ''],
  ])('hear nothing of %j', async (values, field) => {
    const { body } = await call('POST', 'environments/production/metrics', values)
    expect(body).toMatchObject({ status: 400, errors: [{ field: expect.stringContaining(field) }] })
  })

  it('are 20 at most', async () => {
    const { self } = await scene()
    const add = () =>
      call('POST', `${self}/safeguards`, { metric: 'errors', operator: '>', threshold: 5, action: 'pause' })
    for (let i = 0; i < 20; i++) expect((await add()).status).toBe(201)
    expect((await add()).body).toMatchObject({ status: 422, type: '/problems/too-many-safeguards', limit: 20 })
  })
})
