import { describe, expect, it } from 'vitest'
import { Problem } from '../../domain/problems.ts'
import type { BulkItem, ScheduleFilter } from '../../domain/schedule-bulk.ts'
import { type Database, sqlState } from '../../store/database.ts'
import { archiveFlag } from '../../store/flag-archive.ts'
import { cancelSchedule, createSchedule, editSchedule } from '../../store/flag-schedules.ts'
import { getFlag } from '../../store/flags.ts'
import { cancelSchedules, createSchedules, shiftSchedules } from '../../store/schedule-bulk.ts'
import { sweepDue } from '../../store/sweep.ts'
import { transaction } from '../../store/transaction.ts'
import { alice, asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { type Address, inMs, newFlag, newSchedule, reread } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase(), { connections: 20 })

const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(Problem)
  return error as Problem
}

const item = (address: Address, dueInMs: number, rolloutPercentage = 1): BulkItem => ({
  ...address,
  scheduledAt: inMs(dueInMs),
  updates: { rolloutPercentage },
})

const create = (mode: 'all' | 'each', items: BulkItem[]) => asAlice(db, (tx) => createSchedules(tx, { mode, items }))
const cancel = (filter: ScheduleFilter, more: { limit?: number; dryRun?: boolean } = {}) =>
  asAlice(db, (tx) => cancelSchedules(tx, { filter, dryRun: false, ...more }))
const shift = (filter: ScheduleFilter, byMs: number, dryRun = false) =>
  asAlice(db, (tx) => shiftSchedules(tx, { filter, byMs, dryRun }))

const written = () =>
  one<{ schedules: number; events: number; outbox: number }>(
    db,
    `SELECT (SELECT count(*) FROM feature_flag_schedules)::integer AS schedules, (SELECT count(*) FROM events)::integer AS events,
       (SELECT count(*) FROM outbox)::integer AS outbox`,
  )
const eventsOf = async (scheduleId: string) =>
  (
    await db.pool.query<{ type: string; before: string | null; after: string }>(
      `SELECT type, data #>> '{before,scheduledAt}' AS before, data #>> '{after,scheduledAt}' AS after FROM events
       WHERE schedule_id = $1 ORDER BY id`,
      [scheduleId],
    )
  ).rows
const later = (instant: string, ms: number) => new Date(Date.parse(instant) + ms).toISOString()

/** A flag that is archived, and one whose watermark is half a second ago. */
async function refusingFlags() {
  const [archived, applied] = [await newFlag(db), await newFlag(db)]
  await asAlice(db, (tx) => archiveFlag(tx, archived))
  await newSchedule(db, applied, -500)
  await sweepDue(db)
  return { archived, applied, missing: { environment: 'production', flagKey: `none-${crypto.randomUUID()}` } }
}

describe('createSchedules', () => {
  it('writes nothing at all when one of them is refused, and says what is wrong with each', async () => {
    const { archived, applied, missing } = await refusingFlags()
    const good = await newFlag(db)
    const before = await written()
    const problem = await refusal(
      create('all', [
        item(good, 60_000),
        item(missing, 60_000),
        item(archived, 60_000),
        item(good, -61_500),
        item(applied, -30_000),
      ]),
    )
    expect(problem.code).toBe('bulk-refused')
    expect(problem.fields.map(({ field }) => field)).toEqual([
      'items.1.flagKey',
      'items.2.flagKey',
      'items.3.scheduledAt',
      'items.4.scheduledAt',
    ])
    expect(problem.members.refusals).toMatchObject([
      { index: 1, code: 'flag-not-found' },
      { index: 2, code: 'flag-archived' },
      { index: 3, code: 'schedule-in-past' },
      { index: 4, code: 'schedule-out-of-order' },
    ])
    expect(await written()).toEqual(before)
  })

  it('of the mode `each` makes those that can be made, and answers in the order of the request', async () => {
    const { archived, missing } = await refusingFlags()
    const good = await newFlag(db)
    const before = await written()
    const results = await create('each', [
      item(missing, 60_000),
      item(good, 70_000, 10),
      item(archived, 60_000),
      item(good, 60_000, 20),
    ])
    expect(results).toMatchObject([
      { index: 0, problem: { code: 'flag-not-found' } },
      { index: 1, schedule: { flagKey: good.flagKey, updates: { rolloutPercentage: 10 }, createdBy: 'alice' } },
      { index: 2, problem: { code: 'flag-archived' } },
      { index: 3, schedule: { flagKey: good.flagKey, updates: { rolloutPercentage: 20 } } },
    ])
    const after = await written()
    expect(after).toEqual({
      schedules: before.schedules + 2,
      events: before.events + 2,
      outbox: before.outbox + 2,
    })
  })

  it('lets the order of the request decide between those that are due at once', async () => {
    const addresses = [await newFlag(db), await newFlag(db)] as const
    const scheduledAt = inMs(-10)
    const items = Array.from({ length: 40 }, (_, i) => ({
      ...(addresses[i % 2] as Address),
      scheduledAt,
      // No order of their own: the last one of each flag is 38 * 7 % 40 and 39 * 7 % 40.
      updates: { rolloutPercentage: (i * 7) % 40 },
    }))
    await create('all', items)
    while ((await sweepDue(db)).outcomes.length > 0);
    expect((await getFlag(db, addresses[0])).rolloutPercentage).toBe((38 * 7) % 40)
    expect((await getFlag(db, addresses[1])).rolloutPercentage).toBe((39 * 7) % 40)
  })
})

