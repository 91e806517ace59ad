import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { changeRequests } from '../helpers/change-requests.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { HOUR, milestones } from '../helpers/release-plans.ts'
import { inMs } from '../helpers/schedules.ts'

const app = await createTestApp(await createTestDatabase())
const { call } = app
const { at, as, newFlag, fresh, flag, request, directly } = await changeRequests(app)

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
