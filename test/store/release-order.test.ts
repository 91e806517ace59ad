import { afterEach, describe, expect, it } from 'vitest'
import type { FlagRelease } from '../../domain/flag-release.ts'
import { cancelRelease, editRelease, getRelease } from '../../store/flag-releases.ts'
import { createSchedule, listSchedules } from '../../store/flag-schedules.ts'
import { getFlag } from '../../store/flags.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { hold, newFlags, newRelease, percent, sweepAll, waiting } from '../helpers/releases.ts'
import { type Address, inMs, newSchedule, reread } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())
const HOUR = 3_600_000

afterEach(() => sweepAll(db))

describe('order', () => {
  it('holds among plain schedules and releases that overlap, whoever is swept first', async () => {
    const [a, b, c] = (await newFlags(db, 3)) as [Address, Address, Address]
    const start = Date.now()
    const at = (ms: number) => new Date(start + ms).toISOString()
    const plain = (address: Address, ms: number, value: number) =>
      asAlice(db, (tx) => createSchedule(tx, address, { scheduledAt: at(ms), updates: percent(value) }))
    const release = await newRelease(db, [a, b], at(-4_000), percent(40))
    const behind = await plain(a, -3_500, 50)
    const ahead = await plain(b, -4_500, 30)
    const overlapping = await newRelease(db, [b, c], at(-3_000), percent(60))
    const last = await plain(c, -2_000, 70)
    const outcomes = await sweepAll(db)
    const order = outcomes.map(({ scheduleId }) => scheduleId)
    const turn = (id: string) => order.indexOf(id)
    const [first, second] = [release, overlapping].map(({ changes }) =>
      changes.map(({ scheduleId }) => turn(scheduleId)),
    )
    expect(order).toHaveLength(7)
    expect(turn(ahead.id)).toBeLessThan(Math.min(...(first as number[])))
    expect(turn(behind.id)).toBeGreaterThan(Math.max(...(first as number[])))
    expect(Math.min(...(second as number[]))).toBeGreaterThan(Math.max(...(first as number[])))
    expect(turn(last.id)).toBeGreaterThan(Math.max(...(second as number[])))
    const shown = await Promise.all([a, b, c].map(async (flag) => (await getFlag(db, flag)).rolloutPercentage))
    expect(shown).toEqual([50, 60, 70])
  })

  it('lets nothing pass a release one of whose flags is held; when the lock goes, it is applied at once', async () => {
    const [a, b, c] = (await newFlags(db, 3)) as [Address, Address, Address]
    const release = await newRelease(db, [a, b], -30_000, percent(40))
    const later = await newRelease(db, [b, c], -20_000, percent(60))
    const behind = await newSchedule(db, b, -10_000, percent(70))
    const behindLater = await newSchedule(db, c, -5_000, percent(80))
    const release_ = await hold(db, a)
    const swept = await sweepDue(db)
    expect(swept.outcomes).toEqual([])
    expect(new Set(swept.held).size).toBe(3)
    expect((await sweepDue(db, { without: swept.held })).more).toBe(false)
    const { id: flagId } = await getFlag(db, c)
    // The one behind, on a flag that nobody holds, waits for the flag of the release that goes first.
    const sweeping = sweepDue(db, { flagId })
    await waiting(db, 1)
    await release_()
    const order = (await sweeping).outcomes.map(({ scheduleId }) => scheduleId)
    expect(order).toEqual([...release.changes, ...later.changes].map(({ scheduleId }) => scheduleId))
    await sweepAll(db)
    for (const schedule of [behind, behindLater]) expect((await reread(db, schedule)).status).toBe('applied')
  })

  it('sees what was committed while it waited for a flag, and applies it first', async () => {
    const [a, b] = (await newFlags(db, 2)) as [Address, Address]
    const release = await newRelease(db, [a, b], -10_000, percent(40))
    const { id: flagId } = await getFlag(db, b)
    let sweeping: Promise<unknown> | undefined
    const earlier = await asAlice(db, async (tx) => {
      const made = await createSchedule(tx, a, { scheduledAt: inMs(-20_000), updates: percent(30) })
      sweeping = sweepDue(db, { flagId })
      await waiting(db, 1)
      return made
    })
    await sweeping
    await sweepAll(db)
    const { appliedRevision } = await getRelease(db, release.id)
    expect((await reread(db, earlier)).appliedRevision).toBeLessThan(appliedRevision as number)
    expect((await getFlag(db, a)).rolloutPercentage).toBe(40)
  })

  it('refuses a release that would come before what was applied to one of its flags, naming it', async () => {
    const [a, b] = (await newFlags(db, 2)) as [Address, Address]
    await newSchedule(db, b, -1_000)
    await sweepAll(db)
    await expect(newRelease(db, [a, b], -2_000)).rejects.toMatchObject({
      code: 'schedule-out-of-order',
      fields: [{ field: 'scheduledAt' }],
      members: { flagKey: b.flagKey },
    })
    expect((await listSchedules(db, { ...a, limit: 10 })).items).toEqual([])
    const release = await newRelease(db, [a, b], HOUR)
    await expect(asAlice(db, (tx) => editRelease(tx, release.id, { scheduledAt: inMs(-2_000) }))).rejects.toMatchObject(
      { code: 'schedule-out-of-order' },
    )
  })
})

describe('rows that were changed by hand', () => {
  it('make nothing early, and a release of which one schedule was moved fails at once', async () => {
    const [a, b] = (await newFlags(db, 2)) as [Address, Address]
    const ahead = await newSchedule(db, b, HOUR / 2, percent(5))
    const release = await newRelease(db, [a, b], -10_000, percent(40))
    await one(db, `UPDATE feature_flag_schedules SET scheduled_at = scheduled_at + interval '1 hour' WHERE id = $1`, [
      release.changes[1]?.scheduleId,
    ])
    await sweepAll(db)
    expect((await getRelease(db, release.id)).errorMessage).toContain('Its schedule was moved alone')
    expect((await reread(db, ahead)).status).toBe('pending')
  })

  it('cannot send the sweep round in a circle: releases that come before each other are left alone, the rest is applied', async () => {
    const [a, b, c] = (await newFlags(db, 3)) as [Address, Address, Address]
    const due = inMs(-10_000)
    const releases = [await newRelease(db, [a, b], due, percent(40)), await newRelease(db, [a, b], due, percent(60))]
    const other = await newSchedule(db, c, -5_000)
    // On its second flag, the first comes behind the other.
    await one(db, 'UPDATE feature_flag_schedules SET sequence = DEFAULT WHERE id = $1', [
      releases[0]?.changes[1]?.scheduleId,
    ])
    const { stuck, held } = await sweepDue(db)
    expect(stuck[0]?.error.message).toContain('come before each other')
    expect(new Set(held).size).toBe(2)
    await sweepDue(db, { without: held })
    expect((await reread(db, other)).status).toBe('applied')
    for (const { id } of releases) expect((await getRelease(db, id)).status).toBe('pending')
    await asAlice(db, (tx) => cancelRelease(tx, (releases[0] as FlagRelease).id))
    await sweepAll(db)
    expect((await getRelease(db, (releases[1] as FlagRelease).id)).status).toBe('applied')
  })
})
