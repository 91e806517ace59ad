import { describe, expect, it } from 'vitest'
import { createSchedule } from '../../store/flag-schedules.ts'
import { createFlag } from '../../store/flags.ts'
import { createFreeze } from '../../store/freezes.ts'
import { sweepDue } from '../../store/sweep.ts'
import { createTestApp } from '../helpers/app.ts'
import { asAlice, createTestDatabase, one } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

// No worker runs here: schedules stay pending.
const { call, db } = await createTestApp(await createTestDatabase())

const HOUR = 3_600_000
const updates = { enabled: true }
let environments = 0

/** An environment of its own with a flag, and times within a day that it never sees. */
const scene = async () => {
  const environment = `env-${++environments}`
  const { body } = await call('POST', `flags?environment=${environment}`, { key: 'a' })
  const start = Date.now() + 24 * HOUR
  const at = (hours: number) => new Date(start + hours * HOUR).toISOString()
  const path = (flag = 'a', more = '') => `flags/${flag}/schedule?environment=${environment}${more}`
  return {
    environment,
    flag: body,
    at,
    path,
    freeze: async (from: number, to: number, mode: string) =>
      await call('POST', 'freezes', { environment, from: at(from), to: at(to), reason: 'peak season', mode }),
    schedule: async (hours: number, more = '', flag = 'a') =>
      await call('POST', path(flag, more), { scheduledAt: at(hours), updates }),
    self: (id: string, more = '') => `flags/a/schedule/${id}?environment=${environment}${more}`,
  }
}

describe('freezes', () => {
  it('are created, read, listed, edited and lifted', async () => {
    const { environment, freeze, at } = await scene()
    const created = await freeze(1, 2, 'refuse')
    const { id, affected, ...shown } = created.body
    expect(created).toMatchObject({ status: 201, headers: { location: `/api/admin/freezes/${id}`, etag: '"1"' } })
    expect(shown).toMatchObject({
      environment,
      from: at(1),
      to: at(2),
      reason: 'peak season',
      mode: 'refuse',
      createdBy: 'alice',
    })
    expect(affected).toEqual({ count: 0, schedules: [] })
    const current = { environment, from: inMs(-HOUR), to: inMs(HOUR), reason: 'now', mode: 'refuse' }
    const { body: active } = await call('POST', 'freezes', current)
    const ids = async (query: string) =>
      (await call('GET', `freezes?environment=${environment}${query}`)).body.map((one: { id: string }) => one.id)
    expect(await ids('')).toEqual([active.id, id])
    expect(await ids('&active=true')).toEqual([active.id])
    expect(await ids('&active=false')).toEqual([id])
    const first = await call('GET', `freezes?environment=${environment}&limit=1`)
    const next = /<(.*)>/.exec(first.headers.link ?? '')?.[1] as string
    expect((await call('GET', next)).body).toEqual([{ id, ...shown }])

    const edited = await call('PATCH', `freezes/${id}`, { to: at(3), reason: 'longer' }, { 'if-match': '"1"' })
    expect(edited).toMatchObject({ status: 200, headers: { etag: '"2"' }, body: { to: at(3), reason: 'longer' } })
    expect((await call('PATCH', `freezes/${id}`, { to: at(4) }, { 'if-match': '"1"' })).status).toBe(412)
    expect((await call('PATCH', `freezes/${id}`, { to: at(1) })).body).toMatchObject({
      status: 400,
      errors: [{ field: 'to' }],
    })
    expect(await call('DELETE', `freezes/${id}?reason=done`)).toMatchObject({ status: 200, body: { id } })
    expect((await call('GET', `freezes/${id}`)).body).toMatchObject({ status: 404, type: '/problems/freeze-not-found' })
    expect((await call('DELETE', `freezes/${id}`)).status).toBe(404)
    const { body: events } = await call('GET', `events?environment=${environment}`)
    expect(events.map(({ type }: { type: string }) => type)).toEqual(
      expect.arrayContaining(['freeze-deleted', 'freeze-updated', 'freeze-created']),
    )
    expect(events[0]).toMatchObject({ type: 'freeze-deleted', reason: 'done', data: { before: { reason: 'longer' } } })
  })

  it.each([
    ['an end before the start', { to: inMs(HOUR - 1) }, 400, 'to'],
    ['an end that has passed', { from: inMs(-2 * HOUR), to: inMs(-HOUR) }, 422, 'to'],
    ['no reason', { reason: '' }, 400, 'reason'],
    ['another mode', { mode: 'maybe' }, 400, 'mode'],
  ])('are refused with %s', async (_, wrong, status, field) => {
    const right = { environment: 'x', from: inMs(HOUR), to: inMs(2 * HOUR), reason: 'peak', mode: 'refuse' }
    expect((await call('POST', 'freezes', { ...right, ...wrong })).body).toMatchObject({ status, errors: [{ field }] })
  })
})

