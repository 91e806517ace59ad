import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { gradual, newPlan } from '../helpers/milestones.ts'

const { call, db, token } = await createTestApp(await createTestDatabase())

let count = 0
const newFlag = async (environment = 'production') => {
  const key = `flag-${++count}`
  await call('POST', `flags?environment=${environment}`, { key })
  return key
}
const ROLLOUT = { name: 'flexibleRollout', parameters: { rollout: 25, stickiness: 'userId' } }
const NOWHERE = '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D'

describe('strategies', () => {
  it('are added, read, listed, changed, replaced, ordered and removed', async () => {
    const key = await newFlag('staging')
    await call('POST', 'segments?environment=staging', { key: 'beta' })
    const list = `flags/${key}/strategies?environment=staging`
    const created = await call('POST', list, { ...ROLLOUT, segments: ['beta'] })
    expect(created).toMatchObject({
      status: 201,
      body: {
        flagKey: key,
        name: 'flexibleRollout',
        title: null,
        parameters: { rollout: '25', stickiness: 'userId' },
        segments: ['beta'],
        sortOrder: 0,
        milestoneId: null,
        active: true,
      },
    })
    const location = created.headers.location as string
    const read = await call('GET', location)
    expect(read).toMatchObject({ status: 200, body: created.body, headers: { etag: created.headers.etag } })
    const flag = await call('GET', `flags/${key}?environment=staging`)
    expect(flag.headers.etag).toBe(created.headers.etag)

    const other = await call('POST', list, { name: 'default' })
    expect(other.body.sortOrder).toBe(1)
    const changed = await call('PATCH', location, { title: 'A quarter' })
    expect(changed).toMatchObject({ status: 200, body: { ...created.body, title: 'A quarter' } })
    const replaced = await call('PUT', location, { name: 'userWithId', parameters: { userIds: '1,2' } })
    expect(replaced.body).toMatchObject({ title: null, segments: [], parameters: { userIds: '1,2' }, sortOrder: 0 })

    const ids = [other.body.id, created.body.id]
    const placed = await call('POST', `flags/${key}/strategies/reorder?environment=staging`, { ids })
    expect(placed.body.map(({ id }: { id: string }) => id)).toEqual(ids)
    const listed = await call('GET', list)
    expect(listed).toMatchObject({ body: placed.body, headers: { etag: placed.headers.etag } })

    expect(await call('DELETE', location)).toMatchObject({ status: 200, body: { id: created.body.id, active: false } })
    expect(await call('GET', location)).toMatchObject({ status: 404, body: { type: '/problems/strategy-not-found' } })
    expect((await call('GET', list)).body).toMatchObject([{ id: other.body.id }])
  })

  it('are written only to the flag as the caller knows it', async () => {
    const key = await newFlag()
    const list = `flags/${key}/strategies`
    const created = await call('POST', list, { name: 'default' })
    const stale = { 'if-match': '"1"' }
    const url = `${list}/${created.body.id}`
    for (const [method, path, body] of [
      ['POST', list, { name: 'default' }],
      ['POST', `${list}/reorder`, { ids: [created.body.id] }],
      ['PUT', url, { name: 'default' }],
      ['PATCH', url, { title: 'x' }],
      ['DELETE', url, undefined],
    ] as const) {
      expect(await call(method, path, body, stale)).toMatchObject({
        status: 412,
        body: { type: '/problems/revision-mismatch', errors: [{ field: 'header.if-match' }] },
      })
    }
    const fresh = { 'if-match': created.headers.etag as string }
    expect((await call('PATCH', url, { title: 'x' }, fresh)).status).toBe(200)
    expect((await call('PATCH', url, { title: 'y' }, fresh)).status).toBe(412)
  })

  it('are made once by a request that is sent twice', async () => {
    const list = `flags/${await newFlag()}/strategies`
    const once = { 'idempotency-key': 'add-one' }
    const first = await call('POST', list, { name: 'default' }, once)
    expect((await call('POST', list, { name: 'default' }, once)).body).toEqual(first.body)
    expect((await call('GET', list)).body).toHaveLength(1)
  })

  it('are read by viewers, and written by admins only', async () => {
    const list = `flags/${await newFlag()}/strategies`
    const viewer = { authorization: `Bearer ${await token('viewer')}` }
    expect((await call('GET', list, undefined, viewer)).status).toBe(200)
    expect((await call('POST', list, { name: 'default' }, viewer)).status).toBe(403)
  })

  const variant = { name: 'a', weight: 1 }
  it.each([
    ['no name', {}, 'name', 'must be one of'],
    ['an unknown name', { name: 'mine' }, 'name', 'must be one of default'],
    ['an unknown field', { name: 'default', milestoneId: NOWHERE }, 'milestoneId', 'is not a field'],
    ['parameters that are no texts', { name: 'default', parameters: { a: {} } }, 'parameters.a', 'text or a number'],
    [
      'a parameter of another strategy',
      { name: 'default', parameters: { rollout: 5 } },
      'parameters.rollout',
      'is not a parameter',
    ],
    ['a rollout above 100', { ...ROLLOUT, parameters: { rollout: 101 } }, 'parameters.rollout', 'from 0 to 100'],
    [
      'NUL in a stickiness',
      { name: 'default', variants: [{ ...variant, stickiness: '\0' }] },
      'variants.0.stickiness',
      'NUL',
    ],
    [
      'NUL in a context name',
      { name: 'default', constraints: [{ contextName: 'a\0', operator: 'IN' }] },
      'constraints.0.contextName',
      'NUL',
    ],
    ['half of a character', { name: 'default', title: '\ud800' }, 'title', 'Unicode'],
    [
      'an unknown operator',
      { name: 'default', constraints: [{ contextName: 'a', operator: 'IS' }] },
      'constraints.0.operator',
      'must be one of',
    ],
    [
      'a date that is none',
      { name: 'default', constraints: [{ contextName: 'a', operator: 'DATE_AFTER', value: 'x' }] },
      'constraints.0.value',
      '',
    ],
    ['variants that share a name', { name: 'default', variants: [variant, variant] }, 'variants', 'of their own'],
    ['no weight at all', { name: 'default', variants: [{ ...variant, weight: 0 }] }, 'variants', 'above 0'],
    ['a segment that is no key', { name: 'default', segments: ['a b'] }, 'segments.0', 'must be 1 to 100'],
    ['a negative place', { name: 'default', sortOrder: -1 }, 'sortOrder', 'from 0 to 9999'],
  ])('with %s are refused with the field, in POST and PUT', async (_, body, field, message) => {
    const list = `flags/${await newFlag()}/strategies`
    const { body: made } = await call('POST', list, { name: 'default' })
    for (const answer of [await call('POST', list, body), await call('PUT', `${list}/${made.id}`, body)]) {
      expect(answer).toMatchObject({ status: 400, body: { type: '/problems/validation-failed' } })
      expect(answer.body.errors).toContainEqual({ field, message: expect.stringContaining(message) })
    }
    expect((await call('GET', list)).body).toEqual([made])
  })

  it('that name nothing to change, or what is not there, are told so', async () => {
    const key = await newFlag()
    const list = `flags/${key}/strategies`
    const { body: made } = await call('POST', list, { name: 'default' })
    const url = `${list}/${made.id}`
    expect((await call('PATCH', url, {})).body.errors).toMatchObject([{ field: 'body' }])
    expect((await call('PATCH', url, { parameters: { rollout: '1' } })).body.errors).toMatchObject([
      { field: 'parameters.rollout' },
    ])
    expect(await call('PATCH', url, { segments: ['nobody'] })).toMatchObject({
      status: 422,
      body: { type: '/problems/unknown-segment', segments: ['nobody'] },
    })
    expect((await call('GET', `${list}/1`)).body.errors).toMatchObject([{ field: 'path.strategyId' }])
    expect((await call('PATCH', `${list}/${NOWHERE}`, { title: 'x' })).status).toBe(404)
    expect((await call('GET', 'flags/nowhere/strategies')).body.type).toBe('/problems/flag-not-found')
    expect((await call('POST', 'flags/nowhere/strategies', { name: 'default' })).status).toBe(404)
    expect(await call('POST', `${list}/reorder`, { ids: [] })).toMatchObject({
      status: 422,
      body: { type: '/problems/strategies-incomplete', strategyIds: [made.id], errors: [{ field: 'ids' }] },
    })
    expect((await call('POST', `${list}/reorder`, { ids: 'all' })).body.errors).toMatchObject([{ field: 'ids' }])
  })
})

