import { describe, expect, it } from 'vitest'
import { sweepDue } from '../../store/sweep.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs, newFlag } from '../helpers/schedules.ts'

// No worker runs here: releases stay pending.
const { call, db, token } = await createTestApp(await createTestDatabase())

const updates = { enabled: true }
const keysOf = async (count: number) =>
  (await Promise.all(Array.from({ length: count }, () => newFlag(db)))).map(({ flagKey }) => flagKey)
const bodyOf = (keys: string[], dueInMs = 60_000) => ({
  scheduledAt: inMs(dueInMs),
  changes: keys.map((flagKey) => ({ flagKey, updates })),
})

describe('releases', () => {
  it('are created, read, listed, moved and cancelled', async () => {
    const keys = await keysOf(2)
    const body = { ...bodyOf(keys), comment: 'launch' }
    const created = await call('POST', 'releases', body)
    const { id, changes } = created.body
    expect(created).toMatchObject({ status: 201, headers: { location: `/api/admin/releases/${id}`, etag: '"1"' } })
    expect(created.body).toMatchObject({
      status: 'pending',
      scheduledAt: body.scheduledAt,
      comment: 'launch',
      changes: keys.map((flagKey) => ({ flagKey, environment: 'production', updates, scheduleId: expect.any(String) })),
      appliedAt: null,
      appliedRevision: null,
      errorMessage: null,
      createdBy: 'alice',
    })
    expect((await call('GET', `releases/${id}`)).body).toEqual(created.body)
    expect((await call('GET', 'releases?status=pending')).body).toEqual([created.body])
    expect((await call('GET', 'releases?status=failed')).body).toEqual([])
    const member = await call('GET', `schedules?flagKey=${keys[0]}`)
    expect(member.body).toMatchObject([{ id: changes[0].scheduleId, releaseId: id }])
    const path = `flags/${keys[0]}/schedule/${changes[0].scheduleId}`
    expect((await call('GET', path)).body.releaseId).toBe(id)
    expect(await call('DELETE', path)).toMatchObject({
      status: 409,
      body: { type: '/problems/schedule-part-of-release', releaseId: id },
    })
    expect(await call('DELETE', `flags/${keys[1]}`)).toMatchObject({
      status: 409,
      body: { type: '/problems/flag-in-release', releaseId: id },
    })

    const scheduledAt = inMs(120_000)
    expect((await call('PATCH', `releases/${id}`, { scheduledAt }, { 'if-match': '"9"' })).status).toBe(412)
    const moved = await call('PATCH', `releases/${id}`, { scheduledAt }, { 'if-match': '"1"' })
    expect(moved).toMatchObject({ status: 200, headers: { etag: '"2"' }, body: { scheduledAt } })
    const cancelled = await call('DELETE', `releases/${id}?reason=wrong+week`)
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled', version: 3 } })
    expect(await call('DELETE', `releases/${id}`)).toMatchObject({
      status: 409,
      body: { type: '/problems/release-cancelled' },
    })
    expect((await call('GET', 'events?type=release-cancelled')).body).toMatchObject([
      { reason: 'wrong week', environment: 'production', data: { releaseId: id } },
    ])
    const { body: ended } = await call('GET', `events?scheduleId=${changes[0].scheduleId}&limit=1`)
    expect(ended).toMatchObject([{ type: 'schedule-cancelled', data: { releaseId: id } }])
  })

  it('say at which revision they were applied', async () => {
    const keys = await keysOf(2)
    const { body } = await call('POST', 'releases', bodyOf(keys, -100))
    await sweepDue(db)
    const applied = await call('GET', `releases/${body.id}`)
    expect(applied.body.status).toBe('applied')
    const { appliedRevision } = applied.body
    for (const method of ['DELETE', 'PATCH'] as const) {
      expect(
        await call(method, `releases/${body.id}`, method === 'PATCH' ? { comment: 'x' } : undefined),
      ).toMatchObject({
        status: 409,
        body: { type: '/problems/release-applied', appliedRevision },
      })
    }
  })

  it('are made once, however often a request with an Idempotency-Key is repeated', async () => {
    const body = bodyOf(await keysOf(1))
    const key = { 'idempotency-key': crypto.randomUUID() }
    const first = await call('POST', 'releases', body, key)
    const again = await call('POST', 'releases', body, key)
    expect([again.status, again.body]).toEqual([201, first.body])
    expect(again.headers.location).toBe(first.headers.location)
  })

  it('take the environment of the query where a change names none', async () => {
    const [key] = await keysOf(1)
    const staging = await call('POST', 'flags?environment=staging', { key: 'only-there' })
    expect(staging.status).toBe(201)
    const changes = [
      { flagKey: 'only-there', updates },
      { flagKey: key, environment: 'production', updates },
    ]
    const { status, body } = await call('POST', 'releases?environment=staging', { ...bodyOf([]), changes })
    expect([status, body.changes.map((change: { environment: string }) => change.environment)]).toEqual([
      201,
      ['staging', 'production'],
    ])
  })

  it.each([
    ['no changes', { changes: [] }, 400, 'changes'],
    ['too many', { changes: Array.from({ length: 101 }, () => ({ flagKey: 'a', updates })) }, 400, 'changes'],
    ['no list', { changes: 'all' }, 400, 'changes'],
    ['an empty update', { changes: [{ flagKey: 'a', updates: {} }] }, 400, 'changes.0.updates'],
    ['an unknown field', { changes: [{ flagKey: 'a', updates, when: 1 }] }, 400, 'changes.0.when'],
    ['a time without a zone', { scheduledAt: '2126-03-01T09:00:00' }, 400, 'scheduledAt'],
    ['a time that has passed', { scheduledAt: '2020-03-01T09:00:00Z' }, 422, 'scheduledAt'],
    ['a flag that is not there', { changes: [{ flagKey: 'nowhere', updates }] }, 404, 'changes.0.flagKey'],
  ])('refuse %s, naming the field', async (_, wrong, status, field) => {
    const answer = await call('POST', 'releases', { ...bodyOf(await keysOf(1)), ...wrong })
    expect(answer.status).toBe(status)
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field)
  })

  it('refuse a flag that is named twice, ids that are none, edits of nothing, and viewers', async () => {
    const [key] = (await keysOf(1)) as [string]
    const twice = await call('POST', 'releases', bodyOf([key, key]))
    expect(twice).toMatchObject({ status: 400, body: { errors: [{ field: 'changes.1.flagKey' }] } })
    expect((await call('GET', 'releases/x')).status).toBe(400)
    expect((await call('GET', `releases/${crypto.randomUUID()}`)).status).toBe(404)
    expect((await call('GET', 'releases?cursor=x')).status).toBe(400)
    const { body } = await call('POST', 'releases', bodyOf([key]))
    expect((await call('PATCH', `releases/${body.id}`, {})).status).toBe(400)
    const viewer = { authorization: `Bearer ${await token('viewer')}` }
    expect((await call('DELETE', `releases/${body.id}`, undefined, viewer)).status).toBe(403)
    expect((await call('GET', `releases/${body.id}`, undefined, viewer)).status).toBe(200)
  })
})
