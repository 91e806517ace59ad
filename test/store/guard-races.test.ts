import { describe, expect, it, onTestFinished } from 'vitest'
import { createSchedule } from '../../store/flag-schedules.ts'
import { createFlag } from '../../store/flags.ts'
import { createFreeze, editFreeze } from '../../store/freezes.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { newFlag } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase(), { connections: 20 })

const updates = { enabled: true }
const at = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()
const flagNamed = (key: string) => ({ key, description: '', enabled: false, rolloutPercentage: 100 })

/** A transaction that has done its work, and commits when it is told to. */
async function held<T>(work: (tx: Parameters<Parameters<typeof asAlice>[1]>[0]) => Promise<T>) {
  const done = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  onTestFinished(() => gate.resolve())
  const result = asAlice(db, async (tx) => {
    const made = await work(tx)
    done.resolve()
    await gate.promise
    return made
  })
  await Promise.race([done.promise, result])
  return { result, commit: gate.resolve }
}

const waiting = async () =>
  (
    await one<{ n: number }>(
      db,
      `SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
  ).n

let environments = 0
const scene = () => {
  const environment = `race-${++environments}`
  return { environment, freeze: { environment, from: at(1), to: at(2), reason: 'peak', mode: 'defer' as const } }
}

describe('a freeze that is made', () => {
  it('waits for a flag that is being made with its schedule, and puts that off', async () => {
    const { environment, freeze } = scene()
    const making = await held(async (tx) => {
      await createFlag(tx, environment, flagNamed('new'))
      return await createSchedule(tx, { environment, flagKey: 'new' }, { scheduledAt: at(1.5), updates })
    })
    const freezing = asAlice(db, (tx) => createFreeze(tx, freeze))
    await expect.poll(waiting).toBe(1)
    making.commit()
    const { id } = await making.result
    expect((await freezing).affected.schedules).toMatchObject([{ id, scheduledAt: freeze.to }])
  })

  it('waits for a schedule on a flag that was made after it began', async () => {
    const { environment, freeze } = scene()
    const other = await held((tx) => tx.query('SELECT 1 FROM configuration_revision FOR NO KEY UPDATE'))
    const freezing = asAlice(db, (tx) => createFreeze(tx, freeze))
    await expect.poll(waiting).toBe(1)
    await one(db, `INSERT INTO feature_flags (environment, key, revision) VALUES ($1, 'late', 0)`, [environment])
    const scheduling = await held((tx) =>
      createSchedule(tx, { environment, flagKey: 'late' }, { scheduledAt: at(1.5), updates }),
    )
    other.commit()
    await other.result
    await expect.poll(waiting).toBe(1)
    scheduling.commit()
    const { id } = await scheduling.result
    expect((await freezing).affected.schedules).toMatchObject([{ id, scheduledAt: freeze.to }])
  })

  it.each(['made', 'made longer'])('hinders nobody else while it waits for a flag (%s)', async (what) => {
    const { environment, freeze } = scene()
    await asAlice(db, (tx) => createFlag(tx, environment, flagNamed('held')))
    const { id } = await asAlice(db, (tx) => createFreeze(tx, { ...freeze, from: at(3), to: at(4) }))
    const scheduling = await held((tx) =>
      createSchedule(tx, { environment, flagKey: 'held' }, { scheduledAt: at(4.5), updates }),
    )
    const freezing = asAlice(db, (tx) =>
      what === 'made' ? createFreeze(tx, { ...freeze, from: at(4.2), to: at(5) }) : editFreeze(tx, id, { to: at(5) }),
    )
    await expect.poll(waiting).toBe(1)
    // What every other change of the configuration needs.
    await one(db, 'SELECT 1 FROM configuration_revision FOR NO KEY UPDATE NOWAIT')
    scheduling.commit()
    await scheduling.result
    expect((await freezing).affected.count).toBe(1)
  })
})

it('of two freezes over an instant, the one that refuses holds', async () => {
  const { environment, freeze } = scene()
  await asAlice(db, (tx) => createFlag(tx, environment, flagNamed('a')))
  await asAlice(db, (tx) => createFreeze(tx, { ...freeze, to: at(4) }))
  await asAlice(db, (tx) => createFreeze(tx, { ...freeze, from: at(1.2), mode: 'refuse' }))
  const schedule = () =>
    asAlice(db, (tx) => createSchedule(tx, { environment, flagKey: 'a' }, { scheduledAt: at(1.5), updates }))
  await expect(schedule()).rejects.toMatchObject({ code: 'frozen' })
})

it('the limit of a flag holds for schedules that are made at once', async () => {
  const address = await newFlag(db)
  const make = () =>
    asAlice(db, (tx) => createSchedule(tx, address, { scheduledAt: at(1), updates }, { maxPendingPerFlag: 3 }))
  const made = await Promise.allSettled(Array.from({ length: 12 }, make))
  expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
  const refused = made.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
  expect(new Set(refused)).toEqual(new Set(['too-many-schedules']))
})