describe('a freeze that refuses', () => {
  it('lets nothing be created or moved into it, and names the first free instant', async () => {
    const { freeze, schedule, at, self } = await scene()
    const { body: first } = await freeze(1, 2, 'refuse')
    await freeze(2, 3, 'defer')
    const { body: outside } = await schedule(3)
    const refusal = {
      status: 422,
      type: '/problems/frozen',
      freezeId: first.id,
      until: at(2),
      firstFreeAt: at(3),
      errors: [{ field: 'scheduledAt', message: expect.stringContaining(at(3)) }],
    }
    expect((await schedule(1)).body).toMatchObject(refusal)
    expect((await schedule(1.5)).body).toMatchObject(refusal)
    expect((await call('PATCH', self(outside.id), { scheduledAt: at(1.5) })).body).toMatchObject(refusal)
    expect((await schedule(0.99)).status).toBe(201)
  })

  it('leaves what is pending inside, reports it, and lets it be changed but for its time', async () => {
    const { freeze, schedule, at, self } = await scene()
    const { body: inside } = await schedule(1.5)
    await schedule(2)
    const { body } = await freeze(1, 2, 'refuse')
    expect(body.affected).toMatchObject({
      count: 1,
      schedules: [{ id: inside.id, scheduledAt: at(1.5), freezeId: null }],
    })
    expect((await call('PATCH', self(inside.id), { comment: 'still' })).body).toMatchObject({ scheduledAt: at(1.5) })
  })

  it('lets an admin through who says why, and the event says so', async () => {
    const { freeze, schedule, at, self } = await scene()
    const { body: made } = await freeze(1, 2, 'refuse')
    expect((await schedule(1.5, '&overrideFreeze=true')).body).toMatchObject({
      status: 400,
      errors: [{ field: 'query.reason' }],
    })
    const { status, body } = await schedule(1.5, '&overrideFreeze=true&reason=hotfix')
    expect([status, body.scheduledAt, body.freezeId]).toEqual([201, at(1.5), null])
    const overrodeFreeze = { id: made.id, reason: 'peak season', until: at(2) }
    const events = async () => (await call('GET', `events?scheduleId=${body.id}&limit=1`)).body
    expect(await events()).toMatchObject([{ reason: 'hotfix', data: { overrodeFreeze } }])
    expect((await call('PATCH', self(body.id), { scheduledAt: at(1.6) })).status).toBe(422)
    await call('PATCH', self(body.id, '&overrideFreeze=true&reason=again'), { scheduledAt: at(1.6) })
    expect(await events()).toMatchObject([{ type: 'schedule-updated', reason: 'again', data: { overrodeFreeze } }])
  })

  it('does not hold edits of the flag, nor other environments', async () => {
    const { environment, freeze, at } = await scene()
    const other = await scene()
    await freeze(-48, 48, 'refuse')
    expect((await call('PATCH', `flags/a?environment=${environment}`, { enabled: true })).status).toBe(200)
    const path = `flags/a/schedule?environment=${other.environment}`
    expect((await call('POST', path, { scheduledAt: at(1), updates })).status).toBe(201)
  })
})

