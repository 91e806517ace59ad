import { describe, expect, it } from 'vitest'
import { NewRecurrence } from '../../domain/flag-recurrence.ts'
import { FORESEEN } from '../../store/expected-occurrences.ts'
import { createSchedule } from '../../store/flag-schedules.ts'
import { readFlagState } from '../../store/flag-state.ts'
import { createFlag } from '../../store/flags.ts'
import { createFreeze } from '../../store/freezes.ts'
import { createRecurrence, pauseRecurrence, skipOccurrence } from '../../store/recurrences.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { type Address, newFlag } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())

const HOUR = 3_600_000
const DAY = 24 * HOUR
// Twelve hours from now: no test runs across it.
const noon = Math.floor((Date.now() + 12 * HOUR) / 60_000) * 60_000
const cronAt = (at: number) => `${new Date(at).getUTCMinutes()} ${new Date(at).getUTCHours()} * * *`
const iso = (at: number) => new Date(at).toISOString()

/** What it does recurs daily at `noon`, unless told otherwise. */
async function recur(address: Address, updates: object, rule: object = {}) {
  const recurrence = { cron: cronAt(noon), timeZone: 'UTC', ...rule }
  const asked = NewRecurrence.parse({ recurrence, updates })
  return await asAlice(db, (tx) => createRecurrence(tx, address, asked))
}
const stateAt = (address: Address, at: number) => readFlagState(db, address, new Date(at))

