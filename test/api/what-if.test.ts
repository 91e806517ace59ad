import { describe, expect, it } from 'vitest'
import { sweepDue } from '../../store/sweep.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

// No worker runs here: schedules stay pending until the test sweeps.
const { call, token, db } = await createTestApp(await createTestDatabase())

const newFlag = async () => (await call('POST', 'flags', { key: `flag-${crypto.randomUUID()}` })).body.key as string
const counts = () =>
  one(
    db,
    `SELECT (SELECT count(*) FROM feature_flag_schedules) AS schedules, (SELECT count(*) FROM events) AS events,
       (SELECT count(*) FROM outbox) AS outbox, (SELECT revision FROM configuration_revision) AS revision`,
  )

describe('a preview', () => {
  it('shows before, after, the turn, conflicts and whom it overrides, and writes nothing', async () => {
    const flag = await newFlag()
    const path = `flags/${flag}/schedule`
    const bob = { authorization: `Bearer ${await token('admin', 'bob')}` }
    const due = Date.now() + 3_600_000
    const at = (ms: number) => new Date(due + ms).toISOString()
    const early = await call('POST', path, { scheduledAt: at(-600_000), updates: { rolloutPercentage: 10 } }, bob)
    const same = await call(
      'POST',
      path,
      { scheduledAt: at(0), updates: { enabled: false, rolloutPercentage: 20 } },
      bob,
    )
    const late = await call('POST', path, { scheduledAt: at(240_000), updates: { enabled: false } }, bob)
    const was = await counts()
    const ours = { scheduledAt: at(0), updates: { enabled: true, rolloutPercentage: 20 } }
    const { status, body } = await call('POST', `${path}/preview`, ours)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      valid: true,
      problems: [],
      scheduledAt: at(0),
      before: { enabled: false, rolloutPercentage: 20 },
      after: { enabled: true, rolloutPercentage: 20 },
      overrides: [{ scheduleId: same.body.id, field: 'enabled' }],
      overriddenBy: [{ scheduleId: late.body.id, field: 'enabled', createdBy: 'bob' }],
      applied: { position: 3, dueBefore: [{ scheduleId: early.body.id }, { scheduleId: same.body.id }] },
    })
    const rival = { createdBy: 'bob', field: 'enabled', theirs: false, ours: true }
    expect(body.conflicts).toMatchObject([
      { ...rival, scheduleId: same.body.id, scheduledAt: at(0), why: 'same-instant' },
      { ...rival, scheduleId: late.body.id, scheduledAt: at(240_000), why: 'close' },
    ])
    expect(await counts()).toEqual(was)
  })

  it('of a pending one that is moved is of the others alone, and says what moving it would', async () => {
    const flag = await newFlag()
    const path = `flags/${flag}/schedule`
    const due = Date.now() + 3_600_000
    const at = (ms: number) => new Date(due + ms).toISOString()
    const schedule = async (ms: number, updates: object) =>
      (await call('POST', path, { scheduledAt: at(ms), updates })).body
    const moved = await schedule(0, { enabled: true })
    const other = await schedule(3_600_000, { enabled: false })
    const was = await counts()
    const preview = async (ms: number, scheduleId = moved.id) =>
      (await call('POST', `${path}/preview`, { scheduledAt: at(ms), updates: moved.updates, scheduleId })).body
    expect(await preview(3_660_000)).toMatchObject({
      valid: true,
      scheduledAt: at(3_660_000),
      before: { enabled: false },
      after: { enabled: true },
      conflicts: [{ scheduleId: other.id, field: 'enabled', why: 'close' }],
      applied: { position: 2, dueBefore: [{ scheduleId: other.id }] },
    })
    const past = await preview(-7_200_000)
    expect(past).toMatchObject({ valid: false, problems: [{ code: 'schedule-in-past' }], applied: { position: 1 } })
    expect(past.overriddenBy).toMatchObject([{ scheduleId: other.id }])
    expect(await preview(0, crypto.randomUUID())).toMatchObject({ problems: [{ code: 'schedule-not-found' }] })
    expect(await counts()).toEqual(was)
  })

  it('refuses what creating it refuses, with the same words', async () => {
    const flag = await newFlag()
    const archived = await newFlag()
    await call('DELETE', `flags/${archived}`)
    const updates = { enabled: true }
    await call('POST', `flags/${flag}/schedule`, { scheduledAt: inMs(-10_000), updates })
    await sweepDue(db)
    for (const [key, scheduledAt, code] of [
      [flag, inMs(-120_000), 'schedule-in-past'],
      [flag, inMs(-20_000), 'schedule-out-of-order'],
      [archived, inMs(60_000), 'flag-archived'],
    ]) {
      const preview = await call('POST', `flags/${key}/schedule/preview`, { scheduledAt, updates })
      const refusal = await call('POST', `flags/${key}/schedule`, { scheduledAt, updates })
      expect(refusal.body.type).toBe(`/problems/${code}`)
      expect(preview).toMatchObject({ status: 200, body: { valid: false, scheduledAt } })
      const [problem] = preview.body.problems
      expect(problem).toMatchObject({ code, fields: [{ field: refusal.body.errors[0].field }] })
      // But for the clock in it.
      expect(problem.detail.slice(12)).toMatch(refusal.body.detail.slice(30, 60))
    }
    const unknown = await call('POST', 'flags/unknown/schedule/preview', { scheduledAt: inMs(1000), updates })
    expect(unknown.body.type).toBe('/problems/flag-not-found')
    const nonsense = await call('POST', `flags/${flag}/schedule/preview`, { scheduledAt: 'soon' })
    expect(nonsense.body).toMatchObject({ status: 400, errors: [{ field: 'scheduledAt' }, { field: 'updates' }] })
  })
})

