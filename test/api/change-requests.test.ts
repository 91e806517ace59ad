import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { changeRequests, enable } from '../helpers/change-requests.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { HOUR } from '../helpers/release-plans.ts'
import { inMs } from '../helpers/schedules.ts'

const app = await createTestApp(await createTestDatabase())
const { call, db } = app
const { environment, at, as, base, fresh, flag, request, directly } = await changeRequests(app)

const revision = async () =>
  (await one<{ revision: number }>(db, 'SELECT revision FROM configuration_revision')).revision

describe('a change request', () => {
  it('is made, reviewed, approved and applied as one configuration, and its events say so', async () => {
    const [a, b] = [await fresh(), await fresh()]
    const made = await request([
      enable(a),
      { action: 'updateFlag', flagKey: a, payload: { rolloutPercentage: 25 } },
      { action: 'addStrategy', flagKey: b, payload: { name: 'default' } },
      { action: 'createFlag', payload: { key: `${a}-new`, enabled: true } },
      { action: 'addStrategy', flagKey: `${a}-new`, payload: { name: 'default', title: 'of a flag that it makes' } },
      { action: 'createSegment', payload: { key: `${a}-segment` } },
      { action: 'createSchedule', flagKey: b, payload: { scheduledAt: inMs(HOUR), updates: { enabled: true } } },
    ])
    expect((await made.read()).state).toBe('in-review')
    expect((await made.apply()).body.type).toBe('/problems/change-request-state')
    const { body: approved } = await made.approve('bob')
    expect(approved).toMatchObject({ state: 'approved', approvals: [{ approver: 'bob', revokedAt: null }] })
    const before = await revision()
    const { status, body } = await made.apply()
    expect(status, JSON.stringify(body)).toBe(200)
    expect(body).toMatchObject({ state: 'applied', appliedRevision: before + 1 })
    expect(await revision()).toBe(before + 1)
    expect(await flag(a)).toMatchObject({ enabled: true, rolloutPercentage: 25, revision: before + 1 })
    expect((await flag(`${a}-new`)).revision).toBe(before + 1)
    const events = await made.events()
    const parts = events.filter(({ type }: { type: string }) => !type.startsWith('change-request-'))
    expect(parts.map(({ type }: { type: string }) => type).reverse()).toEqual([
      'flag-updated',
      'flag-updated',
      'feature-strategy-add',
      'flag-created',
      'feature-strategy-add',
      'segment-created',
      'schedule-created',
    ])
    for (const event of parts) expect(event).toMatchObject({ door: 'change-request', actor: 'carol' })
    const applied = events.find(({ type }: { type: string }) => type === 'change-request-applied')
    expect(applied).toMatchObject({
      door: 'http',
      revision: before + 1,
      data: { createdBy: 'alice', approvers: ['bob'] },
    })
    expect((await made.apply()).body).toMatchObject({ status: 409, state: 'applied', appliedRevision: before + 1 })
  })

  it('is all or nothing: a last change that is refused leaves nothing of the others', async () => {
    const [a, b] = [await fresh(), await fresh()]
    const made = await request([
      enable(a),
      { action: 'createSegment', payload: { key: `${a}-kept-out` } },
      { action: 'addStrategy', flagKey: b, payload: { name: 'default', segments: ['no-such-segment'] } },
    ])
    await made.approve()
    const before = [await flag(a), await revision()]
    const { status, body } = await made.apply()
    expect(status).toBe(422)
    expect(body).toMatchObject({
      type: '/problems/change-request-failed',
      problem: { action: 'addStrategy', code: 'unknown-segment' },
    })
    expect([await flag(a), await revision()]).toEqual(before)
    expect((await call('GET', `segments/${a}-kept-out${at}`)).status).toBe(404)
    const failed = await made.read()
    expect(failed).toMatchObject({ state: 'failed', problem: { changeId: failed.changes[2].id } })
    expect((await made.events()).map(({ type }: { type: string }) => type)).toContain('change-request-failed')

    // What was missing is made, and it is applied as it was approved.
    await directly(() => call('POST', `segments${at}`, { key: 'no-such-segment' }))
    expect((await made.apply()).body.state).toBe('applied')
  })

  it.each([
    ['an unknown action', { action: 'dropTable', payload: {} }, 400, 'action'],
    [
      'a payload of another action',
      { action: 'updateFlag', flagKey: 'flag-1', payload: { name: 'x' } },
      400,
      'payload',
    ],
    ['an empty payload', { action: 'updateFlag', flagKey: 'flag-1', payload: {} }, 400, 'payload'],
    ['no flag', { action: 'updateFlag', payload: { enabled: true } }, 400, 'flagKey'],
    ['an unknown flag', { action: 'updateFlag', flagKey: 'none', payload: { enabled: true } }, 404, undefined],
    [
      'a strategy that evaluation could not use',
      { action: 'addStrategy', flagKey: 'flag-1', payload: { name: 'flexibleRollout', parameters: { rollout: 'x' } } },
      400,
      'payload.parameters.rollout',
    ],
    [
      'an unknown strategy',
      { action: 'deleteStrategy', flagKey: 'flag-1', payload: { strategyId: '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D' } },
      404,
      undefined,
    ],
    ['an unknown segment', { action: 'deleteSegment', payload: { segmentKey: 'none' } }, 404, undefined],
    ['a flag that exists', { action: 'createFlag', payload: { key: 'flag-1' } }, 409, undefined],
  ])('refuses %s', async (_, change, status, field) => {
    const { body: made } = await as('alice', 'POST', base, { title: 'x' })
    const answer = await as('alice', 'POST', `${base}/${made.id}/changes`, change)
    expect(answer.status, JSON.stringify(answer.body)).toBe(status)
    if (field) expect(JSON.stringify(answer.body.errors)).toContain(field)
    expect((await call('GET', `${base}/${made.id}`)).body.changes).toEqual([])
  })

  it('refuses times that have passed, an empty submit, a stale version, and a draft that is none any more', async () => {
    expect((await as('alice', 'POST', base, { title: 'x', scheduledAt: '2020-01-01T00:00:00Z' })).body.type).toBe(
      '/problems/schedule-in-past',
    )
    const { body: made, headers } = await as('alice', 'POST', base, { title: 'x' })
    const path = `${base}/${made.id}`
    expect(headers.etag).toBe('"1"')
    expect((await as('alice', 'POST', `${path}/submit`)).body.type).toBe('/problems/change-request-empty')
    expect((await as('alice', 'PATCH', path, { title: 'y' }, { 'if-match': '"9"' })).status).toBe(412)
    await as('alice', 'POST', `${path}/changes`, enable(await fresh()))
    expect((await call('GET', path)).body.changes[0].snapshot).toMatchObject({ enabled: false })
    await as('alice', 'POST', `${path}/submit`)
    expect((await as('alice', 'DELETE', path)).body.type).toBe('/problems/change-request-state')
    expect((await as('alice', 'POST', `${path}/cancel`)).body.state).toBe('cancelled')
    const { body: draft } = await as('alice', 'POST', base, { title: 'x' })
    expect((await as('alice', 'DELETE', `${base}/${draft.id}`)).status).toBe(200)
    expect((await call('GET', `${base}/${draft.id}`)).status).toBe(404)
    expect((await call('GET', `environments/other/change-requests/${made.id}`)).status).toBe(404)
  })

  it('is listed by state, time, creator and flag, in pages', async () => {
    const key = await fresh()
    const made = [await request([enable(key)]), await request([enable(key)])]
    const list = async (query: string) =>
      (await call('GET', `${base}?${query}`)).body.map(({ id }: { id: string }) => id)
    expect(await list(`flagKey=${key}`)).toEqual([made[1]?.id, made[0]?.id])
    expect(await list(`flagKey=${key}&createdBy=bob`)).toEqual([])
    await made[0]?.approve()
    expect(await list(`flagKey=${key}&state=approved`)).toEqual([made[0]?.id])
    expect(await list(`flagKey=${key}&state=in-review,approved`)).toEqual([made[1]?.id, made[0]?.id])
    expect(await list(`flagKey=${key}&state=failed&state=approved`)).toEqual([made[0]?.id])
    const path = made[1]?.path as string
    await as('alice', 'PATCH', path, { scheduledAt: '2099-03-01T09:00:00Z' })
    const within = (from: string, to: string) => list(`flagKey=${key}&from=${from}&to=${to}`)
    expect(await within('2099-03-01T09:00:00Z', '2099-03-01T09:00:01Z')).toEqual([made[1]?.id])
    expect(await within('2099-03-01T08:00:00Z', '2099-03-01T09:00:00Z')).toEqual([])
    // When it was applied counts, not when it was to be.
    await as('bob', 'POST', `${path}/approve`)
    expect((await as('alice', 'POST', `${path}/apply`, {})).status).toBe(200)
    expect(await within('2099-01-01T00:00:00Z', '2100-01-01T00:00:00Z')).toEqual([])
    expect(await within(new Date(Date.now() - 60_000).toISOString(), '2098-01-01T00:00:00Z')).toEqual([made[1]?.id])
    const first = await call('GET', `${base}?flagKey=${key}&limit=1`)
    const next = /<([^>]+)>/.exec(first.headers.link as string)?.[1] as string
    expect((await call('GET', next)).body.map(({ id }: { id: string }) => id)).toEqual([made[0]?.id])
  })
})

it(`freezes hold it, unless they are overridden with a reason`, async () => {
  const key = await fresh()
  const made = await request([enable(key)])
  await made.approve()
  const { body: freeze } = await call('POST', 'freezes', {
    environment,
    from: inMs(-HOUR),
    to: inMs(HOUR),
    reason: 'holiday',
    mode: 'refuse',
  })
  const refusal = { type: '/problems/frozen', freezeId: freeze.id, until: freeze.to, firstFreeAt: freeze.to }
  expect((await made.apply()).body).toMatchObject(refusal)
  expect((await made.apply({}, '?overrideFreeze=true')).body).toMatchObject({ errors: [{ field: 'query.reason' }] })
  expect((await made.post('schedule', { scheduledAt: inMs(HOUR / 2) })).body).toMatchObject(refusal)
  expect((await made.apply({}, '?overrideFreeze=true&reason=urgent')).body.state).toBe('applied')
  await call('DELETE', `freezes/${freeze.id}`)
})
