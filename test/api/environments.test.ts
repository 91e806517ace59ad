import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { gradual, newPlan } from '../helpers/milestones.ts'

const { call, db } = await createTestApp(await createTestDatabase())

describe('environments', () => {
  it('keep to the defaults until they are told otherwise', async () => {
    await call('POST', 'flags?environment=env-a', { key: 'a' })
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
    const flagKey = 'a'
    await call('POST', `flags?environment=${environment}`, { key: flagKey })
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
      unknown: [],
      remaining: 2,
    })
    const nowhere = '7ZZZZZZZZZZZZZZZZZZZZZZZZZ'
    expect((await repair({ from: 'runtime', strategyIds: [a, nowhere] })).body).toEqual({
      dryRun: false,
      repaired: [differ[0]],
      unknown: [nowhere],
      remaining: 1,
    })
    expect((await repair({ from: 'milestone' })).body).toEqual({
      dryRun: false,
      repaired: [differ[1]],
      unknown: [],
      remaining: 0,
    })
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
    expect((await repair({ from: 'milestone' })).body).toMatchObject({ repaired: [], remaining: 0 })
    const withKey = await call('POST', `${drift}/repair`, { from: 'milestone' }, { 'idempotency-key': 'once' })
    expect(withKey.body).toMatchObject({ status: 400, errors: [{ field: 'header.idempotency-key' }] })
    expect((await repair({ from: 'both' })).body.errors).toMatchObject([{ field: 'from' }])
    expect((await repair({ from: 'runtime', strategyIds: ['x'] })).body.errors).toMatchObject([
      { field: 'strategyIds.0' },
    ])
  })
})
