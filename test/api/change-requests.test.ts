import { describe, expect, it } from 'vitest'
import { ChangeRequestEdit } from '../../domain/change-request.ts'
import { createTestApp } from '../helpers/app.ts'
import { changeRequests } from '../helpers/change-requests.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { milestones } from '../helpers/release-plans.ts'
import { inMs } from '../helpers/schedules.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, db } = app
const scene = await changeRequests(app)
const { environment, at, as, base, newFlag, flag, request, directly } = scene

const HOUR = 3_600_000
let flags = 0
const fresh = async (more: object = {}) => {
  const key = `flag-${++flags}`
  await newFlag(key, more)
  return key
}
const enable = (flagKey: string) => ({ action: 'updateFlag', flagKey, payload: { enabled: true } })
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

  it('is listed by state, creator and flag, in pages', async () => {
    const key = await fresh()
    const made = [await request([enable(key)]), await request([enable(key)])]
    const list = async (query: string) =>
      (await call('GET', `${base}?${query}`)).body.map(({ id }: { id: string }) => id)
    expect(await list(`flagKey=${key}`)).toEqual([made[1]?.id, made[0]?.id])
    expect(await list(`flagKey=${key}&createdBy=bob`)).toEqual([])
    await made[0]?.approve()
    expect(await list(`flagKey=${key}&state=approved`)).toEqual([made[0]?.id])
    const first = await call('GET', `${base}?flagKey=${key}&limit=1`)
    const next = /<([^>]+)>/.exec(first.headers.link as string)?.[1] as string
    expect((await call('GET', next)).body.map(({ id }: { id: string }) => id)).toEqual([made[0]?.id])
  })
})