describe('the state of a flag in the future', () => {
  it('counts in the occurrences that are not made yet, and says so', async () => {
    const address = await newFlag(db)
    const on = await recur(address, { enabled: true })
    const off = await recur(address, { enabled: false }, { cron: cronAt(noon + HOUR) })
    expect(await stateAt(address, noon)).toMatchObject({
      certain: false,
      expected: { occurrences: 0, limit: FORESEEN, until: iso(noon) },
      state: { enabled: true },
      reasons: {
        enabled: { type: 'schedule-pending', scheduleId: on.pendingScheduleId, recurrenceId: on.id, at: iso(noon) },
      },
    })
    const expected = { type: 'occurrence-expected', eventId: null, scheduleId: null, by: 'alice' }
    for (const [at, recurrence, occurrences] of [
      [noon + 3 * DAY, on, 5],
      [noon + 3 * DAY + HOUR, off, 6],
    ] as const) {
      expect(await stateAt(address, at)).toMatchObject({
        expected: { occurrences, until: iso(at) },
        state: { enabled: recurrence === on },
        reasons: { enabled: { ...expected, recurrenceId: recurrence.id, at: iso(at) } },
      })
    }
    expect(await stateAt(address, noon + 3 * DAY - 1)).toMatchObject({ state: { enabled: false } })
    const past = await stateAt(address, Date.now() - 1)
    expect(past).toMatchObject({ certain: true, expected: null })
  })

  it('follows the wall clock through a change of clocks, and the policy for what it jumps over', async () => {
    const change = nextSpringChange()
    for (const gap of ['shift', 'skip'] as const) {
      const address = await newFlag(db)
      await recur(address, { rolloutPercentage: 25 }, { cron: '30 2 * * *', timeZone: 'Europe/Berlin', gap })
      await recur(address, { rolloutPercentage: 75 }, { cron: '0 12 * * *', timeZone: 'Europe/Berlin' })
      const at = async (instant: number) => (await stateAt(address, instant)).state.rolloutPercentage
      // 02:30 is at 01:30Z in winter, at 00:30Z in summer; on the day between, it is jumped over.
      expect(await at(change - DAY + HOUR / 2 - 1)).toBe(75)
      expect(await at(change - DAY + HOUR / 2)).toBe(25)
      expect(await at(change + HOUR / 2)).toBe(gap === 'shift' ? 25 : 75)
      expect(await at(change + DAY - HOUR / 2 - 1)).toBe(75)
      expect(await at(change + DAY - HOUR / 2)).toBe(25)
    }
  })

  it('ends where the recurrence ends: by count, until, pause and skip', async () => {
    const reason = async (address: Address) => (await stateAt(address, noon + 20 * DAY)).reasons.enabled
    const [counted, limited, paused, skipped] = [
      await newFlag(db),
      await newFlag(db),
      await newFlag(db),
      await newFlag(db),
    ]
    await recur(counted, { enabled: true }, { count: 3 })
    await asAlice(db, (tx) =>
      createSchedule(tx, counted, { scheduledAt: iso(noon + 2 * DAY - 1), updates: { enabled: false } }),
    )
    expect(await reason(counted)).toMatchObject({ at: iso(noon + 2 * DAY), type: 'occurrence-expected' })
    expect((await stateAt(counted, noon + 20 * DAY)).expected).toMatchObject({ occurrences: 2 })
    await recur(limited, { enabled: true }, { until: iso(noon + 4 * DAY) })
    expect((await stateAt(limited, noon + 20 * DAY)).expected).toMatchObject({ occurrences: 4 })
    const { id } = await recur(paused, { enabled: true })
    await asAlice(db, (tx) => pauseRecurrence(tx, { ...paused, recurrenceId: id }))
    expect(await stateAt(paused, noon + 20 * DAY)).toMatchObject({
      expected: { occurrences: 0 },
      state: { enabled: false },
      reasons: { enabled: { type: 'flag-created' } },
    })
    const made = await recur(skipped, { enabled: true })
    await asAlice(db, (tx) => skipOccurrence(tx, { ...skipped, recurrenceId: made.id }))
    expect(await stateAt(skipped, noon + DAY - 1)).toMatchObject({ state: { enabled: false } })
    expect(await stateAt(skipped, noon + DAY)).toMatchObject({ state: { enabled: true } })
  })

  it('leaves out what a freeze refuses, and puts off what it defers, in the order in which it was asked to be due', async () => {
    for (const mode of ['refuse', 'defer'] as const) {
      const address = { environment: `frozen-${mode}`, flagKey: 'a' }
      const input = { key: address.flagKey, description: '', enabled: false, rolloutPercentage: 100 }
      await asAlice(db, (tx) => createFlag(tx, address.environment, input))
      await recur(address, { rolloutPercentage: 2 }, { cron: cronAt(noon + HOUR) })
      await recur(address, { rolloutPercentage: 1 })
      const [from, to] = [noon + 2 * DAY - HOUR, noon + 2 * DAY + 3 * HOUR]
      await asAlice(db, (tx) =>
        createFreeze(tx, { environment: address.environment, from: iso(from), to: iso(to), reason: 'peak', mode }),
      )
      const before = await stateAt(address, to - 1)
      expect(before).toMatchObject({
        expected: { occurrences: 2 },
        reasons: { rolloutPercentage: { at: iso(noon + DAY + HOUR) } },
      })
      const after = await stateAt(address, to)
      expect(after.state.rolloutPercentage).toBe(2)
      expect(after.reasons.rolloutPercentage.at).toBe(iso(mode === 'defer' ? to : noon + DAY + HOUR))
      expect(after.expected?.occurrences).toBe(mode === 'defer' ? 4 : 2)
      expect((await stateAt(address, noon + 3 * DAY)).state.rolloutPercentage).toBe(1)
      await asAlice(db, (tx) =>
        createSchedule(tx, address, { scheduledAt: iso(to), updates: { rolloutPercentage: 3 } }),
      )
      expect((await stateAt(address, to)).state.rolloutPercentage).toBe(3)
    }
  })

  it('says how far it looked where there are too many, and what the flag is by then', async () => {
    const address = await newFlag(db)
    const { pendingScheduleId } = await recur(address, { enabled: true }, { cron: '*/10 * * * *' })
    const { first } = await one<{ first: Date }>(
      db,
      'SELECT scheduled_at AS first FROM feature_flag_schedules WHERE id = $1',
      [pendingScheduleId],
    )
    const last = first.getTime() + FORESEEN * 600_000
    for (const [at, updates] of [
      [last - 1, { rolloutPercentage: 1 }],
      [last + 1, { rolloutPercentage: 2 }],
    ] as const)
      await asAlice(db, (tx) => createSchedule(tx, address, { scheduledAt: iso(at), updates }))
    expect(await stateAt(address, last + DAY)).toMatchObject({
      at: iso(last + DAY),
      expected: { occurrences: FORESEEN, limit: FORESEEN, until: iso(last) },
      state: { rolloutPercentage: 1 },
    })
    expect(await stateAt(address, last)).toMatchObject({ expected: { occurrences: FORESEEN, until: iso(last) } })
  })
})

/** When Europe's clocks next go forward, at least two days from now: at 01:00Z of the last Sunday of March. */
function nextSpringChange(): number {
  const year = new Date().getUTCFullYear()
  const changes = [year, year + 1].map((one) => {
    const last = new Date(Date.UTC(one, 2, 31, 1))
    return last.getTime() - last.getUTCDay() * DAY
  })
  return changes.find((change) => change > Date.now() + 2 * DAY) as number
}
