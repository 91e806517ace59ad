import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

const { call } = await createTestApp(await createTestDatabase())
await call('POST', 'flags', { key: 'night' })
const path = 'flags/night/recurrences'
const DAY = 86_400_000
const DAILY = { cron: '30 2 * * *', timeZone: 'Europe/Berlin' }

describe('recurrences over HTTP', () => {
  it.each([
    ['recurrence.cron', { cron: '* * * * * *' }, 'five fields'],
    ['recurrence.cron', { cron: '@daily' }, 'five fields'],
    ['recurrence.cron', { cron: '0 0 L * *' }, 'five fields'],
    ['recurrence.cron', { cron: '61 * * * *' }, 'Invalid value for minute'],
    ['recurrence.cron', { cron: '0 0 1 13 *' }, 'Invalid value for month: 13'],
    ['recurrence.cron', { cron: '0 0 0 * *' }, 'Invalid value for day: 0'],
    ['recurrence.cron', { cron: '0 0 31 feb *' }, 'a day that exists'],
    ['recurrence.timeZone', { timeZone: 'Mars/Olympus' }, 'IANA'],
    ['recurrence.timeZone', { timeZone: '+02:00' }, 'IANA'],
    ['recurrence.count', { count: 0 }, 'from 1'],
    ['recurrence.gap', { gap: 'jump' }, 'skip or shift'],
  ])('refuse %s %j, and say what would do', async (field, wrong, message) => {
    const recurrence = { ...DAILY, ...wrong }
    for (const [to, body] of [
      [path, { recurrence, updates: { enabled: true } }],
      [`${path}/preview`, { recurrence }],
    ] as const) {
      const answer = await call('POST', to, body)
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ field }] } })
      expect(answer.body.errors[0].message).toContain(message)
    }
  })

  it('that would end at once, because a freeze refuses all of their times, are refused as empty', async () => {
    const environment = 'frozen'
    await call('POST', `flags?environment=${environment}`, { key: 'night' })
    const freeze = { environment, from: inMs(0), to: inMs(9 * DAY), reason: 'holidays', mode: 'refuse' }
    expect((await call('POST', 'freezes', freeze)).status).toBe(201)
    const make = async (until: string) =>
      await call('POST', `${path}?environment=${environment}`, {
        recurrence: { ...DAILY, until },
        updates: { enabled: true },
      })
    expect(await make(inMs(8 * DAY))).toMatchObject({
      status: 422,
      body: { type: '/problems/recurrence-empty', errors: [{ field: 'recurrence.until' }] },
    })
    expect((await call('GET', `events?environment=${environment}&type=recurrence-ended`)).body).toEqual([])
    expect(await make(inMs(11 * DAY))).toMatchObject({ status: 201, body: { status: 'active', made: 1 } })
  })

  it('are previewed without a change of anything, changes of clocks included', async () => {
    const { status, body } = await call('POST', `${path}/preview`, {
      recurrence: DAILY,
      from: '2026-03-28T12:00:00Z',
      occurrences: 2,
    })
    expect([status, body]).toEqual([
      200,
      [
        {
          at: '2026-03-29T01:30:00.000Z',
          local: '2026-03-29T03:30:00+02:00',
          remark: 'clocks go forward, shifted by 1 h',
        },
        { at: '2026-03-30T00:30:00.000Z', local: '2026-03-30T02:30:00+02:00', remark: null },
      ],
    ])
    expect((await call('GET', path)).body).toEqual([])
    expect((await call('POST', `${path}/preview`, { recurrence: DAILY })).body).toHaveLength(5)
    expect((await call('POST', `${path}/preview`, { recurrence: DAILY, occurrences: 51 })).status).toBe(400)
  })

  it('are created, read with what comes next, changed under If-Match and listed in pages', async () => {
    const made = await call('POST', path, { recurrence: DAILY, updates: { enabled: true } })
    expect(made).toMatchObject({ status: 201, headers: { etag: '"1"' }, body: { status: 'active', catchUp: 'latest' } })
    const self = made.headers.location as string
    const ahead = (await call('GET', self)).body
    expect(ahead.nextOccurrences).toHaveLength(5)
    const { body: schedules } = await call('GET', 'flags/night/schedule')
    expect(schedules).toMatchObject([
      { id: ahead.pendingScheduleId, recurrenceId: made.body.id, scheduledAt: ahead.nextOccurrences[0].at },
    ])
    expect((await call('PATCH', self, { catchUp: 'none' }, { 'if-match': '"7"' })).status).toBe(412)
    const until = { recurrence: { until: '2126-01-01T00:00:00Z', count: 5 } }
    expect((await call('PATCH', self, until)).body.recurrence).toMatchObject({ count: 5 })
    const cleared = await call('PATCH', self, { recurrence: { until: null, count: null } })
    expect(cleared.body.recurrence).toMatchObject({ until: null, count: null })
    const same = { recurrence: { cron: DAILY.cron, until: null }, updates: { enabled: true }, catchUp: 'latest' }
    expect((await call('PATCH', self, same)).body).toEqual(cleared.body)
    expect((await call('PATCH', self, { recurrence: {} })).body.errors).toMatchObject([{ field: 'recurrence' }])
    await call('POST', path, { recurrence: { ...DAILY, timeZone: 'Asia/Tokyo' }, updates: { enabled: false } })
    const first = await call('GET', `${path}?limit=1`)
    const next = /<(.*)>/.exec(first.headers.link as string)?.[1] as string
    const zones = [...first.body, ...(await call('GET', next)).body].map(({ recurrence }) => recurrence.timeZone)
    expect(zones).toEqual(['Europe/Berlin', 'Asia/Tokyo'])
    const noId = Buffer.from(JSON.stringify(['-'.repeat(36)])).toString('base64url')
    expect((await call('GET', `${path}?cursor=${noId}`)).body.errors).toMatchObject([{ field: 'query.cursor' }])
  })

  it('are skipped once for the same Idempotency-Key, with who and why in the trail', async () => {
    const made = await call('POST', path, { recurrence: DAILY, updates: { enabled: true } })
    const skip = () =>
      call('POST', `${path}/${made.body.id}/skip?reason=holiday`, undefined, { 'idempotency-key': made.body.id })
    const [first, again] = [await skip(), await skip()]
    expect(again.body).toEqual(first.body)
    expect(first.body).toMatchObject({ made: 2 })
    const { body } = await call('GET', `events?scheduleId=${made.body.pendingScheduleId}&limit=1`)
    expect(body).toMatchObject([{ type: 'schedule-cancelled', actor: 'alice', reason: 'holiday' }])
  })
})