describe('a flag', () => {
  it('has variants in the order given, and dependencies', async () => {
    const parent = await newFlag()
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

describe('segments', () => {
  it('are created, read, listed by key, changed and deleted', async () => {
    const created = await call('POST', 'segments?environment=seg', {
      key: 'staff',
      constraints: [{ contextName: 'email', operator: 'STR_ENDS_WITH', values: ['@example.com'] }],
    })
    expect(created).toMatchObject({
      status: 201,
      headers: { location: '/api/admin/segments/staff?environment=seg', etag: `"${created.body.revision}"` },
      body: { key: 'staff', environment: 'seg', createdBy: 'alice', constraints: [{ inverted: false }] },
    })
    const location = created.headers.location as string
    expect((await call('GET', location)).body).toEqual(created.body)
    await call('POST', 'segments?environment=seg', { key: 'aT' })
    const first = await call('GET', 'segments?environment=seg&limit=1')
    expect(first.body).toMatchObject([{ key: 'aT' }])
    const next = first.headers.link?.match(/<(.*)>/)?.[1] as string
    expect((await call('GET', next)).body).toEqual([created.body])
    const changed = await call('PATCH', location, { description: 'Us' }, { 'if-match': created.headers.etag as string })
    expect(changed.body).toMatchObject({ description: 'Us', constraints: created.body.constraints })
    expect((await call('DELETE', location, undefined, { 'if-match': created.headers.etag as string })).status).toBe(412)
    expect((await call('DELETE', location)).status).toBe(200)
    expect((await call('DELETE', location)).body.type).toBe('/problems/segment-not-found')
  })

  it('are refused with the field', async () => {
    await call('POST', 'segments', { key: 'taken' })
    expect(await call('POST', 'segments', { key: 'taken' })).toMatchObject({
      status: 409,
      body: { type: '/problems/segment-exists', errors: [{ field: 'key' }] },
    })
    const wrong = { constraints: [{ contextName: 'a', operator: 'SEMVER_GT', value: '1' }] }
    expect((await call('POST', 'segments', { key: 'x', ...wrong })).body.errors).toMatchObject([
      { field: 'constraints.0.value' },
    ])
    expect((await call('PATCH', 'segments/taken', wrong)).body.errors).toMatchObject([{ field: 'constraints.0.value' }])
    expect((await call('PATCH', 'segments/taken', {})).body.errors).toMatchObject([{ field: 'body' }])
    expect((await call('PATCH', 'segments/taken', { key: 'other' })).body.errors[0]).toMatchObject({ field: 'key' })
    expect((await call('GET', 'segments/nowhere')).status).toBe(404)
  })
})

describe('environments', () => {
  it('keep to the defaults until they are told otherwise', async () => {
    await newFlag('env-a')
    const fresh = await call('GET', 'environments/env-a')
    expect(fresh).toMatchObject({ status: 200, headers: { etag: '"0"' } })
    expect(fresh.body).toEqual({
      environment: 'env-a',
      releasePlanSync: true,
      changeRequests: false,
      requiredApprovals: 1,
      selfApproval: false,
      version: 0,
      updatedAt: null,
    })
    const changed = await call(
      'PATCH',
      'environments/env-a',
      { requiredApprovals: 2, changeRequests: true },
      { 'if-match': '"0"' },
    )
    expect(changed.body).toMatchObject({
      releasePlanSync: true,
      changeRequests: true,
      requiredApprovals: 2,
      version: 1,
      drift: 0,
    })
    expect((await call('PATCH', 'environments/env-a', { selfApproval: true }, { 'if-match': '"0"' })).status).toBe(412)
    const { drift, ...shown } = changed.body
    expect((await call('GET', 'environments/env-a')).body).toEqual(shown)
    expect((await call('GET', 'environments')).body).toContainEqual(shown)
    expect((await call('PATCH', 'environments/env-a', { requiredApprovals: 11 })).body.errors).toMatchObject([
      { field: 'requiredApprovals' },
    ])
    expect((await call('PATCH', 'environments/env-a', {})).status).toBe(400)
    expect((await call('GET', 'environments/a%20b')).body.errors).toMatchObject([{ field: 'path.environment' }])
    const { body } = await call('GET', 'events?environment=env-a&type=environment-updated')
    expect(body).toMatchObject([{ data: { before: { requiredApprovals: 1 }, after: { requiredApprovals: 2 } } }])
  })

  it('report which copies of strategies differ while the sync is off, field by field, and repair them', async () => {
    const environment = 'env-drift'
    const flagKey = await newFlag(environment)
    const plan = await newPlan(db, [[gradual('10'), gradual('20')]], { environment, flagKey })
    const [a, b] = plan.strategyIds[0] as [string, string]
    const drift = `environments/${environment}/release-plan-drift`
    expect((await call('GET', drift)).body).toEqual([])
    await call('PATCH', `environments/${environment}`, { releasePlanSync: false })
    const strategy = (id: string) => `flags/${flagKey}/strategies/${id}?environment=${environment}`
    await call('PATCH', strategy(a), { title: 'new', disabled: true })
    await call('DELETE', strategy(b))
    const differ = [
      {
        flagKey,
        milestoneId: plan.milestoneIds[0],
        strategyId: a,
        missing: null,
        fields: [
          { field: 'title', runtime: 'new', milestone: null },
          { field: 'disabled', runtime: true, milestone: false },
        ],
      },
      { flagKey, milestoneId: plan.milestoneIds[0], strategyId: b, missing: 'runtime', fields: [] },
    ]
    expect((await call('GET', drift)).body).toEqual(differ)
    const first = await call('GET', `${drift}?limit=1`)
    expect((await call('GET', first.headers.link?.match(/<(.*)>/)?.[1] as string)).body).toEqual([differ[1]])
    expect((await call('PATCH', `environments/${environment}`, { releasePlanSync: true })).body.drift).toBe(2)

    const repair = (body: object) => call('POST', `${drift}/repair`, body)
    expect((await repair({ from: 'milestone', dryRun: true })).body).toEqual({
      dryRun: true,
      repaired: differ,
      remaining: 2,
    })
    expect((await repair({ from: 'runtime', strategyIds: [a] })).body).toEqual({
      dryRun: false,
      repaired: [differ[0]],
      remaining: 1,
    })
    expect((await repair({ from: 'milestone' })).body).toEqual({ dryRun: false, repaired: [differ[1]], remaining: 0 })
    expect((await call('GET', drift)).body).toEqual([])
    const list = await call('GET', `flags/${flagKey}/strategies?environment=${environment}`)
    expect(list.body).toMatchObject([
      { id: a, title: 'new', disabled: true },
      { id: b, parameters: { rollout: '20' } },
    ])
    const { body: events } = await call('GET', `events?flagKey=${flagKey}&environment=${environment}&limit=2`)
    expect(events).toMatchObject([
      { type: 'feature-strategy-add', actor: 'alice', data: { strategyId: b, before: null } },
      {
        type: 'feature-strategy-update',
        revision: null,
        data: { strategyId: a, copies: ['milestone'], before: { title: null }, after: { title: 'new' } },
      },
    ])
    expect((await repair({ from: 'milestone' })).body).toEqual({ dryRun: false, repaired: [], remaining: 0 })
    expect((await repair({ from: 'both' })).body.errors).toMatchObject([{ field: 'from' }])
    expect((await repair({ from: 'runtime', strategyIds: ['x'] })).body.errors).toMatchObject([
      { field: 'strategyIds.0' },
    ])
  })
})