describe('cancelSchedules', () => {
  it('cancels what is pending and matches, with an event and a nudge for each, and nothing else', async () => {
    const [address, other] = [await newFlag(db), await newFlag(db)]
    const [first, second, third] = [
      await newSchedule(db, address, 60_000),
      await newSchedule(db, address, 120_000),
      await newSchedule(db, address, 180_000),
    ]
    const bystander = await newSchedule(db, other, 60_000)
    const filter = { flagKeys: [address.flagKey], dueFrom: first.scheduledAt, dueTo: third.scheduledAt }
    const before = await written()
    const dry = await cancel(filter, { dryRun: true })
    expect(await written()).toEqual(before)
    expect(dry).toMatchObject({ dryRun: true, matched: 2, changed: 2 })
    const done = await cancel(filter)
    expect(done).toMatchObject({ dryRun: false, matched: 2, changed: 2, refused: 0 })
    expect(done.schedules.map(({ id, status, version }) => [id, status, version])).toEqual([
      [first.id, 'cancelled', 2],
      [second.id, 'cancelled', 2],
    ])
    for (const schedule of [third, bystander]) expect((await reread(db, schedule)).status).toBe('pending')
    expect((await eventsOf(first.id)).map(({ type }) => type)).toEqual(['schedule-created', 'schedule-cancelled'])
    expect(
      await one(db, 'SELECT 1 AS sent FROM outbox WHERE idempotency_key = $1', [`flag-schedule/${first.id}/2`]),
    ).toEqual({ sent: 1 })
    expect(await cancel(filter)).toMatchObject({ matched: 0, changed: 0, schedules: [] })
  })

  it('cancels only the first ones when there is a limit', async () => {
    const address = await newFlag(db)
    const far = await newSchedule(db, address, 120_000)
    const near = await newSchedule(db, address, 60_000)
    expect(await cancel({ flagKeys: [address.flagKey] }, { limit: 1 })).toMatchObject({
      matched: 2,
      changed: 1,
      schedules: [{ id: near.id }],
    })
    expect((await reread(db, far)).status).toBe('pending')
  })

  it('means only schedules of the actor and the environment that are named', async () => {
    const address = await newFlag(db)
    await newSchedule(db, address, 60_000)
    const flagKeys = [address.flagKey]
    expect((await cancel({ flagKeys, createdBy: 'bob' })).matched).toBe(0)
    expect((await cancel({ flagKeys, environment: 'staging' })).matched).toBe(0)
    expect((await cancel({ flagKeys, createdBy: 'alice', environment: 'production' })).matched).toBe(1)
  })
})

describe('shiftSchedules', () => {
  it('moves all that match, each by the same', async () => {
    const address = await newFlag(db)
    const [one_, two] = [await newSchedule(db, address, 60_000), await newSchedule(db, address, 120_000)]
    const moved = await shift({ flagKeys: [address.flagKey] }, 86_400_123)
    expect(moved.schedules.map(({ id, scheduledAt, version }) => [id, scheduledAt, version])).toEqual(
      [one_, two].map(({ id, scheduledAt }) => [id, later(scheduledAt, 86_400_123), 2]),
    )
    expect(await eventsOf(one_.id)).toEqual([
      { type: 'schedule-created', before: null, after: one_.scheduledAt },
      { type: 'schedule-updated', before: one_.scheduledAt, after: later(one_.scheduledAt, 86_400_123) },
    ])
  })

  it('moves none when one of them is refused, and a dry run says which', async () => {
    const { applied } = await refusingFlags()
    const flagKeys = [applied.flagKey]
    const near = await newSchedule(db, applied, 10_000)
    const far = await newSchedule(db, applied, 3_600_000)
    const before = await written()
    const dry = await shift({ flagKeys }, -30_000, true)
    expect(dry).toMatchObject({ matched: 2, changed: 0, refused: 1, schedules: [] })
    expect(dry.refusals).toMatchObject([
      { scheduleId: near.id, flagKey: applied.flagKey, code: 'schedule-out-of-order' },
    ])
    const problem = await refusal(shift({ flagKeys }, -30_000))
    expect([problem.code, problem.members.refusals]).toEqual(['bulk-refused', dry.refusals])
    expect((await refusal(shift({ flagKeys }, -1e7))).members.refusals).toMatchObject([
      { scheduleId: near.id, code: 'schedule-in-past' },
      { scheduleId: far.id, code: 'schedule-in-past' },
    ])
    expect(await written()).toEqual(before)
    expect([await reread(db, near), await reread(db, far)]).toEqual([near, far])
    // What a dry run finds right is then done.
    const dryAgain = await shift({ flagKeys }, -5_000, true)
    const done = await shift({ flagKeys }, -5_000)
    expect(done.schedules.map(({ id, scheduledAt }) => [id, scheduledAt])).toEqual(
      dryAgain.schedules.map(({ id, scheduledAt }) => [id, scheduledAt]),
    )
  })

  it('moves nothing beyond the last year', async () => {
    const address = await newFlag(db)
    const scheduledAt = '9999-12-30T00:00:00Z'
    await asAlice(db, (tx) => createSchedule(tx, address, { scheduledAt, updates: { enabled: true } }))
    const problem = await refusal(shift({ flagKeys: [address.flagKey] }, 315_576_000_000))
    expect(problem.members.refusals).toMatchObject([{ detail: 'It would not be due before 9999-12-31T00:00:00.000Z.' }])
  })
})

