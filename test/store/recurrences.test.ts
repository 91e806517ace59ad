import { describe, expect, it } from 'vitest'
import { NewRecurrence } from '../../domain/flag-recurrence.ts'
import type { FlagSchedule } from '../../domain/flag-schedule.ts'
import { BulkCancel } from '../../domain/schedule-bulk.ts'
import { archiveFlag } from '../../store/flag-archive.ts'
import { cancelSchedule, listSchedules } from '../../store/flag-schedules.ts'
import { getFlag } from '../../store/flags.ts'
import { createFreeze, deleteFreeze } from '../../store/freezes.ts'
import { makeMissingOccurrences } from '../../store/reconcile.ts'
import { editRecurrence } from '../../store/recurrence-edit.ts'
import {
  createRecurrence,
  deleteRecurrence,
  getRecurrence,
  pauseRecurrence,
  resumeRecurrence,
  skipOccurrence,
} from '../../store/recurrences.ts'
import { cancelSchedules } from '../../store/schedule-bulk.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { type Address, newFlag, newSchedule } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())

// Daily, twelve hours from now: no test runs across it.
const noon = new Date(Math.floor((Date.now() + 12 * 3_600_000) / 60_000) * 60_000)
const DAILY = { cron: `${noon.getUTCMinutes()} ${noon.getUTCHours()} * * *`, timeZone: 'UTC' }
/** The occurrence so many days after the next one. */
const day = (n: number) => new Date(noon.getTime() + n * 86_400_000).toISOString()

async function daily(more: object = {}, input: object = {}) {
  const address = await newFlag(db)
  const asked = NewRecurrence.parse({ recurrence: { ...DAILY, ...more }, updates: { enabled: true }, ...input })
  const { id } = await asAlice(db, (tx) => createRecurrence(tx, address, asked))
  return { ...address, recurrenceId: id }
}
type Made = Awaited<ReturnType<typeof daily>>

/** The pending occurrence was due so many days from the next one, and nobody looked since. */
async function lapse({ recurrenceId }: Made, n: number) {
  await one(db, `UPDATE feature_flag_schedules SET scheduled_at = $2 WHERE recurrence_id = $1 AND status = 'pending'`, [
    recurrenceId,
    day(n),
  ])
  await one(db, `UPDATE flag_schedule_recurrences SET through_at = $2, before_at = $3 WHERE id = $1`, [
    recurrenceId,
    day(n),
    day(n - 1),
  ])
}
const sweepAll = async () => {
  while ((await sweepDue(db)).outcomes.length > 0);
}
const rows = async (address: Address) => (await listSchedules(db, { ...address, limit: 100 })).items
const shown = async (address: Address) => (await rows(address)).map(({ scheduledAt, status }) => [scheduledAt, status])
const pending = async (address: Address) =>
  (await rows(address)).find(({ status }) => status === 'pending') as FlagSchedule
const read = (made: Made) => getRecurrence(db, made)
const lastEvent = (scheduleId: string) =>
  one(db, 'SELECT type, actor, data FROM events WHERE schedule_id = $1 ORDER BY id DESC LIMIT 1', [scheduleId])

