import { expect, it } from 'vitest'
import type { BulkItem } from '../../domain/schedule-bulk.ts'
import { listSchedules } from '../../store/flag-schedules.ts'
import { createFlag } from '../../store/flags.ts'
import { createFreeze } from '../../store/freezes.ts'
import { createRecurrence } from '../../store/recurrences.ts'
import { cancelSchedules, createSchedules, shiftSchedules } from '../../store/schedule-bulk.ts'
import type { ScheduleGuards } from '../../store/schedule-guards.ts'
import { asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())
const HOUR = 3_600_000

/** A flag in an environment of its own, so that freezes meet nobody else. */
const newFlag = async () => {
  const address = { environment: `e-${crypto.randomUUID()}`, flagKey: 'flag' }
  const flag = { key: address.flagKey, description: '', enabled: false, rolloutPercentage: 100 }
  await asAlice(db, (tx) => createFlag(tx, address.environment, flag))
  return address
}
const each = (items: BulkItem[], guards?: ScheduleGuards) =>
  asAlice(db, (tx) => createSchedules(tx, { mode: 'each', items }, guards))
const freeze = (environment: string, mode: 'refuse' | 'defer', from: string, to: string) =>
  asAlice(db, (tx) => createFreeze(tx, { environment, from, to, reason: 'sales', mode }))
const percent = (rolloutPercentage: number) => ({ rolloutPercentage })

it('meets freezes as a single one does: refused with the others made, or put off in the order that was asked for', async () => {
  const address = await newFlag()
  const [from, to] = [inMs(HOUR), inMs(2 * HOUR)]
  await freeze(address.environment, 'refuse', from, to)
  const refused = await each([
    { ...address, scheduledAt: from, updates: percent(1) },
    { ...address, scheduledAt: to, updates: percent(2) },
  ])
  expect(refused).toMatchObject([
    { index: 0, problem: { code: 'frozen', fields: [{ field: 'items.0.scheduledAt' }] } },
    { index: 1, schedule: { scheduledAt: to, freezeId: null } },
  ])

  const other = await newFlag()
  await freeze(other.environment, 'defer', from, to)
  const [late, early] = [inMs(1.5 * HOUR), inMs(1.2 * HOUR)]
  const deferred = await each([
    { ...other, scheduledAt: late, updates: percent(1) },
    { ...other, scheduledAt: early, updates: percent(2) },
  ])
  expect(deferred).toMatchObject([
    { schedule: { scheduledAt: to, deferredFrom: late } },
    { schedule: { scheduledAt: to, deferredFrom: early } },
  ])
  const list = await listSchedules(db, { ...other, limit: 10 })
  expect(list.items.map(({ deferredFrom }) => deferredFrom)).toEqual([early, late])
})

it('shifts nothing into a freeze that refuses, and past one that defers', async () => {
  const [refusing, deferring] = [await newFlag(), await newFlag()]
  const scheduledAt = inMs(HOUR)
  const [from, to] = [inMs(2 * HOUR), inMs(4 * HOUR)]
  await each([refusing, deferring].map((address) => ({ ...address, scheduledAt, updates: percent(1) })))
  await freeze(refusing.environment, 'refuse', from, to)
  await freeze(deferring.environment, 'defer', from, to)
  const shift = (environment: string, dryRun: boolean) =>
    asAlice(db, (tx) => shiftSchedules(tx, { filter: { environment }, byMs: 2 * HOUR, dryRun }))
  expect(await shift(refusing.environment, true)).toMatchObject({ changed: 0, refusals: [{ code: 'frozen' }] })
  await expect(shift(refusing.environment, false)).rejects.toMatchObject({ code: 'bulk-refused' })
  const asked = new Date(Date.parse(scheduledAt) + 2 * HOUR).toISOString()
  for (const dryRun of [true, false]) {
    expect((await shift(deferring.environment, dryRun)).schedules).toMatchObject([
      { scheduledAt: to, deferredFrom: asked },
    ])
  }
})

it('counts its own items towards the limit of a flag, and sees conflicts among them', async () => {
  const address = await newFlag()
  const scheduledAt = inMs(HOUR)
  const items = [1, 2, 3].map((n) => ({ ...address, scheduledAt, updates: percent(n) }))
  expect(await each(items, { maxPendingPerFlag: 2 })).toMatchObject([
    { schedule: {} },
    { schedule: {} },
    { problem: { code: 'too-many-schedules', fields: [{ field: 'items.2.flagKey' }] } },
  ])
  const other = await newFlag()
  const rivals = items.slice(0, 2).map((item) => ({ ...item, ...other }))
  expect(await each(rivals, { conflicts: 'warn' })).toMatchObject([
    { schedule: {} },
    { schedule: { warnings: [{ code: 'schedule-conflict', field: 'rolloutPercentage' }] } },
  ])
})

it('does not take for a conflict what moves away in the same shift', async () => {
  const address = await newFlag()
  const first = inMs(HOUR)
  const second = new Date(Date.parse(first) + HOUR).toISOString()
  await each([first, second].map((scheduledAt, n) => ({ ...address, scheduledAt, updates: percent(n) })))
  const { environment } = address
  const shifted = await asAlice(db, (tx) =>
    shiftSchedules(tx, { filter: { environment }, byMs: HOUR, dryRun: false }, { conflicts: 'refuse' }),
  )
  expect(shifted.changed).toBe(2)
})

it('cancels one occurrence of a recurrence, and the next one is made', async () => {
  const address = await newFlag()
  await asAlice(db, (tx) =>
    createRecurrence(tx, address, {
      recurrence: { cron: '0 9 * * *', timeZone: 'Europe/Berlin', gap: 'shift', overlap: 'first' },
      updates: { enabled: true },
      catchUp: 'latest',
    }),
  )
  const pending = async () => (await listSchedules(db, { ...address, status: 'pending', limit: 10 })).items
  const [before] = await pending()
  const { environment } = address
  await asAlice(db, (tx) => cancelSchedules(tx, { filter: { environment }, dryRun: false }))
  const after = await pending()
  expect(after).toHaveLength(1)
  expect(Date.parse(after[0]?.scheduledAt as string)).toBeGreaterThan(Date.parse(before?.scheduledAt as string))
})
