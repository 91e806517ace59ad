import { expect, it } from 'vitest'
import type { FlagSchedule, ScheduleUpdates } from '../../domain/flag-schedule.ts'
import { NewStrategy } from '../../domain/strategy.ts'
import { createRelease, getRelease } from '../../store/flag-releases.ts'
import { createSchedule, editSchedule } from '../../store/flag-schedules.ts'
import { editFlag, getFlag } from '../../store/flags.ts'
import { editRecurrence } from '../../store/recurrence-edit.ts'
import { createRecurrence } from '../../store/recurrences.ts'
import { createSchedules } from '../../store/schedule-bulk.ts'
import { retrySchedule } from '../../store/schedule-retry.ts'
import { createSegment } from '../../store/segments.ts'
import { addStrategy, getStrategy, removeStrategy } from '../../store/strategies.ts'
import { readCopies } from '../../store/strategy-rows.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { makePlan, milestones, rollout } from '../helpers/release-plans.ts'
import { type Address, inMs, newFlag, newSchedule, reread } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())
const HOUR = 3_600_000
const NOWHERE = '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D'

const newStrategy = async (address: Address) =>
  (await asAlice(db, (tx) => addStrategy(tx, address, NewStrategy.parse(rollout(10))))).strategy.id
const share = (id: string, percentage: number, more: object = {}): ScheduleUpdates => ({
  strategies: [{ id, parameters: { rollout: String(percentage), stickiness: 'default' }, ...more }],
})
const read = async (address: Address, strategyId: string) =>
  (await getStrategy(db, { ...address, strategyId })).strategy
const rolloutOf = async (address: Address, id: string) => (await read(address, id)).parameters.rollout
const eventsOf = async ({ flagKey }: Address) =>
  (
    await db.pool.query<{ type: string; revision: number | null; data: Record<string, unknown> }>(
      'SELECT type, revision, data FROM events WHERE flag_key = $1 ORDER BY id',
      [flagKey],
    )
  ).rows
const VARIANTS = [{ name: 'blue', weight: 1, stickiness: 'default', overrides: [] }]

it('variants are replaced and strategies changed when it is due, as one revision, with what was before and after', async () => {
  const flag = await newFlag(db)
  const id = await newStrategy(flag)
  const updates = { enabled: true, variants: VARIANTS, ...share(id, 50, { disabled: true }) }
  await newSchedule(db, flag, -100, updates)
  expect(await rolloutOf(flag, id)).toBe('10')
  const { revision } = await one<{ revision: number }>(db, 'SELECT revision FROM configuration_revision')
  await sweepDue(db)
  expect(await getFlag(db, flag)).toMatchObject({ enabled: true, variants: VARIANTS, revision: revision + 1 })
  expect(await read(flag, id)).toMatchObject({ disabled: true, parameters: { rollout: '50' }, name: 'flexibleRollout' })
  const events = await eventsOf(flag)
  const ours = events.find(({ type }) => type === 'schedule-applied')
  expect(ours).toMatchObject({
    revision: revision + 1,
    data: {
      before: {
        enabled: false,
        variants: [],
        strategies: { [id]: { disabled: false, parameters: { rollout: '10' } } },
      },
      after: {
        enabled: true,
        variants: VARIANTS,
        strategies: { [id]: { disabled: true, parameters: { rollout: '50' } } },
      },
    },
  })
  expect(events.find(({ type }) => type === 'feature-strategy-update')).toMatchObject({
    revision: revision + 1,
    data: { strategyId: id, before: { disabled: false }, after: { disabled: true } },
  })
  await asAlice(db, (tx) => editFlag(tx, flag, { variants: [] }))
  await newSchedule(db, flag, -50, { enabled: false })
  await sweepDue(db)
  expect((await getFlag(db, flag)).variants).toEqual([])
})

it('the last one wins, field by field, whatever was due in one sweep', async () => {
  const flag = await newFlag(db)
  const [a, b] = [await newStrategy(flag), await newStrategy(flag)]
  const due = inMs(-1_000)
  for (const updates of [share(a, 20), share(b, 30), share(a, 40), { strategies: [{ id: a, title: 'last' }] }])
    await asAlice(db, (tx) => createSchedule(tx, flag, { scheduledAt: due, updates }))
  await newSchedule(db, flag, -500, share(b, 60))
  await sweepDue(db)
  expect(await read(flag, a)).toMatchObject({ title: 'last', parameters: { rollout: '40' } })
  expect(await rolloutOf(flag, b)).toBe('60')
})

it("both copies of an active milestone's strategy are changed, and of a later one the definition only", async () => {
  const plan = await makePlan(db, { milestones: milestones(2) })
  await plan.start(0)
  const [active, later] = (await plan.read()).milestones.map((milestone) => milestone.strategies[0]?.id as string) as [
    string,
    string,
  ]
  await newSchedule(db, plan.address, -100, {
    strategies: [...(share(active, 77).strategies ?? []), { id: later, title: 'x' }],
  })
  await sweepDue(db)
  const { id: flagId } = await getFlag(db, plan.address)
  const copies = await readCopies(db, flagId)
  expect(copies.get(active)?.runtime?.content).toMatchObject({ parameters: { rollout: '77' } })
  expect(copies.get(active)?.milestone?.content).toEqual(copies.get(active)?.runtime?.content)
  expect(copies.get(later)).toMatchObject({ runtime: null, milestone: { content: { title: 'x' } } })
})

