import { afterEach, describe, expect, it } from 'vitest'
import { createRelease, getRelease } from '../../store/flag-releases.ts'
import { createSchedule, editSchedule, listSchedules } from '../../store/flag-schedules.ts'
import { createFlag } from '../../store/flags.ts'
import { createFreeze } from '../../store/freezes.ts'
import { asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { membersOf, newFlags, newRelease, percent, sweepAll, waiting } from '../helpers/releases.ts'
import { type Address, inMs } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())
const HOUR = 3_600_000

afterEach(() => sweepAll(db))

describe('guards', () => {
  const scene = async () => {
    const environments = [crypto.randomUUID(), crypto.randomUUID()] as const
    const addresses = environments.map((environment) => ({ environment, flagKey: 'f' })) as [Address, Address]
    for (const environment of environments)
      await asAlice(db, (tx) =>
        createFlag(tx, environment, { key: 'f', description: '', enabled: false, rolloutPercentage: 100 }),
      )
    const freeze = (nth: 0 | 1, mode: 'refuse' | 'defer', from: number, to: number) =>
      asAlice(db, (tx) =>
        createFreeze(tx, { environment: environments[nth], mode, reason: 'peak', from: at(from), to: at(to) }),
      )
    const start = Date.now()
    const at = (hours: number) => new Date(start + hours * HOUR).toISOString()
    return { addresses, freeze, at }
  }

  it('refuse a release into a freeze, naming the flag, or put it off to where all its environments are free', async () => {
    const { addresses, freeze, at } = await scene()
    await freeze(0, 'defer', 1, 3)
    await freeze(1, 'refuse', 3, 4)
    await freeze(1, 'refuse', 10, 11)
    expect(await newRelease(db, addresses, at(2))).toMatchObject({ scheduledAt: at(4), deferredFrom: at(2) })
    await expect(newRelease(db, addresses, at(10))).rejects.toMatchObject({
      code: 'frozen',
      members: { environment: addresses[1].environment, flagKey: 'f' },
    })
    await expect(newRelease(db, addresses, at(10), {}, { overrideFreeze: true })).rejects.toMatchObject({
      code: 'validation-failed',
    })
  })

  it('count a release towards the limit, and see conflicts of its changes', async () => {
    const [a, b] = (await newFlags(db, 2)) as [Address, Address]
    const due = inMs(HOUR)
    await newRelease(db, [a, b], due)
    await expect(newRelease(db, [a, b], HOUR * 2, {}, { maxPendingPerFlag: 1 })).rejects.toMatchObject({
      code: 'too-many-schedules',
      fields: [{ field: 'changes.0.flagKey' }],
    })
    const contrary = (conflicts: 'warn' | 'refuse') => newRelease(db, [b], due, { enabled: false }, { conflicts })
    await expect(contrary('refuse')).rejects.toMatchObject({
      code: 'schedule-conflict',
      fields: [{ field: 'changes.0.updates.enabled' }],
    })
    expect((await contrary('warn')).warnings).toMatchObject([{ field: 'enabled', flagKey: b.flagKey }])
  })

  it.each([
    ['in the order that was asked for', false, 5, [0, 1, 2, 3, 5]],
    ['to where its other environment is free as well', true, 6, [0, 3, 5, 1, 2]],
  ])('move a pending release as a whole when a freeze comes, %s', async (_, otherFrozen, free, values) => {
    const { addresses, freeze, at } = await scene()
    const [a, b] = addresses
    const plain = (hours: number, value: number) =>
      asAlice(db, (tx) => createSchedule(tx, a, { scheduledAt: at(hours), updates: percent(value) }))
    await plain(5, 5)
    await plain(2.5, 3)
    const second = await newRelease(db, [b, a], at(2.2), percent(2))
    const first = await newRelease(db, addresses, at(2), percent(1))
    await plain(1.5, 0)
    if (otherFrozen) await freeze(1, 'refuse', 5, 6)
    const { affected } = await freeze(0, 'defer', 1, 5)
    expect(affected.count).toBe(6)
    for (const release of [first, second])
      expect((await membersOf(db, release)).map(({ due }) => due.toISOString())).toEqual([at(free), at(free)])
    expect(await getRelease(db, first.id)).toMatchObject({ scheduledAt: at(free), deferredFrom: at(2), version: 2 })
    const valuesOf = async (address: Address) =>
      (await listSchedules(db, { ...address, limit: 10 })).items.map(({ updates }) => updates.rolloutPercentage)
    expect(await valuesOf(b)).toEqual([1, 2])
    expect(await valuesOf(a)).toEqual(values)
  })

  it('move a release that was made while the freeze waited for its flag only under the locks of all its flags', async () => {
    const { addresses, freeze, at } = await scene()
    const [a, b] = addresses
    const plain = await asAlice(db, (tx) => createSchedule(tx, b, { scheduledAt: at(9), updates: percent(9) }))
    let freezing: Promise<unknown> | undefined
    let moving: Promise<unknown> | undefined
    let frozeBehind = false
    const release = await asAlice(db, async (tx) => {
      const changes = addresses.map((address) => ({ ...address, updates: percent(1) }))
      const made = await createRelease(tx, { scheduledAt: at(2), changes }, a.environment)
      freezing = freeze(0, 'defer', 1, 5)
      await waiting(db, 1)
      // Behind this transaction as well, on the other flag; it is not committed before the freeze has come to that flag, unless
      // Postgres let the freeze go first.
      moving = asAlice(db, async (other) => {
        await editSchedule(other, { scheduleId: plain.id }, { scheduledAt: at(5) })
        const [behind, before] = [waiting(db, 1).then(() => true), (freezing as Promise<unknown>).then(() => false)]
        behind.catch(() => {})
        frozeBehind = await Promise.race([behind, before])
      })
      await waiting(db, 2)
      return made
    })
    await Promise.all([freezing, moving])
    expect(await getRelease(db, release.id)).toMatchObject({ scheduledAt: at(5), deferredFrom: at(2) })
    if (!frozeBehind) return
    // At one instant, what was asked for earlier comes first.
    const { items } = await listSchedules(db, { ...b, limit: 10 })
    expect(items.map(({ scheduledAt, updates }) => [scheduledAt, updates.rolloutPercentage])).toEqual([
      [at(5), 1],
      [at(5), 9],
    ])
  })
})