describe('a freeze that defers', () => {
  it('puts off what is created or moved into it, to the end of all that follow one another', async () => {
    const { freeze, schedule, at, self } = await scene()
    const { body: first } = await freeze(1, 2, 'defer')
    await freeze(1.9, 4, 'defer')
    const deferred = { scheduledAt: at(4), deferredFrom: at(1.5), freezeId: first.id }
    const { status, body } = await schedule(1.5)
    expect(status).toBe(201)
    expect(body).toMatchObject(deferred)
    expect((await call('GET', self(body.id))).body).toMatchObject(deferred)
    // Moved out of it by hand, it is as any other; moved back in, it is put off again.
    const moved = await call('PATCH', self(body.id), { scheduledAt: at(5) })
    expect(moved.body).toMatchObject({ scheduledAt: at(5), deferredFrom: null, freezeId: null })
    expect((await call('PATCH', self(body.id), { scheduledAt: at(1.5) })).body).toMatchObject(deferred)
    const { body: events } = await call('GET', `events?scheduleId=${body.id}&limit=1`)
    expect(events).toMatchObject([{ type: 'schedule-updated', data: { after: deferred } }])
  })

  it('moves what is pending inside, in its order, with events and nudges, and nothing else', async () => {
    const { environment, freeze, path, at } = await scene()
    await call('POST', `flags?environment=${environment}`, { key: 'b' })
    const make = async (hours: number, rolloutPercentage: number, flag = 'a') =>
      (await call('POST', path(flag), { scheduledAt: at(hours), updates: { rolloutPercentage } })).body.id as string
    // Created in another order than that in which they are due: the last one due must win, as without the freeze.
    const atEnd = await make(2, 40)
    const last = await make(1.9, 30)
    const middle = await make(1.5, 20)
    const first = await make(1, 10)
    const other = await make(1.2, 50, 'b')
    const [before, after] = [await make(0.5, 1), await make(3, 2)]
    const { body } = await freeze(1, 2, 'defer')
    expect(body.affected.count).toBe(4)
    expect(body.affected.schedules.map((one: { id: string }) => one.id)).toEqual([first, other, middle, last])
    expect(body.affected.schedules[0]).toMatchObject({
      scheduledAt: at(2),
      deferredFrom: at(1),
      freezeId: body.id,
      version: 2,
    })
    const { body: listed } = await call('GET', path())
    expect(listed.map((one: { id: string }) => one.id)).toEqual([before, first, middle, last, atEnd, after])
    expect(listed[4]).toMatchObject({ scheduledAt: at(2), freezeId: null, version: 1 })
    for (const id of [first, middle, last, other]) {
      const { body: events } = await call('GET', `events?scheduleId=${id}&limit=1`)
      expect(events).toMatchObject([
        { type: 'schedule-updated', data: { before: { version: 1 }, after: { freezeId: body.id } } },
      ])
      const key = `flag-schedule/${id}/2`
      expect(await one(db, 'SELECT count(*) AS n FROM outbox WHERE idempotency_key = $1', [key])).toEqual({ n: 1 })
    }
    // What is asked for later comes where it was asked for, too.
    const between = await make(1.7, 25)
    expect((await call('GET', path())).body.map((one: { id: string }) => one.id)).toEqual([
      ...[before, first, middle, between, last, atEnd, after],
    ])
  })

  it('that is made longer moves on what it has put off, and leaves what was let into it', async () => {
    const { freeze, schedule, at, self } = await scene()
    const { body: made } = await freeze(1, 2, 'defer')
    const { body: deferred } = await schedule(1.5)
    const { body: through } = await schedule(1.5, '&overrideFreeze=true&reason=hotfix')
    const { body } = await call('PATCH', `freezes/${made.id}`, { to: at(3) })
    expect(body.affected).toMatchObject({
      count: 1,
      schedules: [{ id: deferred.id, scheduledAt: at(3), deferredFrom: at(1.5) }],
    })
    expect((await call('GET', self(through.id))).body.scheduledAt).toBe(at(1.5))
    await call('PATCH', `freezes/${made.id}`, { to: at(1.1) })
    expect((await call('GET', self(deferred.id))).body.scheduledAt).toBe(at(3))
  })

  it('catches what is scheduled while it is made: nothing stays inside', async () => {
    const { environment, at } = await scene()
    const input = { environment, from: at(1), to: at(2), reason: 'peak', mode: 'defer' as const }
    const due = { scheduledAt: at(1.5), updates }
    const onOld = Array.from({ length: 20 }, () =>
      asAlice(db, (tx) => createSchedule(tx, { environment, flagKey: 'a' }, due)),
    )
    const onNew = Array.from({ length: 20 }, async (_, i) => {
      const flagKey = `new-${i}`
      await asAlice(db, (tx) =>
        createFlag(tx, environment, { key: flagKey, description: '', enabled: false, rolloutPercentage: 100 }),
      )
      return await asAlice(db, (tx) => createSchedule(tx, { environment, flagKey }, due))
    })
    await Promise.all([...onOld, ...onNew, asAlice(db, (tx) => createFreeze(tx, input))])
    const inside = `SELECT count(*) FILTER (WHERE scheduled_at = $2) AS moved, count(*) FILTER (WHERE scheduled_at < $2) AS inside
      FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE environment = $1`
    expect(await one(db, inside, [environment, at(2)])).toEqual({ moved: 40, inside: 0 })
  })

  it('waits for one that is being scheduled, and moves it', async () => {
    const { environment, at } = await scene()
    const flagKey = 'held'
    let go = () => {}
    let hasLock = () => {}
    const locked = new Promise<void>((resolve) => {
      hasLock = resolve
    })
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    await asAlice(db, (tx) =>
      createFlag(tx, environment, { key: flagKey, description: '', enabled: false, rolloutPercentage: 100 }),
    )
    const scheduling = asAlice(db, async (tx) => {
      const made = await createSchedule(tx, { environment, flagKey }, { scheduledAt: at(1.5), updates })
      hasLock()
      await gate
      return made
    })
    await locked
    const blocked = `SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    const freezing = asAlice(db, (tx) =>
      createFreeze(tx, { environment, from: at(1), to: at(2), reason: 'peak', mode: 'defer' }),
    )
    await expect.poll(() => one(db, blocked)).toEqual({ n: 1 })
    go()
    const made = await scheduling
    expect((await freezing).affected.schedules.map(({ id }) => id)).toEqual([made.id])
  })

  it('puts off what is overdue, before a sweep comes', async () => {
    const { environment, path } = await scene()
    const { body } = await call('POST', path(), { scheduledAt: inMs(-500), updates })
    const to = inMs(HOUR)
    await call('POST', 'freezes', { environment, from: inMs(-10_000), to, reason: 'incident', mode: 'defer' })
    expect((await sweepDue(db)).outcomes).toEqual([])
    expect((await call('GET', `flags/a/schedule/${body.id}?environment=${environment}`)).body.scheduledAt).toBe(to)
  })
})