describe('approvals', () => {
  it('need other eyes than those that wrote it, its creator and editors alike', async () => {
    const made = await request([enable(await fresh())])
    expect((await made.approve('alice')).body).toMatchObject({ status: 403, type: '/problems/four-eyes' })
    await as('mallory', 'PATCH', made.path, { description: 'mine now' })
    expect((await made.approve('mallory')).body.type).toBe('/problems/four-eyes')
    const [change] = (await made.read()).changes
    await as('eve', 'PUT', `${made.path}/changes/${change.id}`, {
      action: 'updateFlag',
      flagKey: change.flagKey,
      payload: { enabled: true, rolloutPercentage: 1 },
    })
    expect((await made.approve('eve')).body.type).toBe('/problems/four-eyes')
    expect((await made.approve('bob')).body.state).toBe('approved')
  })

  it('of one’s own count where the environment allows it', async () => {
    const own = await changeRequests(app, { selfApproval: true })
    await own.newFlag('f')
    expect((await (await own.request([enable('f')])).approve('alice')).body.state).toBe('approved')
  })

  it('are counted by person, and two at once are two', async () => {
    const two = await changeRequests(app, { requiredApprovals: 2 })
    await two.newFlag('f')
    const made = await two.request([enable('f')])
    const version = (await made.read()).version
    await made.approve('bob')
    expect((await made.approve('bob')).body).toMatchObject({ state: 'in-review', approvals: [{ approver: 'bob' }] })
    expect((await made.read()).version).toBe(version)
    const other = await two.request([enable('f')])
    const match = { 'if-match': `"${(await other.read()).version}"` }
    const answers = await Promise.all([other.approve('bob', match), other.approve('carol', match)])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(await other.read()).toMatchObject({ state: 'approved', approvals: [{}, {}] })
    await call('PATCH', `environments/${two.environment}`, { requiredApprovals: 3 })
    expect((await other.apply()).body).toMatchObject({ type: '/problems/approvals-missing', approvals: 2, required: 3 })
  })

  it('of a version that was edited meanwhile are refused', async () => {
    const made = await request([enable(await fresh())])
    const { version } = await made.read()
    await as('alice', 'PATCH', made.path, { title: 'something else' })
    expect((await made.approve('bob', { 'if-match': `"${version}"` })).status).toBe(412)
    expect((await made.read()).approvals).toEqual([])
  })

  // From the schema itself, so that no field that comes later is forgotten.
  const EDITS: Record<keyof typeof ChangeRequestEdit.shape, unknown> = {
    title: 'another title',
    description: 'another description',
    scheduledAt: inMs(2 * HOUR),
    latePolicy: 'expire',
  }
  it.each(Object.keys(ChangeRequestEdit.shape) as (keyof typeof EDITS)[])(
    'are revoked when %s is changed',
    async (field) => {
      const made = await request([enable(await fresh())], { scheduledAt: inMs(HOUR) })
      expect((await made.approve()).body.state).toBe('scheduled')
      const { body } = await as('alice', 'PATCH', made.path, { [field]: EDITS[field] })
      expect(body).toMatchObject({
        state: 'in-review',
        approvals: [{ approver: 'bob', revokedAt: expect.any(String) }],
      })
      expect((await made.apply()).body.type).toBe('/problems/change-request-state')
      expect((await made.approve('bob')).body.state).toBe('scheduled')
    },
  )

  it.each(['POST', 'PUT', 'DELETE'] as const)('are revoked by %s of a change', async (method) => {
    const key = await fresh()
    const made = await request([enable(key), { action: 'updateFlag', flagKey: key, payload: { rolloutPercentage: 5 } }])
    await made.approve()
    const [change] = (await made.read()).changes
    const path = method === 'POST' ? `${made.path}/changes` : `${made.path}/changes/${change.id}`
    const edit = { action: 'updateFlag', flagKey: key, payload: { enabled: true, description: 'more' } }
    const { body } = await as('alice', method, path, method === 'DELETE' ? undefined : edit)
    expect(body).toMatchObject({ state: 'in-review', approvals: [{ revokedAt: expect.any(String) }] })
  })

  it('stay when nothing is changed, and when one without a time gets one', async () => {
    const made = await request([enable(await fresh())])
    await made.approve()
    expect((await as('alice', 'PATCH', made.path, { title: 'a request' })).body.state).toBe('approved')
    const { body } = await made.post('schedule', { scheduledAt: inMs(HOUR) })
    expect(body).toMatchObject({ state: 'scheduled', approvals: [{ revokedAt: null, scheduledAt: null }] })
    expect((await made.post('schedule', { scheduledAt: inMs(2 * HOUR) })).body.state).toBe('scheduled')
  })

  it('for a time are for no other', async () => {
    const made = await request([enable(await fresh())], { scheduledAt: inMs(HOUR) })
    await made.approve()
    const { body } = await made.post('schedule', { scheduledAt: inMs(2 * HOUR) })
    expect(body).toMatchObject({ state: 'in-review', approvals: [{ revokedAt: expect.any(String) }] })
  })

  it('end with a rejection, which only its creator can answer with an edit', async () => {
    const made = await request([enable(await fresh())])
    await made.approve()
    expect((await as('carol', 'POST', `${made.path}/reject?reason=no`)).body).toMatchObject({
      state: 'rejected',
      stateReason: 'no',
    })
    for (const verb of ['approve', 'submit', 'apply'])
      expect((await made.post(verb, verb === 'apply' ? {} : undefined, 'bob')).body.type).toBe(
        '/problems/change-request-state',
      )
    expect((await as('bob', 'PATCH', made.path, { title: 'x' })).status).toBe(409)
    expect((await as('alice', 'PATCH', made.path, { title: 'better' })).body.state).toBe('draft')
    await made.post('submit')
    expect((await made.approve('bob')).body.state).toBe('approved')
  })

  it.each([
    ['apply', -1, 'scheduled'],
    ['apply', 1, 'scheduled'],
    ['expire', -1, 'cancelled'],
    ['expire', 1, 'scheduled'],
    ['ask', -1, 'approved'],
    ['ask', 1, 'scheduled'],
  ] as const)('with late policy %s, given %i h from the time, leave it %s', async (latePolicy, hours, state) => {
    const made = await request([enable(await fresh())], { latePolicy, scheduledAt: inMs(HOUR) })
    await one(db, `UPDATE change_requests SET scheduled_at = scheduled_at + $2 * interval '1 hour' WHERE id = $1`, [
      made.id,
      hours === 1 ? 1 : -2,
    ])
    const { body } = await made.approve()
    expect(body.state).toBe(state)
    expect(body.stateReason).toEqual(state === 'scheduled' ? null : expect.stringContaining('after its time'))
    if (state === 'approved') expect((await made.apply()).body.state).toBe('applied')
  })
})

