import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

// No worker runs here: schedules stay pending.
const { call, names, token } = await createTestApp(await createTestDatabase())

const updates = { enabled: true }
const newFlag = async (environment = 'production') => {
  const key = `flag-${crypto.randomUUID()}`
  await call('POST', `flags?environment=${environment}`, { key })
  return key
}
const pending = async (flagKey: string) => (await call('GET', `schedules?status=pending&flagKey=${flagKey}`)).body

describe('POST schedules/bulk', () => {
  it('answers one result an item, in the order of the request, with the reason in the trail', async () => {
    const [first, second] = [await newFlag(), await newFlag('staging')]
    const { status, body } = await call('POST', 'schedules/bulk?reason=launch', {
      mode: 'each',
      items: [
        { flagKey: second, environment: 'staging', scheduledAt: inMs(60_000), updates, comment: 'two' },
        { flagKey: first, scheduledAt: inMs(-120_000), updates },
        { flagKey: first, scheduledAt: inMs(90_000), updates },
      ],
    })
    expect(status).toBe(200)
    expect(body).toMatchObject([
      { index: 0, schedule: { flagKey: second, environment: 'staging', comment: 'two', createdBy: 'alice' } },
      {
        index: 1,
        problem: {
          type: '/problems/schedule-in-past',
          status: 422,
          errors: [{ field: 'items.1.scheduledAt' }],
          now: expect.any(String),
        },
      },
      { index: 2, schedule: { flagKey: first, environment: 'production' } },
    ])
    const { id, workflowId } = body[2].schedule
    expect(workflowId).toBe(names.flagSchedule(id))
    expect((await call('GET', `events?scheduleId=${id}`)).body).toMatchObject([
      { type: 'schedule-created', actor: 'alice', reason: 'launch' },
    ])
    expect(await pending(first)).toEqual([body[2].schedule])
  })

  it('of the mode `each` makes what it can beside environments that ask for change requests', async () => {
    const [free, guarded] = [await newFlag(), await newFlag('guarded')]
    await call('PATCH', 'environments/guarded', { changeRequests: true })
    const items = [
      { flagKey: guarded, environment: 'guarded', scheduledAt: inMs(60_000), updates },
      { flagKey: free, scheduledAt: inMs(60_000), updates },
    ]
    const { body } = await call('POST', 'schedules/bulk', { mode: 'each', items })
    expect(body).toMatchObject([
      {
        index: 0,
        problem: { type: '/problems/change-request-required', status: 403, href: expect.stringContaining('guarded') },
      },
      { index: 1, schedule: { flagKey: free } },
    ])
    expect(await pending(guarded)).toEqual([])
    const all = await call('POST', 'schedules/bulk', { mode: 'all', items })
    expect(all.body).toMatchObject({ status: 403, type: '/problems/change-request-required' })
    expect(await pending(free)).toEqual([body[1].schedule])
  })

  it('of the mode `all` makes none when one is refused', async () => {
    const flagKey = await newFlag()
    const answer = await call('POST', 'schedules/bulk', {
      mode: 'all',
      items: [
        { flagKey, scheduledAt: inMs(60_000), updates },
        { flagKey: 'nowhere', scheduledAt: inMs(60_000), updates },
      ],
    })
    expect(answer.body).toMatchObject({
      status: 422,
      type: '/problems/bulk-refused',
      errors: [{ field: 'items.1.flagKey', message: expect.stringContaining('nowhere') }],
      refusals: [{ index: 1, code: 'flag-not-found' }],
    })
    expect(await pending(flagKey)).toEqual([])
  })

  it.each([
    ['no items', { mode: 'all', items: [] }, 'items', '1 to 1000'],
    ['too many', { mode: 'all', items: Array(1_001).fill(0) }, 'items', '1 to 1000'],
    ['no mode', { items: [{ flagKey: 'a', scheduledAt: inMs(1e6), updates }] }, 'mode', 'all or each'],
    [
      'one that is wrong',
      { mode: 'each', items: [{ flagKey: 'a', scheduledAt: inMs(1e6), updates: { rolloutPercentage: 101 } }] },
      'items.0.updates.rolloutPercentage',
      'from 0 to 100',
    ],
  ])('refuses %s', async (_, body, field, message) => {
    const answer = await call('POST', 'schedules/bulk', body)
    expect(answer.body).toMatchObject({ status: 400, errors: [{ field, message: expect.stringContaining(message) }] })
  })

  it('gives the same answer to the same Idempotency-Key', async () => {
    const flagKey = await newFlag()
    const items = [
      { flagKey, scheduledAt: inMs(60_000), updates },
      { flagKey, scheduledAt: inMs(-120_000), updates },
    ]
    const send = () => call('POST', 'schedules/bulk', { mode: 'each', items }, { 'idempotency-key': 'b-1' })
    const first = await send()
    expect((await send()).body).toEqual(first.body)
    expect(await pending(flagKey)).toHaveLength(1)
  })
})