it('a schedule whose strategy or segment is gone fails alone, saying so, and leaves the others alone', async () => {
  const [flag, other] = [await newFlag(db), await newFlag(db)]
  const [gone, kept] = [await newStrategy(flag), await newStrategy(flag)]
  const key = `segment-${crypto.randomUUID()}`
  await asAlice(db, (tx) => createSegment(tx, flag.environment, { key, description: '', constraints: [] }))
  const first = await newSchedule(db, flag, -900, share(kept, 20))
  const broken = await newSchedule(db, flag, -800, {
    enabled: true,
    strategies: [
      { id: kept, disabled: true },
      { id: gone, title: 'x' },
    ],
  })
  const segment = await newSchedule(db, flag, -700, { strategies: [{ id: kept, segments: [key], title: 'y' }] })
  const last = await newSchedule(db, flag, -600, { rolloutPercentage: 5 })
  const neighbour = await newSchedule(db, other, -750)
  await asAlice(db, (tx) => removeStrategy(tx, { ...flag, strategyId: gone }, { door: 'strategy' }))
  await one(db, 'DELETE FROM segments WHERE key = $1', [key])
  await sweepDue(db)
  expect(await reread(db, broken)).toMatchObject({ status: 'failed', errorMessage: expect.stringContaining(gone) })
  expect(await reread(db, segment)).toMatchObject({ status: 'failed', errorMessage: expect.stringContaining(key) })
  for (const schedule of [first, last, neighbour]) expect((await reread(db, schedule)).status).toBe('applied')
  expect(await read(flag, kept)).toMatchObject({
    disabled: false,
    title: null,
    segments: [],
    parameters: { rollout: '20' },
  })
  expect(await getFlag(db, flag)).toMatchObject({ enabled: false, rolloutPercentage: 5 })
  expect((await eventsOf(flag)).filter(({ type }) => type === 'feature-strategy-update')).toHaveLength(1)
})

it('a row that was changed by hand to what nobody could use fails', async () => {
  const flag = await newFlag(db)
  const schedule = await newSchedule(db, flag, -100)
  await one(db, `UPDATE feature_flag_schedules SET updates = '{"variants": 5, "strategies": "all"}' WHERE id = $1`, [
    schedule.id,
  ])
  expect((await reread(db, schedule)).updates.variants).toBe(5)
  await sweepDue(db)
  expect((await reread(db, schedule)).errorMessage).toContain('updates.variants')
})

it('a release of them is applied as one revision, or fails as a whole and says which', async () => {
  const [a, b] = [await newFlag(db), await newFlag(db)]
  const [ofA, ofB] = [await newStrategy(a), await newStrategy(b)]
  const make = (due: number, percentage: number) =>
    asAlice(db, (tx) =>
      createRelease(
        tx,
        {
          scheduledAt: inMs(due),
          changes: [
            { ...a, updates: { variants: VARIANTS, ...share(ofA, percentage) } },
            { ...b, updates: share(ofB, percentage) },
          ],
        },
        a.environment,
      ),
    )
  const first = await make(-900, 20)
  await sweepDue(db)
  const { status, appliedRevision } = await getRelease(db, first.id)
  expect(status).toBe('applied')
  for (const flag of [a, b]) expect((await getFlag(db, flag)).revision).toBe(appliedRevision)
  expect([await rolloutOf(a, ofA), await rolloutOf(b, ofB)]).toEqual(['20', '20'])
  const second = await make(-800, 30)
  await asAlice(db, (tx) => removeStrategy(tx, { ...b, strategyId: ofB }, { door: 'strategy' }))
  await sweepDue(db)
  const failed = await getRelease(db, second.id)
  expect(failed.status).toBe('failed')
  expect(failed.errorMessage).toMatch(new RegExp(`^Flag "${b.flagKey}" \\(production\\): .*${ofB}`))
  expect(await rolloutOf(a, ofA)).toBe('20')
})