describe('a preview in a freeze', () => {
  const updates = { enabled: true }
  const freeze = async (mode: 'refuse' | 'defer', environment: string) =>
    (
      await call('POST', 'freezes', {
        environment,
        from: inMs(3_600_000),
        to: inMs(7_200_000),
        mode,
        reason: 'holidays',
      })
    ).body
  const flagIn = async (environment: string) => {
    const { body } = await call('POST', `flags?environment=${environment}`, { key: 'frozen' })
    return `flags/${body.key}/schedule`
  }

  it('says that it is refused, and is let in with a reason', async () => {
    await freeze('refuse', 'frozen-solid')
    const path = await flagIn('frozen-solid')
    const ask = async (query = '') =>
      (
        await call('POST', `${path}/preview?environment=frozen-solid${query}`, {
          scheduledAt: inMs(4_000_000),
          updates,
        })
      ).body
    expect(await ask()).toMatchObject({ valid: false, problems: [{ code: 'frozen' }], freezeId: null })
    for (const without of ['', '&reason=%20%20'])
      expect(await ask(`&overrideFreeze=true${without}`)).toMatchObject({
        valid: false,
        problems: [{ code: 'validation-failed' }],
      })
    expect(await ask('&overrideFreeze=true&reason=now')).toMatchObject({ valid: true, freezeId: null })
  })

  it('says to when it is put off, and takes its turn there in the order in which they were asked to be due', async () => {
    const { id, to } = await freeze('defer', 'frozen-soft')
    const path = await flagIn('frozen-soft')
    const environment = '?environment=frozen-soft'
    const due = [inMs(4_000_000), inMs(5_000_000)]
    const later = { scheduledAt: due[1], updates: { enabled: false } }
    const { body: other } = await call('POST', `${path}${environment}`, later)
    expect(other.scheduledAt).toBe(to)
    const { body } = await call('POST', `${path}/preview${environment}`, { scheduledAt: due[0], updates })
    expect(body).toMatchObject({
      valid: true,
      scheduledAt: to,
      deferredFrom: due[0],
      freezeId: id,
      after: { enabled: true },
      applied: { position: 1, dueBefore: [] },
      overriddenBy: [{ scheduleId: other.id }],
      conflicts: [{ why: 'same-instant', detail: expect.stringContaining('theirs, wins, and enabled is false') }],
    })
    expect((await call('GET', `${path}/${other.id}${environment}`)).body).toEqual({ ...other })
  })
})

describe('the state of a flag', () => {
  it('is known at any past instant, with who did it, and foreseen at any future one', async () => {
    const flag = await newFlag()
    const state = async (at: string) => (await call('GET', `flags/${flag}/state?at=${encodeURIComponent(at)}`)).body
    await call('PATCH', `flags/${flag}`, { description: 'Tour' })
    const path = `flags/${flag}/schedule`
    const carol = { authorization: `Bearer ${await token('admin', 'carol')}` }
    const first = (await call('POST', path, { scheduledAt: inMs(-1_000), updates: { enabled: true } }, carol)).body
    await sweepDue(db)
    const due = inMs(3_600_000)
    const later = (await call('POST', path, { scheduledAt: due, updates: { rolloutPercentage: 5 } }, carol)).body

    const [created, described, applied] = ['flag-created', 'flag-updated', 'schedule-applied'].map((type) =>
      call('GET', `events?flagKey=${flag}&type=${type}`).then(({ body }) => body[0]),
    )
    const asCreated = await state((await created).createdAt)
    expect(asCreated).toMatchObject({ certain: true, state: { description: '', enabled: false, archivedAt: null } })
    const now = await state((await applied).createdAt)
    expect(now).toMatchObject({
      flagKey: flag,
      certain: true,
      state: { description: 'Tour', enabled: true, rolloutPercentage: 100 },
      reasons: {
        description: { type: 'flag-updated', eventId: (await described).id, by: 'alice', scheduleId: null },
        enabled: { type: 'schedule-applied', scheduleId: first.id, by: 'carol', at: (await applied).createdAt },
        archivedAt: { type: 'flag-created' },
      },
    })
    const justBefore = await state(new Date(Date.parse(due) - 1).toISOString())
    expect(justBefore).toMatchObject({ certain: false, state: { rolloutPercentage: 100 } })
    expect(await state(due)).toMatchObject({
      certain: false,
      state: { enabled: true, rolloutPercentage: 5 },
      reasons: {
        enabled: { scheduleId: first.id },
        rolloutPercentage: { type: 'schedule-pending', eventId: null, scheduleId: later.id, by: 'carol', at: due },
      },
    })

    await call('DELETE', `flags/${flag}`)
    expect(await state(due)).toMatchObject({
      state: { rolloutPercentage: 100, archivedAt: expect.any(String) },
      reasons: { archivedAt: { type: 'flag-archived', by: 'alice' } },
    })
  })

  it('before the flag was created is a 404 that says when it was; at that instant it is there', async () => {
    const flag = await newFlag()
    const { createdAt } = (await call('GET', `flags/${flag}`)).body
    const before = new Date(Date.parse(createdAt) - 1).toISOString()
    expect((await call('GET', `flags/${flag}/state?at=${before}`)).body).toMatchObject({
      status: 404,
      type: '/problems/flag-not-found',
      createdAt,
      errors: [{ field: 'query.at', message: `must be ${createdAt} or later` }],
    })
    expect((await call('GET', `flags/${flag}/state?at=${createdAt}`)).status).toBe(200)
    expect((await call('GET', `flags/${flag}/state`)).body.errors).toMatchObject([{ field: 'query.at' }])
    expect((await call('GET', `flags/${flag}/state?at=${createdAt}&environment=other`)).status).toBe(404)
  })
})
