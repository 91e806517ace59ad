import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'

const { call, token } = await createTestApp(await createTestDatabase())

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