describe('an occurrence', () => {
  it('is an ordinary schedule, and the next one is made in the transaction that applies it, with its nudge', async () => {
    const made = await daily({ count: 9 }, { comment: 'every day' })
    const first = await pending(made)
    expect(first).toMatchObject({ scheduledAt: day(0), recurrenceId: made.recurrenceId, comment: 'every day' })
    await lapse(made, -1)
    await sweepAll()
    expect(await shown(made)).toEqual([
      [day(-1), 'applied'],
      [day(0), 'pending'],
    ])
    expect(await getFlag(db, made)).toMatchObject({ enabled: true })
    const next = await pending(made)
    const written = `SELECT count(DISTINCT xmin::text) AS n FROM feature_flag_schedules WHERE recurrence_id = $1`
    expect(await one(db, written, [made.recurrenceId])).toEqual({ n: 1 })
    expect(await one(db, `SELECT count(*) AS n FROM outbox WHERE payload ->> 'scheduleId' = $1`, [next.id])).toEqual({
      n: 1,
    })
    expect(await lastEvent(next.id)).toMatchObject({ type: 'schedule-created', actor: 'interlock' })
    expect(await read(made)).toMatchObject({ made: 2, pendingScheduleId: next.id })
  })

  it('has exactly one after it, however many sweeps run at once', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => daily()))
    for (const each of made) await lapse(each, -1)
    await Promise.all(Array.from({ length: 8 }, () => sweepDue(db)))
    await sweepAll()
    for (const each of made) {
      expect(await shown(each)).toEqual([
        [day(-1), 'applied'],
        [day(0), 'pending'],
      ])
    }
  })

  it('that fails has one after it as well', async () => {
    const made = await daily()
    await lapse(made, -1)
    const { id } = await pending(made)
    await one(db, `UPDATE feature_flag_schedules SET updates = '{"rolloutPercentage": 1000}' WHERE id = $1`, [id])
    await sweepAll()
    expect(await shown(made)).toEqual([
      [day(-1), 'failed'],
      [day(0), 'pending'],
    ])
  })

  it('is the last one where the count or the end is reached', async () => {
    const counted = await daily({ count: 1 })
    const ending = await daily({ until: day(0) })
    await lapse(counted, -1)
    await lapse(ending, -1)
    await sweepAll()
    expect(await read(counted)).toMatchObject({ status: 'ended', made: 1, nextOccurrences: [] })
    expect(await read(ending)).toMatchObject({ status: 'active', nextOccurrences: [{ at: day(0) }] })
    await asAlice(db, (tx) => skipOccurrence(tx, ending))
    expect(await read(ending)).toMatchObject({ status: 'ended', nextOccurrences: [] })
    const never = NewRecurrence.parse({
      recurrence: { ...DAILY, until: new Date(Date.now() + 60_000).toISOString() },
      updates: { enabled: true },
    })
    const address = await newFlag(db)
    await expect(asAlice(db, (tx) => createRecurrence(tx, address, never))).rejects.toMatchObject({
      code: 'recurrence-empty',
      fields: [{ field: 'recurrence.until' }],
    })
  })

  it('that a worker of the version before applied is followed by the reconciler', async () => {
    const made = await daily()
    const { id } = await pending(made)
    await one(db, `UPDATE feature_flag_schedules SET status = 'cancelled' WHERE id = $1`, [id])
    expect(await makeMissingOccurrences(db)).toBe(1)
    expect((await pending(made)).scheduledAt).toBe(day(1))
    expect(await makeMissingOccurrences(db)).toBe(0)
  })

  it('is made by the reconciler also when the one before it cannot be', async () => {
    const all = [await daily(), await daily()] as const
    for (const made of all)
      await db.pool.query('DELETE FROM feature_flag_schedules WHERE recurrence_id = $1', [made.recurrenceId])
    await db.pool.query(`CREATE FUNCTION not_this_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
      CREATE TRIGGER not_this_one BEFORE INSERT ON feature_flag_schedules FOR EACH ROW
        WHEN (NEW.recurrence_id = '${all[0].recurrenceId}') EXECUTE FUNCTION not_this_one()`)
    expect(await makeMissingOccurrences(db)).toBe(2)
    await db.pool.query('DROP FUNCTION not_this_one CASCADE')
    expect(await makeMissingOccurrences(db)).toBe(1)
  })
})

describe('what was missed in an outage', () => {
  it.each([
    ['all', [-4, -3, -2, -1]],
    ['latest', [-4, -1]],
    ['none', [-4]],
  ] as const)('is made as the recurrence says: %s', async (catchUp, applied) => {
    const made = await daily({}, { catchUp })
    await lapse(made, -4)
    await sweepAll()
    expect(await shown(made)).toEqual([...applied.map((n) => [day(n), 'applied']), [day(0), 'pending']])
    const revisions = (await rows(made)).flatMap(({ appliedRevision }) => appliedRevision ?? [])
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b))
  })

  it('is left out where a later change of the flag was applied already', async () => {
    const made = await daily({}, { catchUp: 'all' })
    await lapse(made, -4)
    const other = await newSchedule(db, made, -10, { rolloutPercentage: 7 })
    await one(db, 'UPDATE feature_flag_schedules SET scheduled_at = $2 WHERE id = $1', [other.id, day(-2)])
    await sweepAll()
    // Due together, both are applied in order; day -3 and day -2 lie at or before what was applied.
    expect(await shown(made)).toEqual([
      [day(-4), 'applied'],
      [day(-2), 'applied'],
      [day(-1), 'applied'],
      [day(0), 'pending'],
    ])
  })
})

describe('in a freeze', () => {
  it.each([
    ['defer', [day(1), day(0)]],
    ['refuse', [day(2), null]],
  ] as const)(
    'that says %s, an occurrence is put off to its end or left out',
    async (mode, [scheduledAt, deferredFrom]) => {
      const frozen = { from: day(-0.1), to: mode === 'defer' ? day(1) : day(1.5), mode, reason: 'holidays' }
      const freeze = await asAlice(db, (tx) => createFreeze(tx, { ...frozen, environment: 'production' }))
      const made = await daily()
      await asAlice(db, (tx) => deleteFreeze(tx, freeze.id))
      expect(await pending(made)).toMatchObject({ scheduledAt, deferredFrom })
    },
  )
})