describe('conflicts', () => {
  it('name the field, the values, the other change and its author; a rebase is reviewed again', async () => {
    const key = await fresh()
    const made = await request([{ action: 'updateFlag', flagKey: key, payload: { rolloutPercentage: 50 } }], {
      scheduledAt: inMs(HOUR),
    })
    await made.approve()
    await directly(() => as('dave', 'PATCH', `flags/${key}${at}`, { rolloutPercentage: 10 }))
    const { conflicts, changes } = await made.read()
    expect(conflicts).toEqual([
      {
        changeId: changes[0].id,
        target: `flag ${key}`,
        kind: 'changed',
        field: 'rolloutPercentage',
        before: 100,
        now: 10,
        wanted: 50,
        event: { id: expect.any(Number), type: 'flag-updated', actor: 'dave', createdAt: expect.any(String) },
      },
    ])
    const { status, body } = await made.apply()
    expect([status, body.type]).toEqual([409, '/problems/change-request-conflict'])
    expect(body.detail).toContain('dave')
    expect((await made.apply({ force: true })).body.errors[0].field).toBe('query.reason')
    expect((await made.post('rebase')).body).toMatchObject({
      state: 'in-review',
      conflicts: [],
      approvals: [{ revokedAt: expect.any(String) }],
    })
    await made.approve()
    expect((await made.apply()).body.state).toBe('applied')
    expect((await flag(key)).rolloutPercentage).toBe(50)
  })

  it('can be forced, with a reason that is kept', async () => {
    const key = await fresh()
    const made = await request([{ action: 'updateFlag', flagKey: key, payload: { rolloutPercentage: 50 } }])
    await made.approve()
    await directly(() => as('dave', 'PATCH', `flags/${key}${at}`, { rolloutPercentage: 10 }))
    expect((await made.apply({ force: true }, '?reason=agreed')).body.state).toBe('applied')
    const [applied] = await made.events()
    expect(applied).toMatchObject({ type: 'change-request-applied', reason: 'agreed', data: { forced: [{ now: 10 }] } })
  })

  it('are none of a field that it does not set, of the same value, or of its own changes', async () => {
    const key = await fresh()
    const made = await request([
      { action: 'updateFlag', flagKey: key, payload: { rolloutPercentage: 20 } },
      { action: 'updateFlag', flagKey: key, payload: { rolloutPercentage: 40, enabled: true } },
    ])
    await made.approve()
    await directly(() => as('dave', 'PATCH', `flags/${key}${at}`, { description: 'x', enabled: true }))
    expect((await made.read()).conflicts).toEqual([])
    expect((await made.apply()).body.state).toBe('applied')
    expect(await flag(key)).toMatchObject({ rolloutPercentage: 40, enabled: true, description: 'x' })
  })

  it('of what is archived or gone cannot be healed by a rebase, nor forced', async () => {
    const key = await fresh()
    const own = await directly(
      async () => (await call('POST', `flags/${key}/strategies${at}`, { name: 'default' })).body,
    )
    const edit = await request([
      { action: 'updateStrategy', flagKey: key, payload: { strategyId: own.id, title: 'x' } },
    ])
    await edit.approve()
    await directly(() => as('dave', 'DELETE', `flags/${key}/strategies/${own.id}${at}`))
    expect((await edit.read()).conflicts).toMatchObject([
      { kind: 'gone', event: { type: 'feature-strategy-remove', actor: 'dave' } },
    ])
    expect((await edit.post('rebase')).body.type).toBe('/problems/change-request-conflict')
    expect((await edit.apply({ force: true }, '?reason=x')).body.type).toBe('/problems/change-request-conflict')
    const add = await request([{ action: 'addStrategy', flagKey: key, payload: { name: 'default' } }])
    await directly(() => as('dave', 'DELETE', `flags/${key}${at}`))
    expect((await add.read()).conflicts).toMatchObject([{ kind: 'archived', event: { type: 'flag-archived' } }])
    const create = await request([{ action: 'createFlag', payload: { key: `${key}-b` } }])
    await newFlag(`${key}-b`)
    expect((await create.read()).conflicts).toMatchObject([{ kind: 'exists' }])
  })

  it('come with a plan that has gone on, and with a segment', async () => {
    const key = await fresh()
    const plan = await directly(async () => {
      await call('POST', `segments${at}`, { key: `${key}-s` })
      return (await call('POST', `flags/${key}/release-plans${at}`, { name: 'p', milestones: milestones(2) })).body
    })
    const [a, b] = plan.milestones
    const start = { planId: plan.id, milestoneId: b.id }
    const made = await request([
      { action: 'startMilestone', flagKey: key, payload: start },
      { action: 'updateSegment', payload: { segmentKey: `${key}-s`, description: 'mine' } },
    ])
    await directly(async () => {
      await call('POST', `flags/${key}/release-plans/${plan.id}/milestones/${a.id}/start${at}`)
      await as('dave', 'PATCH', `segments/${key}-s${at}`, { description: 'theirs' })
    })
    const { conflicts } = await made.read()
    expect(conflicts.map(({ field }: { field: string }) => field)).toEqual([
      'status',
      'activeMilestoneId',
      'description',
    ])
    expect(conflicts[1]).toMatchObject({ before: null, now: a.id, event: { type: 'milestone-started' } })
    expect(conflicts[2]).toMatchObject({ event: { type: 'segment-updated', actor: 'dave' } })
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
  expect((await made.apply()).body).toMatchObject({ type: '/problems/frozen', freezeId: freeze.id })
  expect((await made.post('schedule', { scheduledAt: inMs(HOUR / 2) })).body.type).toBe('/problems/frozen')
  expect((await made.apply({}, '?overrideFreeze=true&reason=urgent')).body.state).toBe('applied')
  await call('DELETE', `freezes/${freeze.id}`)
})