it('refuses a filter that means more than 10,000, with how many', async () => {
  const crowd = openTestDatabase(await createTestDatabase())
  const address = await newFlag(crowd)
  await crowd.pool.query(
    `INSERT INTO feature_flag_schedules (flag_id, scheduled_at, updates, created_by)
     SELECT id, date_trunc('milliseconds', now()) + n * interval '1 minute', '{"enabled": true}', 'carol' FROM feature_flags, generate_series(60, 10060) n`,
  )
  const all = (database: Database) =>
    asAlice(database, (tx) => shiftSchedules(tx, { filter: { createdBy: 'carol' }, byMs: 1, dryRun: false }))
  const problem = await refusal(all(crowd))
  expect([problem.code, problem.members.matched]).toEqual(['filter-too-wide', 10_001])
  await crowd.pool.query(
    'DELETE FROM feature_flag_schedules WHERE scheduled_at = (SELECT max(scheduled_at) FROM feature_flag_schedules)',
  )
  expect(await all(crowd)).toMatchObject({ matched: 10_000, changed: 10_000 })
  expect((await getFlag(crowd, address)).enabled).toBe(false)
})

it('deadlocks neither with sweeps nor with edits of single schedules', async () => {
  const addresses = await Promise.all(Array.from({ length: 12 }, () => newFlag(db)))
  const flagKeys = addresses.map(({ flagKey }) => flagKey)
  const shuffled = (seed: number) => [...addresses.slice(seed), ...addresses.slice(0, seed)].reverse()
  const errors: unknown[] = []
  // Deadlocks are retried, and then seen by nobody; so they are counted where Postgres counts them.
  const deadlocks = async () => {
    await db.pool.query('SELECT pg_stat_force_next_flush()')
    return await one(db, 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()')
  }
  const before = await deadlocks()
  // On a busy machine one may wait for a lock for longer than it has patience; that is no deadlock.
  const settled = (work: Promise<unknown>) =>
    work.catch((error) => error instanceof Problem || sqlState(error) === '55P03' || errors.push(error))
  const single = async (address: Address) => {
    for (let i = 0; i < 5; i++) {
      const { id: scheduleId } = await newSchedule(db, address, 5_000)
      await settled(asAlice(db, (tx) => editSchedule(tx, { scheduleId }, { scheduledAt: inMs(6_000) })))
      await settled(asAlice(db, (tx) => cancelSchedule(tx, { scheduleId })))
    }
  }
  const singles = addresses.map((address) => settled(single(address)))
  const bulks = Array.from({ length: 10 }, (_, i) =>
    settled(
      create(
        'each',
        shuffled(i).flatMap((address) => [item(address, -1), item(address, 4_000)]),
      ),
    ),
  )
  const shifts = Array.from({ length: 10 }, () => settled(shift({ flagKeys }, 1_000)))
  const sweeps = Array.from({ length: 20 }, () => settled(sweepDue(db)))
  await Promise.all([...singles, ...bulks, ...shifts, ...sweeps, settled(cancel({ flagKeys }))])
  expect(errors).toEqual([])
  expect(await deadlocks()).toEqual(before)
})

it('is done once with one Idempotency-Key', async () => {
  const address = await newFlag(db)
  const once = { key: crypto.randomUUID(), fingerprint: 'same' }
  const items = [item(address, 60_000), item({ ...address, flagKey: 'unknown' }, 60_000)]
  const send = async () =>
    (await transaction(db, (tx) => createSchedules(tx, { mode: 'each', items }), { origin: alice, once })).result
  const first = await send()
  const after = await written()
  expect(await send()).toEqual(first)
  expect(await written()).toEqual(after)
})
