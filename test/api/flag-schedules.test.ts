import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

// No worker runs here: schedules stay pending.
const { call, names, token, app } = await createTestApp(await createTestDatabase())

const newFlag = async () => (await call('POST', 'flags', { key: `flag-${crypto.randomUUID()}` })).body.key as string
const updates = { enabled: true }

describe('flag schedules', () => {
  it('are created, read, listed, moved and cancelled', async () => {
    const flag = await newFlag()
    const scheduledAt = inMs(60_000)
    const created = await call('POST', `flags/${flag}/schedule`, { scheduledAt, updates, comment: 'launch' })
    const { id } = created.body
    expect(created).toMatchObject({
      status: 201,
      headers: { location: `/api/admin/flags/${flag}/schedule/${id}?environment=production`, etag: '"1"' },
      body: {
        flagKey: flag,
        environment: 'production',
        scheduledAt,
        updates,
        status: 'pending',
        comment: 'launch',
        createdBy: 'alice',
        workflowId: names.flagSchedule(id),
        appliedAt: null,
        errorMessage: null,
      },
    })
    const location = created.headers.location as string
    expect((await call('GET', location)).body).toEqual(created.body)
    expect((await call('GET', `flags/${flag}/schedule`)).body).toEqual([created.body])

    const moved = await call('PATCH', location, { scheduledAt: inMs(120_000) }, { 'if-match': '"1"' })
    expect(moved).toMatchObject({ status: 200, headers: { etag: '"2"' }, body: { updates, status: 'pending' } })
    expect((await call('PATCH', location, { updates: { rolloutPercentage: 5 } }, { 'if-match': '"1"' })).status).toBe(
      412,
    )

    const cancelled = await call('DELETE', `${location}&reason=later`)
    expect(cancelled).toMatchObject({ status: 200, body: { id, status: 'cancelled' } })
    expect((await call('DELETE', location)).body).toMatchObject({ status: 409, type: '/problems/schedule-cancelled' })
    expect((await call('GET', `flags/${flag}/schedule?status=pending`)).body).toEqual([])
    expect((await call('GET', `flags/${flag}/schedule?status=cancelled`)).body).toEqual([cancelled.body])
    const events = await call('GET', `events?scheduleId=${id}`)
    expect(events.body.map(({ type, reason }: { type: string; reason: string }) => [type, reason])).toEqual([
      ['schedule-cancelled', 'later'],
      ['schedule-updated', null],
      ['schedule-created', null],
    ])
  })

  it('are a 404 at an unknown flag, schedule, or the schedule of another flag', async () => {
    const [flag, other] = [await newFlag(), await newFlag()]
    const { body } = await call('POST', `flags/${flag}/schedule`, { scheduledAt: inMs(60_000), updates })
    expect((await call('POST', 'flags/unknown/schedule', { scheduledAt: inMs(60_000), updates })).body.type).toBe(
      '/problems/flag-not-found',
    )
    expect((await call('GET', 'flags/unknown/schedule')).status).toBe(404)
    for (const path of [`flags/${flag}/schedule/${crypto.randomUUID()}`, `flags/${other}/schedule/${body.id}`]) {
      for (const method of ['GET', 'DELETE'] as const) {
        expect((await call(method, path)).body).toMatchObject({ status: 404, type: '/problems/schedule-not-found' })
      }
      expect((await call('PATCH', path, { updates })).status).toBe(404)
    }
  })

  it.each([
    ['a time without a zone', { scheduledAt: '2126-03-01T09:00:00', updates }, 400, 'scheduledAt', 'with a zone'],
    ['a time that is none', { scheduledAt: 'tomorrow', updates }, 400, 'scheduledAt', 'with a zone'],
    ['a day that does not exist', { scheduledAt: '2126-02-30T09:00:00Z', updates }, 400, 'scheduledAt', 'with a zone'],
    ['no time', { updates }, 400, 'scheduledAt', 'with a zone'],
    ['a time more than a minute past', { scheduledAt: inMs(-62_000), updates }, 422, 'scheduledAt', 'before now (20'],
    [
      'a time after the last year',
      { scheduledAt: '9999-12-31T23:59:59-12:00', updates },
      400,
      'scheduledAt',
      'before 9999',
    ],
    ['no updates', { scheduledAt: inMs(1e6) }, 400, 'updates', 'enabled, rolloutPercentage'],
    [
      'empty updates',
      { scheduledAt: inMs(1e6), updates: {} },
      400,
      'updates',
      'at least one of enabled, rolloutPercentage',
    ],
    [
      'an unknown field',
      { scheduledAt: inMs(1e6), updates, when: 'now' },
      400,
      'when',
      'has scheduledAt, updates, comment',
    ],
    [
      'an unknown update',
      { scheduledAt: inMs(1e6), updates: { color: 1 } },
      400,
      'updates.color',
      'has enabled, rolloutPercentage',
    ],
    [
      'half a percent',
      { scheduledAt: inMs(1e6), updates: { rolloutPercentage: 0.5 } },
      400,
      'updates.rolloutPercentage',
      'integer from 0 to 100',
    ],
    [
      '-1 percent',
      { scheduledAt: inMs(1e6), updates: { rolloutPercentage: -1 } },
      400,
      'updates.rolloutPercentage',
      'integer from 0 to 100',
    ],
    [
      'a percentage as text',
      { scheduledAt: inMs(1e6), updates: { rolloutPercentage: '5' } },
      400,
      'updates.rolloutPercentage',
      'integer from 0 to 100',
    ],
    ['null', { scheduledAt: inMs(1e6), updates: { enabled: null } }, 400, 'updates.enabled', 'true or false'],
  ])('refuse %s, and say which field and why', async (_, body, status, field, message) => {
    const flag = await newFlag()
    const answer = await call('POST', `flags/${flag}/schedule`, body)
    expect(answer.status).toBe(status)
    expect(answer.body.errors).toContainEqual({ field, message: expect.stringContaining(message) })
    expect((await call('GET', `flags/${flag}/schedule`)).body).toEqual([])
  })

  it('refuse a flag that is archived', async () => {
    const flag = await newFlag()
    await call('DELETE', `flags/${flag}`)
    const answer = await call('POST', `flags/${flag}/schedule`, { scheduledAt: inMs(60_000), updates })
    expect(answer.body).toMatchObject({
      status: 422,
      type: '/problems/flag-archived',
      errors: [{ field: 'path.flagKey' }],
    })
  })

  it.each([
    ['2026-02-30T00:00:00.000Z', 1],
    ['2026-99-99T00:00:00.000Z', 1],
    ['2026-01-01T00:00:00.000Z', '9'.repeat(23)],
    [1],
  ])('refuse a cursor that no page gave out: %s %s', async (...key) => {
    const cursor = Buffer.from(JSON.stringify(key)).toString('base64url')
    const answer = await call('GET', `flags/${await newFlag()}/schedule?cursor=${cursor}`)
    expect(answer.body).toMatchObject({ status: 400, errors: [{ field: 'query.cursor' }] })
  })

  it('may be read by viewers only', async () => {
    const flag = await newFlag()
    const headers = { authorization: `Bearer ${await token('viewer')}` }
    const body = { scheduledAt: inMs(60_000), updates }
    expect((await call('GET', `flags/${flag}/schedule`, undefined, headers)).status).toBe(200)
    expect((await call('POST', `flags/${flag}/schedule`, body, headers)).status).toBe(403)
    const { body: schedule } = await call('POST', `flags/${flag}/schedule`, body)
    expect((await call('DELETE', `flags/${flag}/schedule/${schedule.id}`, undefined, headers)).status).toBe(403)
    expect((await call('PATCH', `flags/${flag}/schedule/${schedule.id}`, body, headers)).status).toBe(403)
  })

  it('warn of overlaps where the call is documented', async () => {
    const document = (await app.inject('/docs/json')).json()
    expect(document.paths['/api/admin/flags/{flagKey}/schedule'].post.description).toMatch(
      /Overlapping schedules.*last one wins/,
    )
  })
})