describe('bulk-cancel and bulk-shift', () => {
  it.each(['bulk-cancel', 'bulk-shift'])('%s refuses an empty filter', async (path) => {
    const answer = await call('POST', `schedules/${path}`, { filter: {}, ...(path === 'bulk-shift' && { byMs: 1 }) })
    expect(answer.body).toMatchObject({
      status: 400,
      errors: [
        { field: 'filter', message: 'must name at least one of environment, flagKeys, createdBy, dueFrom, dueTo' },
      ],
    })
  })

  it('move and cancel what the list with the same filter shows', async () => {
    const flagKey = await newFlag()
    const items = [60_000, 120_000, 180_000].map((ms) => ({ flagKey, scheduledAt: inMs(ms), updates }))
    await call('POST', 'schedules/bulk', { mode: 'all', items })
    const dueFrom = items[1]?.scheduledAt as string
    const filter = { flagKeys: [flagKey], dueFrom }
    const list = (from: string) => call('GET', `schedules?flagKey=${flagKey}&dueFrom=${from}`)
    const shown = (await list(dueFrom)).body as { id: string; scheduledAt: string; version: number }[]
    const moved = await call('POST', 'schedules/bulk-shift', { filter, byMs: 5_000 })
    expect(moved.body).toMatchObject({
      matched: 2,
      changed: 2,
      schedules: shown.map(({ id, scheduledAt }) => ({
        id,
        scheduledAt: new Date(Date.parse(scheduledAt) + 5_000).toISOString(),
        version: 2,
      })),
    })
    expect((await list(dueFrom)).body).toEqual(moved.body.schedules)
    const cancelled = await call('POST', 'schedules/bulk-cancel?reason=no', { filter })
    expect(cancelled.body).toMatchObject({ matched: 2, changed: 2, schedules: [{ status: 'cancelled' }, {}] })
    expect((await call('GET', `events?scheduleId=${shown[0]?.id}`)).body).toMatchObject([
      { type: 'schedule-cancelled', reason: 'no' },
      { type: 'schedule-updated' },
      { type: 'schedule-created' },
    ])
    expect(await pending(flagKey)).toHaveLength(1)
  })
})

describe('GET schedules', () => {
  it('leafs through all flags in the order in which they are due', async () => {
    const environment = `e-${crypto.randomUUID()}`
    const [first, second] = [await newFlag(environment), await newFlag(environment)]
    const same = inMs(120_000)
    const times = [same, inMs(60_000), same, inMs(180_000), same]
    const items = times.map((scheduledAt, i) => ({
      flagKey: i % 2 ? second : first,
      environment,
      scheduledAt,
      updates,
    }))
    const { body } = await call('POST', 'schedules/bulk', { mode: 'all', items })
    const ids = body.map(({ schedule }: { schedule: { id: string } }) => schedule.id)
    const seen: string[] = []
    let next: string | undefined = `/api/admin/schedules?environment=${environment}&limit=2`
    while (next) {
      const page = await call('GET', next)
      seen.push(...page.body.map(({ id }: { id: string }) => id))
      next = page.headers.link?.match(/<(.*)>/)?.[1]
    }
    expect(seen).toEqual([ids[1], ids[0], ids[2], ids[4], ids[3]])
    const filtered = async (query: string) =>
      (await call('GET', `schedules?environment=${environment}&${query}`)).body.map(({ id }: { id: string }) => id)
    expect(await filtered(`dueFrom=${same}&dueTo=${times[3]}`)).toEqual([ids[0], ids[2], ids[4]])
    expect(await filtered(`flagKey=${second}`)).toEqual([ids[1], ids[3]])
    expect(await filtered('createdBy=bob')).toEqual([])
    expect(await filtered('status=applied')).toEqual([])
    expect(await filtered('status=pending&createdBy=alice')).toHaveLength(5)
  })

  it('is for viewers too, the changes are not', async () => {
    const headers = { authorization: `Bearer ${await token('viewer')}` }
    expect((await call('GET', 'schedules', undefined, headers)).status).toBe(200)
    for (const path of ['bulk', 'bulk-cancel', 'bulk-shift'])
      expect((await call('POST', `schedules/${path}`, {}, headers)).status).toBe(403)
  })
})

it('refuses half of a character, which no event could repeat', async () => {
  const flagKey = await newFlag()
  const body = { scheduledAt: inMs(60_000), updates, comment: 'x\udfff' }
  const answer = await call('POST', `flags/${flagKey}/schedule`, body)
  expect(answer.body).toMatchObject({ status: 400, errors: [{ field: 'comment', message: 'must be valid Unicode' }] })
})