it('what could not be done now is refused when it is asked for, by every door, naming the field', async () => {
  const flag = await newFlag(db)
  const id = await newStrategy(flag)
  const pending = await newSchedule(db, flag, HOUR)
  const scheduledAt = inMs(HOUR)
  const rule = { cron: '0 9 * * *', timeZone: 'UTC', gap: 'shift', overlap: 'first' } as const
  const recurring = { recurrence: rule, updates: { enabled: true }, catchUp: 'latest' } as const
  const { id: recurrenceId } = await asAlice(db, (tx) => createRecurrence(tx, flag, recurring))
  const wrong: [ScheduleUpdates, string, string][] = [
    [share(NOWHERE, 5), 'unknown-strategy', 'strategies.0.id'],
    [share(id, 500), 'validation-failed', 'strategies.0.parameters.rollout'],
    [{ strategies: [{ id, segments: ['nowhere'] }] }, 'unknown-segment', 'strategies.0.segments'],
    [{ variants: [{ ...VARIANTS[0], name: 'disabled' } as never] }, 'validation-failed', 'variants.0.name'],
  ]
  for (const [updates, code, field] of wrong) {
    const refused = { code, fields: [{ field: `updates.${field}` }] }
    const doors: Parameters<typeof asAlice>[1][] = [
      (tx) => createSchedule(tx, flag, { scheduledAt, updates }),
      (tx) => editSchedule(tx, { scheduleId: pending.id }, { updates }),
      (tx) => createRecurrence(tx, flag, { ...recurring, updates }),
      (tx) => editRecurrence(tx, { ...flag, recurrenceId }, { updates }),
    ]
    for (const door of doors) await expect(asAlice(db, door)).rejects.toMatchObject(refused)
    const release = asAlice(db, (tx) =>
      createRelease(tx, { scheduledAt, changes: [{ ...flag, updates }] }, flag.environment),
    )
    await expect(release).rejects.toMatchObject({ code, fields: [{ field: `changes.0.updates.${field}` }] })
    const items = [{ ...flag, scheduledAt, updates }]
    const [result] = await asAlice(db, (tx) => createSchedules(tx, { mode: 'each', items }))
    expect(result).toMatchObject({ problem: { code, fields: [{ field: `items.0.updates.${field}` }] } })
  }
})

it('conflicts and what a retry would undo are seen field by field', async () => {
  const flag = await newFlag(db)
  const [a, b] = [await newStrategy(flag), await newStrategy(flag)]
  const scheduledAt = inMs(HOUR)
  const make = (updates: ScheduleUpdates) =>
    asAlice(db, (tx) => createSchedule(tx, flag, { scheduledAt, updates }, { conflicts: 'refuse' }))
  await make(share(a, 20))
  await make({ strategies: [{ id: a, disabled: true }, ...(share(b, 30).strategies ?? [])] })
  await expect(make(share(a, 25))).rejects.toMatchObject({
    code: 'schedule-conflict',
    message: expect.stringContaining('"rollout":"20"'),
    members: { field: `strategies.${a}.parameters` },
  })

  const failing = async (dueInMs: number, updates: ScheduleUpdates): Promise<FlagSchedule> => {
    const made = await newSchedule(db, flag, dueInMs, updates)
    await one(db, `UPDATE feature_flag_schedules SET status = 'failed', error_message = 'x' WHERE id = $1`, [made.id])
    return made
  }
  const mine = await failing(-1_000, share(a, 5))
  await newSchedule(db, flag, -900, { strategies: [{ id: a, title: 'x' }, ...(share(b, 35).strategies ?? [])] })
  await sweepDue(db)
  const retry = (schedule: FlagSchedule) => asAlice(db, (tx) => retrySchedule(tx, { scheduleId: schedule.id }))
  const again = await failing(-850, { strategies: [{ id: b, disabled: true }] })
  await newSchedule(db, flag, -800, { strategies: [{ id: b, disabled: false }] })
  await sweepDue(db)
  await expect(retry(again)).rejects.toMatchObject({
    code: 'schedule-superseded',
    members: { field: `strategies.${b}.disabled` },
  })
  expect((await retry(mine)).status).toBe('pending')
})

it('one that is to be tried again gives way to another that sets the same of the same strategy only', async () => {
  const scene = async (rival: (a: string, b: string) => ScheduleUpdates) => {
    const flag = await newFlag(db)
    const [a, b] = [await newStrategy(flag), await newStrategy(flag)]
    const broken = await newSchedule(db, flag, -900, { ...share(a, 50), enabled: true })
    await one(
      db,
      `UPDATE feature_flag_schedules SET updates = jsonb_set(updates, '{rolloutPercentage}', '101') WHERE id = $1`,
      [broken.id],
    )
    await newSchedule(db, flag, -800, rival(a, b))
    await sweepDue(db, { retries: 1 })
    return (await reread(db, broken)).status
  }
  expect(await scene((_, b) => share(b, 60))).toBe('pending')
  expect(await scene((a) => ({ strategies: [{ id: a, title: 'x' }] }))).toBe('pending')
  expect(await scene((a) => share(a, 60))).toBe('failed')
})

it('costs a sweep without any of it no statement', async () => {
  const flag = await newFlag(db)
  await newSchedule(db, flag, -100)
  const client = await db.pool.connect()
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const texts: string[] = []
  Object.assign(client, {
    query: (...args: [string | { text: string }]) => {
      texts.push(typeof args[0] === 'string' ? args[0] : args[0].text)
      return query(...args)
    },
  })
  client.release()
  await sweepDue(db)
  Object.assign(client, { query })
  expect(texts.map((text) => text.trim().split(/\s/)[0])).toEqual([
    'BEGIN',
    'SELECT',
    'SELECT',
    'WITH',
    'WITH',
    'COMMIT',
  ])
})
