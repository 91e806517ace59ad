import { afterEach, describe, expect, it } from 'vitest'
import type { FlagRelease } from '../../domain/flag-release.ts'
import { archiveFlag } from '../../store/flag-archive.ts'
import { cancelRelease, editRelease, getRelease, listReleases } from '../../store/flag-releases.ts'
import { cancelSchedule, editSchedule } from '../../store/flag-schedules.ts'
import { getFlag } from '../../store/flags.ts'
import { sweepRelease } from '../../store/release-sweep.ts'
import { purgeSchedules } from '../../store/retention.ts'
import { cancelSchedules, shiftSchedules } from '../../store/schedule-bulk.ts'
import { retrySchedule } from '../../store/schedule-retry.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { hold, membersOf, newFlags, newRelease, percent, sweepAll, waiting } from '../helpers/releases.ts'
import { type Address, inMs, newSchedule, reread } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())
const HOUR = 3_600_000
const eventsOf = async ({ id }: FlagRelease) =>
  (
    await db.pool.query<{ type: string; revision: number | null }>(
      `SELECT type, revision FROM events WHERE data ->> 'releaseId' = $1 ORDER BY id`,
      [id],
    )
  ).rows

afterEach(() => sweepAll(db))

describe('a release', () => {
  it('is applied as one revision, which no plain schedule shares, with an event each and one of its own', async () => {
    const addresses = await newFlags(db, 3)
    const [first] = addresses as [Address]
    await newSchedule(db, first, -20_000, percent(7))
    const release = await newRelease(db, addresses, -10_000)
    expect(release).toMatchObject({ status: 'pending', version: 1, appliedRevision: null })
    expect(release.changes.map(({ flagKey }) => flagKey)).toEqual(addresses.map(({ flagKey }) => flagKey))
    const { revision } = await one<{ revision: number }>(db, 'SELECT revision FROM configuration_revision')
    await sweepAll(db)
    const applied = await getRelease(db, release.id)
    expect(applied).toMatchObject({ status: 'applied', appliedRevision: revision + 2, appliedAt: expect.any(String) })
    expect(await membersOf(db, release)).toMatchObject(Array(3).fill({ status: 'applied', revision: revision + 2 }))
    for (const address of addresses)
      expect(await getFlag(db, address)).toMatchObject({ enabled: true, revision: revision + 2 })
    expect((await eventsOf(release)).map(({ type }) => type).sort()).toEqual([
      'release-applied',
      'release-created',
      ...Array(3).fill('schedule-applied'),
      ...Array(3).fill('schedule-created'),
    ])
  })

  it('is not applied early, and not by a sweep of many that are due', async () => {
    const addresses = await newFlags(db, 2)
    const release = await newRelease(db, addresses, 30_000)
    await newSchedule(db, addresses[0] as Address, -10, percent(5))
    await sweepAll(db)
    expect((await getRelease(db, release.id)).status).toBe('pending')
  })

  it('fails as a whole when one of its changes cannot be made, and says which and why; neighbours are applied', async () => {
    const addresses = await newFlags(db, 3)
    const release = await newRelease(db, addresses, -10_000, percent(20))
    const [, bad] = addresses as [Address, Address]
    const neighbour = await newSchedule(db, bad, -5_000, { enabled: true })
    await one(db, `UPDATE feature_flag_schedules SET updates = '{"rolloutPercentage": 101}' WHERE id = $1`, [
      release.changes[1]?.scheduleId,
    ])
    const before = await one<{ failed: number }>(db, 'SELECT failed FROM schedule_totals')
    await sweepAll(db)
    const failed = await getRelease(db, release.id)
    expect(failed).toMatchObject({ status: 'failed', appliedRevision: null })
    expect(failed.errorMessage).toMatch(new RegExp(`^Flag "${bad.flagKey}" \\(production\\): .*check constraint`))
    expect(await membersOf(db, release)).toMatchObject(Array(3).fill({ status: 'failed', error: failed.errorMessage }))
    for (const address of addresses) expect((await getFlag(db, address)).rolloutPercentage).toBe(100)
    expect((await reread(db, neighbour)).status).toBe('applied')
    expect(await one(db, 'SELECT failed FROM schedule_totals')).toEqual({ failed: before.failed + 3 })
    expect((await eventsOf(release)).filter(({ type }) => type.endsWith('failed'))).toHaveLength(4)
    await expect(
      asAlice(db, (tx) => retrySchedule(tx, { scheduleId: release.changes[0]?.scheduleId as string })),
    ).rejects.toMatchObject({
      code: 'schedule-part-of-release',
      message: expect.stringContaining('Make a new release'),
      members: { releaseId: release.id },
    })
  })

  it('fails because of a deferred trigger, and of a flag archived or rows changed behind its back', async () => {
    await db.pool.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.rollout_percentage = 66 THEN RAISE EXCEPTION 'not today'; END IF; RETURN NEW; END $$;
      CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON feature_flags DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse()`)
    const releaseOf = async () => await newRelease(db, await newFlags(db, 2), -100, percent(50))
    const [trigger, archived, gone, alone] = [
      await newRelease(db, await newFlags(db, 2), -100, percent(66)),
      await releaseOf(),
      await releaseOf(),
      await releaseOf(),
    ]
    await one(db, 'UPDATE feature_flags SET archived_at = now() WHERE key = $1', [archived.changes[0]?.flagKey])
    await one(db, 'DELETE FROM feature_flags WHERE key = $1', [gone.changes[0]?.flagKey])
    await one(db, `UPDATE feature_flag_schedules SET scheduled_at = scheduled_at + interval '1 hour' WHERE id = $1`, [
      alone.changes[0]?.scheduleId,
    ])
    await sweepAll(db)
    const errorOf = async ({ id }: FlagRelease) => (await getRelease(db, id)).errorMessage
    expect(await errorOf(trigger)).toBe(`Flag "${trigger.changes[0]?.flagKey}" (production): not today`)
    expect(await errorOf(archived)).toBe(`Flag "${archived.changes[0]?.flagKey}" (production): The flag is archived`)
    expect(await errorOf(gone)).toBe('1 of its 2 schedules are gone')
    expect(await errorOf(alone)).toContain('Its schedule was moved alone')
    for (const { changes } of [trigger, archived, alone])
      expect((await getFlag(db, changes[1] as Address)).rolloutPercentage).toBe(100)
    await db.pool.query('DROP FUNCTION refuse() CASCADE')
  })

  it('stays pending in an outage, and where Postgres refuses for now, with what comes behind it', async () => {
    const addresses = await newFlags(db, 2)
    const [held, other] = addresses as [Address, Address]
    const release = await newRelease(db, addresses, -10_000)
    const behind = await newSchedule(db, other, -5_000, percent(5))
    for (const code of ['disk_full', 'insufficient_privilege']) {
      await db.pool.query(`
        CREATE OR REPLACE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END $$;
        CREATE TRIGGER refuse_one BEFORE UPDATE ON feature_flags FOR EACH ROW WHEN (OLD.key = '${held.flagKey}')
          EXECUTE FUNCTION refuse_one()`)
      if (code === 'disk_full') await expect(sweepDue(db)).rejects.toThrow('no')
      else {
        const { stuck, held: left } = await sweepDue(db)
        expect([stuck.length, left.length]).toEqual([2, 2])
      }
      expect((await getRelease(db, release.id)).status).toBe('pending')
      expect((await reread(db, behind)).status).toBe('pending')
      await db.pool.query('DROP TRIGGER refuse_one ON feature_flags')
    }
    await sweepAll(db)
    expect((await getRelease(db, release.id)).status).toBe('applied')
  })
})

describe('one schedule of a release', () => {
  it('is not moved, changed or cancelled alone, nor by a filter', async () => {
    const [a, b] = (await newFlags(db, 2)) as [Address, Address]
    const release = await newRelease(db, [a, b], HOUR)
    const plain = await newSchedule(db, a, HOUR)
    const scheduleId = release.changes[0]?.scheduleId as string
    const refused = { code: 'schedule-part-of-release', members: { releaseId: release.id } }
    const commands: Parameters<typeof asAlice>[1][] = [
      (tx) => editSchedule(tx, { scheduleId }, { scheduledAt: inMs(2 * HOUR) }),
      (tx) => editSchedule(tx, { scheduleId }, { comment: 'x' }),
      (tx) => cancelSchedule(tx, { scheduleId }),
    ]
    for (const command of commands) await expect(asAlice(db, command)).rejects.toMatchObject(refused)
    const filter = { flagKeys: [a.flagKey] }
    const bulk = {
      code: 'bulk-refused',
      members: { matched: 2, refused: 1, refusals: [{ scheduleId, code: 'schedule-part-of-release' }] },
    }
    await expect(asAlice(db, (tx) => cancelSchedules(tx, { filter, dryRun: false }))).rejects.toMatchObject(bulk)
    await expect(asAlice(db, (tx) => shiftSchedules(tx, { filter, byMs: 1, dryRun: false }))).rejects.toMatchObject(
      bulk,
    )
    const dry = { changed: 0, refused: 1, refusals: [{ scheduleId, code: 'schedule-part-of-release' }] }
    expect(await asAlice(db, (tx) => cancelSchedules(tx, { filter, dryRun: true }))).toMatchObject(dry)
    expect(await asAlice(db, (tx) => shiftSchedules(tx, { filter, byMs: 1, dryRun: true }))).toMatchObject(dry)
    await expect(asAlice(db, (tx) => archiveFlag(tx, b))).rejects.toMatchObject({
      code: 'flag-in-release',
      members: { releaseId: release.id },
    })
    for (const schedule of [plain, { ...a, ...release.changes[0], id: scheduleId }])
      expect(await reread(db, schedule as typeof plain)).toMatchObject({ status: 'pending', version: 1 })
    await asAlice(db, (tx) => cancelRelease(tx, release.id))
    await asAlice(db, (tx) => archiveFlag(tx, b))
  })
})

describe('a pending release', () => {
  it('moves with all its schedules and nudges; cancelled, it will never be applied', async () => {
    const release = await newRelease(db, await newFlags(db, 2), HOUR)
    const scheduledAt = inMs(2 * HOUR)
    const moved = await asAlice(db, (tx) => editRelease(tx, release.id, { scheduledAt, comment: 'later' }, 1))
    expect(moved).toMatchObject({ scheduledAt, comment: 'later', version: 2, status: 'pending' })
    expect((await membersOf(db, release)).map(({ due }) => due.toISOString())).toEqual([scheduledAt, scheduledAt])
    const { sent } = await one<{ sent: number }>(
      db,
      `SELECT count(*) AS sent FROM outbox WHERE payload ->> 'scheduleId' = ANY ($1)`,
      [release.changes.map(({ scheduleId }) => scheduleId)],
    )
    expect(sent).toBe(4)
    await expect(asAlice(db, (tx) => editRelease(tx, release.id, { comment: 'x' }, 1))).rejects.toMatchObject({
      code: 'revision-mismatch',
    })
    await asAlice(db, (tx) => cancelRelease(tx, release.id))
    await one(db, `UPDATE flag_releases SET scheduled_at = date_trunc('milliseconds', now()) WHERE id = $1`, [
      release.id,
    ])
    await sweepAll(db)
    expect((await membersOf(db, release)).map(({ status }) => status)).toEqual(['cancelled', 'cancelled'])
    await expect(asAlice(db, (tx) => cancelRelease(tx, release.id))).rejects.toMatchObject({
      code: 'release-cancelled',
    })
  })

  it.each(['cancelled', 'applied'] as const)(
    'is %s as a whole, by whoever comes first, when both wait for its flags',
    async (end) => {
      const addresses = await newFlags(db, 3)
      const release = await newRelease(db, addresses, -10_000)
      const giveBack = await hold(db, addresses[0] as Address)
      const cancel = () => asAlice(db, (tx) => cancelRelease(tx, release.id))
      const sweep = () => sweepRelease(db, release.id, { wait: true })
      const first = end === 'cancelled' ? cancel() : sweep()
      await waiting(db, 1)
      // The refusal is awaited below.
      const second = end === 'cancelled' ? sweep() : cancel()
      const settled = Promise.allSettled([first, second])
      await waiting(db, 2)
      expect((await getRelease(db, release.id)).status).toBe('pending')
      await giveBack()
      const [, late] = await settled
      expect(late.status).toBe(end === 'cancelled' ? 'fulfilled' : 'rejected')
      if (late.status === 'rejected') expect(late.reason).toMatchObject({ code: 'release-applied' })
      await sweepAll(db)
      expect((await getRelease(db, release.id)).status).toBe(end)
      expect(new Set((await membersOf(db, release)).map((member) => member.status))).toEqual(new Set([end]))
      const { failures } = await one<{ failures: number }>(
        db,
        `SELECT count(*) AS failures FROM events WHERE type = 'schedule-failed' AND data ->> 'releaseId' = $1`,
        [release.id],
      )
      expect(failures).toBe(0)
    },
  )

  it('is listed, by status, a page at a time', async () => {
    const made = [await newRelease(db, await newFlags(db, 1), HOUR), await newRelease(db, await newFlags(db, 1), HOUR)]
    const page = await listReleases(db, { status: 'pending', limit: 1 })
    expect(page.items.map(({ id }) => id)).toEqual([made[1]?.id])
    const next = await listReleases(db, { status: 'pending', limit: 1, cursor: page.next as string })
    expect(next.items.map(({ id }) => id)).toEqual([made[0]?.id])
  })
})

it('goes with the last of its schedules when their time is over', async () => {
  const release = await newRelease(db, await newFlags(db, 2), -100)
  const kept = await newRelease(db, await newFlags(db, 1), HOUR)
  await sweepAll(db)
  const purge = () => asAlice(db, (tx) => purgeSchedules(tx, { appliedDays: 90, cancelledDays: 30 }, 1_000))
  await purge()
  expect((await getRelease(db, release.id)).changes).toHaveLength(2)
  await one(
    db,
    `UPDATE feature_flag_schedules SET scheduled_at = scheduled_at - interval '91 days', applied_at = applied_at - interval '91 days'
     WHERE release_id = $1`,
    [release.id],
  )
  await purge()
  await expect(getRelease(db, release.id)).rejects.toMatchObject({ code: 'release-not-found' })
  expect((await getRelease(db, kept.id)).status).toBe('pending')
})