describe('a recurrence', () => {
  it.each([
    ['all', -2],
    ['latest', -1],
    ['none', 0],
  ] as const)('is paused, and resumed with %s of what it missed', async (catchUp, next) => {
    const made = await daily({}, { catchUp })
    const { id } = await pending(made)
    await asAlice(db, (tx) => pauseRecurrence(tx, made))
    expect(await read(made)).toMatchObject({ status: 'paused', made: 0, pendingScheduleId: null })
    expect(await lastEvent(id)).toMatchObject({ data: { why: 'its recurrence was paused' } })
    await expect(asAlice(db, (tx) => skipOccurrence(tx, made))).rejects.toMatchObject({ code: 'recurrence-paused' })
    await one(db, 'UPDATE flag_schedule_recurrences SET through_at = $2 WHERE id = $1', [made.recurrenceId, day(-3)])
    await asAlice(db, (tx) => resumeRecurrence(tx, made))
    expect((await pending(made)).scheduledAt).toBe(day(next))
    await sweepAll()
    expect((await pending(made)).scheduledAt).toBe(day(0))
  })

  it('that is resumed at once goes on with the occurrence that it was paused before', async () => {
    const made = await daily({ count: 2 })
    await asAlice(db, (tx) => pauseRecurrence(tx, made))
    await asAlice(db, (tx) => resumeRecurrence(tx, made))
    expect(await shown(made)).toEqual([
      [day(0), 'cancelled'],
      [day(0), 'pending'],
    ])
    expect(await read(made)).toMatchObject({ made: 1 })
  })

  it('loses one occurrence by a skip or by the cancel of its schedule', async () => {
    const made = await daily()
    const first = await pending(made)
    await asAlice(db, (tx) => skipOccurrence(tx, made))
    expect(await lastEvent(first.id)).toMatchObject({
      type: 'schedule-cancelled',
      actor: 'alice',
      data: { why: 'this occurrence was skipped' },
    })
    const second = await pending(made)
    await asAlice(db, (tx) => cancelSchedule(tx, { scheduleId: second.id }))
    expect(await shown(made)).toEqual([
      [day(0), 'cancelled'],
      [day(1), 'cancelled'],
      [day(2), 'pending'],
    ])
    const filter = { flagKeys: [made.flagKey], environment: made.environment }
    await asAlice(db, (tx) => cancelSchedules(tx, BulkCancel.parse({ filter })))
    expect((await pending(made)).scheduledAt).toBe(day(3))
    // What was skipped does not come back by an edit.
    await asAlice(db, (tx) => editRecurrence(tx, made, { recurrence: { gap: 'skip' } }))
    expect((await pending(made)).scheduledAt).toBe(day(3))
  })

  it('is edited from here on: its pending occurrence changes and moves with it', async () => {
    const made = await daily()
    const before = await pending(made)
    await asAlice(db, (tx) => editRecurrence(tx, made, { updates: { rolloutPercentage: 5 }, comment: 'less' }, 1))
    expect(await pending(made)).toMatchObject({
      id: before.id,
      scheduledAt: day(0),
      updates: { rolloutPercentage: 5 },
      comment: 'less',
      version: 2,
    })
    const hourLater = new Date(noon.getTime() + 3_600_000)
    const cron = `${hourLater.getUTCMinutes()} ${hourLater.getUTCHours()} * * *`
    await asAlice(db, (tx) => editRecurrence(tx, made, { recurrence: { cron } }))
    expect(await pending(made)).toMatchObject({ id: before.id, scheduledAt: hourLater.toISOString() })
    await expect(asAlice(db, (tx) => editRecurrence(tx, made, { comment: '' }, 1))).rejects.toMatchObject({
      code: 'revision-mismatch',
    })
    // A due one is applied with the updates of the edit, and so is every one after it.
    await lapse(made, -1)
    await asAlice(db, (tx) => editRecurrence(tx, made, { updates: { rolloutPercentage: 6 } }))
    await sweepAll()
    expect(await getFlag(db, made)).toMatchObject({ enabled: false, rolloutPercentage: 6 })
    expect(await pending(made)).toMatchObject({ updates: { rolloutPercentage: 6 } })
  })

  it('ends when an edit leaves no room for its pending occurrence', async () => {
    const made = await daily({ count: 3 })
    await asAlice(db, (tx) => skipOccurrence(tx, made))
    const { id } = await pending(made)
    const after = await asAlice(db, (tx) => editRecurrence(tx, made, { recurrence: { count: 1 } }))
    expect(after).toMatchObject({ status: 'ended', pendingScheduleId: null })
    expect(await lastEvent(id)).toMatchObject({ type: 'schedule-cancelled' })
  })

  it('ends, by DELETE or with its flag, and is refused everything then', async () => {
    const [deleted, archived] = [await daily(), await daily()]
    await asAlice(db, (tx) => deleteRecurrence(tx, deleted))
    await asAlice(db, (tx) => archiveFlag(tx, archived))
    for (const made of [deleted, archived]) {
      expect(await shown(made)).toEqual([[day(0), 'cancelled']])
      expect(await read(made)).toMatchObject({ status: 'ended', pendingScheduleId: null, nextOccurrences: [] })
      for (const change of [pauseRecurrence, resumeRecurrence, skipOccurrence, deleteRecurrence]) {
        await expect(asAlice(db, (tx) => change(tx, made))).rejects.toMatchObject({ code: 'recurrence-ended' })
      }
    }
  })
})
