import { afterEach, describe, expect, it } from 'vitest'
import { createSchedule } from '../../store/flag-schedules.ts'
import { getFlag } from '../../store/flags.ts'
import { readFigures } from '../../store/health.ts'
import { sweepDue as sweepDueOf } from '../../store/sweep.ts'
import { transaction } from '../../store/transaction.ts'
import { alice, asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { type Address, inMs, newFlag, newSchedule, reread } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())

const sweepDue = async (database: typeof db, flagId?: string) =>
  (await sweepDueOf(database, { ...(flagId && { flagId }) })).outcomes

const sweepAll = async () => {
  const outcomes = []
  for (let swept = await sweepDue(db); swept.length > 0; swept = await sweepDue(db)) outcomes.push(...swept)
  return outcomes
}
const appliedEvents = async (scheduleId: string) =>
  (
    await db.pool.query(`SELECT data, revision FROM events WHERE schedule_id = $1 AND type = 'schedule-applied'`, [
      scheduleId,
    ])
  ).rows

afterEach(sweepAll)

describe('sweepDue', () => {
  it('applies each of five pending schedules once, however many sweeps run at once', async () => {
    const address = await newFlag(db)
    const schedules = []
    for (let i = 0; i < 5; i++) schedules.push(await newSchedule(db, address, -100 + i, { rolloutPercentage: i }))
    const outcomes = (await Promise.all(Array.from({ length: 8 }, () => sweepDue(db)))).flat()
    expect(outcomes.map(({ scheduleId }) => scheduleId)).toEqual(schedules.map(({ id }) => id))
    for (const { id } of schedules) expect(await appliedEvents(id)).toHaveLength(1)
    expect((await getFlag(db, address)).rolloutPercentage).toBe(4)
  })

  it('never applies early', async () => {
    const address = await newFlag(db)
    const early = await newSchedule(db, address, 30_000)
    expect(await sweepDue(db)).toEqual([])
    // Not even when its flag is locked for another one that is due.
    const due = await newSchedule(db, address, -10)
    expect((await sweepDue(db)).map(({ scheduleId }) => scheduleId)).toEqual([due.id])
    expect((await reread(db, early)).status).toBe('pending')
  })

  it('does not apply what was cancelled meanwhile, even by hands that lock no flag', async () => {
    const address = await newFlag(db)
    const [first, second] = [await newSchedule(db, address, -20), await newSchedule(db, address, -10)]
    const client = await db.pool.connect()
    await client.query('BEGIN')
    await client.query(`UPDATE feature_flag_schedules SET status = 'cancelled' WHERE id = $1`, [first.id])
    const sweeping = sweepDue(db)
    await expect
      .poll(() => one(db, `SELECT count(*) AS waiting FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`))
      .toEqual({ waiting: 1 })
    await client.query('COMMIT')
    client.release()
    expect((await sweeping).map(({ scheduleId }) => scheduleId)).toEqual([second.id])
    expect((await reread(db, first)).status).toBe('cancelled')
  })

  it('takes at most 100 a transaction and goes on with the rest', async () => {
    const addresses = await Promise.all(Array.from({ length: 60 }, () => newFlag(db)))
    for (const address of addresses) for (const ms of [-20, -10]) await newSchedule(db, address, ms)
    const first = await sweepDue(db)
    expect(first).toHaveLength(100)
    expect(await sweepAll()).toHaveLength(20)
  })

  it('changes only the named fields, makes one revision a transaction, and says before and after', async () => {
    const [one_, two] = [await newFlag(db), await newFlag(db)]
    const before = await one<{ revision: number }>(db, 'SELECT revision FROM configuration_revision')
    const first = await newSchedule(db, one_, -20, { rolloutPercentage: 25 })
    const last = await newSchedule(db, one_, -10, { enabled: true })
    await newSchedule(db, two, -10)
    await sweepDue(db)
    const revision = before.revision + 1
    expect(await getFlag(db, one_)).toMatchObject({ enabled: true, rolloutPercentage: 25, revision })
    expect((await getFlag(db, two)).revision).toBe(revision)
    expect(await one(db, 'SELECT revision FROM configuration_revision')).toEqual({ revision })
    expect(await appliedEvents(first.id)).toMatchObject([
      {
        revision,
        data: { before: { enabled: false, rolloutPercentage: 100 }, after: { enabled: false, rolloutPercentage: 25 } },
      },
    ])
    expect(await appliedEvents(last.id)).toMatchObject([
      {
        revision,
        data: { before: { enabled: false, rolloutPercentage: 25 }, after: { enabled: true, rolloutPercentage: 25 } },
      },
    ])
  })

  it('is not hidden by an uncommitted insert of another schedule on the flag', async () => {
    const address = await newFlag(db)
    const due = await newSchedule(db, address, -10)
    const client = await db.pool.connect()
    try {
      // What createSchedule does without its lock: the foreign key takes FOR KEY SHARE on the flag.
      await client.query('BEGIN')
      await client.query(
        `INSERT INTO feature_flag_schedules (flag_id, scheduled_at, updates, created_by)
         SELECT id, date_trunc('milliseconds', clock_timestamp()) + interval '1 hour', '{"enabled": true}', 'alice' FROM feature_flags WHERE key = $1`,
        [address.flagKey],
      )
      expect((await sweepDue(db)).map(({ scheduleId }) => scheduleId)).toEqual([due.id])
    } finally {
      await client.query('ROLLBACK')
      client.release()
    }
  })

  it('goes round a flag that somebody holds, and waits for it when asked for that flag', async () => {
    const [held, free] = [await newFlag(db), await newFlag(db)]
    const [heldSchedule, freeSchedule] = [await newSchedule(db, held, -20), await newSchedule(db, free, -10)]
    const { id: flagId } = await getFlag(db, held)
    const client = await db.pool.connect()
    await client.query('BEGIN')
    await client.query('SELECT 1 FROM feature_flags WHERE id = $1 FOR UPDATE', [flagId])
    expect((await sweepDue(db)).map(({ scheduleId }) => scheduleId)).toEqual([freeSchedule.id])
    const waiting = sweepDue(db, flagId)
    await client.query('COMMIT')
    client.release()
    expect((await waiting).map(({ scheduleId }) => scheduleId)).toEqual([heldSchedule.id])
  })

  it('counts what it does, exactly, with the lateness of each', async () => {
    const before = await readFigures(db)
    const address = await newFlag(db)
    await newSchedule(db, address, -30_000)
    await newSchedule(db, address, -1_500)
    expect(await readFigures(db)).toMatchObject({ backlog: 2, backlogAgeSeconds: expect.closeTo(30, 0) })
    await sweepDue(db)
    const after = await readFigures(db)
    expect([after.applied - before.applied, after.sweeps - before.sweeps, after.backlog]).toEqual([2, 1, 0])
    // Buckets are cumulative; the last four bounds are 5 s, 60 s, 10 min, 1 h.
    expect(
      after.latenessBuckets.slice(-5).map((count, i) => count - (before.latenessBuckets.slice(-5)[i] ?? 0)),
    ).toEqual([0, 1, 2, 2, 2])
  })
})

describe('a change that cannot be applied', () => {
  const breakRow = (id: string, updates: object) =>
    one(db, 'UPDATE feature_flag_schedules SET updates = $2 WHERE id = $1', [id, JSON.stringify(updates)])

  const threeWithABadOne = async (address: Address, updates: object) => {
    const first = await newSchedule(db, address, -30, { rolloutPercentage: 10 })
    const bad = await newSchedule(db, address, -20)
    const last = await newSchedule(db, address, -10, { enabled: true })
    await breakRow(bad.id, updates)
    return { first, bad, last }
  }

  it.each([
    ['a constraint', { rolloutPercentage: 101 }, 'violates check constraint'],
    ['a value of the wrong type', { rolloutPercentage: 'half' }, 'invalid input syntax'],
  ])('because of %s fails alone, with its message', async (_, updates, message) => {
    const [address, other] = [await newFlag(db), await newFlag(db)]
    const { first, bad, last } = await threeWithABadOne(address, updates)
    const bystander = await newSchedule(db, other, -10)
    const before = await readFigures(db)
    await sweepAll()
    expect(await reread(db, bad)).toMatchObject({
      status: 'failed',
      errorMessage: expect.stringContaining(message),
      appliedAt: null,
    })
    for (const schedule of [first, last, bystander]) expect((await reread(db, schedule)).status).toBe('applied')
    expect(await getFlag(db, address)).toMatchObject({ enabled: true, rolloutPercentage: 10 })
    const after = await readFigures(db)
    expect([after.failed - before.failed, after.applied - before.applied]).toEqual([1, 3])
    expect(
      await one(db, `SELECT data->>'error' AS error FROM events WHERE schedule_id = $1 AND type = 'schedule-failed'`, [
        bad.id,
      ]),
    ).toEqual({
      error: expect.stringContaining(message),
    })
  })

  it('because a trigger raises, also a deferred one, fails alone', async () => {
    await db.pool.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.rollout_percentage = 66 THEN RAISE EXCEPTION 'not today'; END IF; RETURN NEW; END $$;
      CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON feature_flags DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse()`)
    const [address, other] = [await newFlag(db), await newFlag(db)]
    const bad = await newSchedule(db, address, -20, { rolloutPercentage: 66 })
    const good = await newSchedule(db, other, -10)
    await sweepAll()
    expect(await reread(db, bad)).toMatchObject({ status: 'failed', errorMessage: 'not today' })
    expect((await reread(db, good)).status).toBe('applied')
    expect((await getFlag(db, address)).rolloutPercentage).toBe(100)
  })

  it('because its flag was archived behind our back, fails alone', async () => {
    const [address, other] = [await newFlag(db), await newFlag(db)]
    const bad = await newSchedule(db, address, -20)
    const good = await newSchedule(db, other, -10)
    await one(db, 'UPDATE feature_flags SET archived_at = now() WHERE key = $1', [address.flagKey])
    await sweepAll()
    expect(await reread(db, bad)).toMatchObject({ status: 'failed', errorMessage: 'The flag is archived' })
    expect((await reread(db, good)).status).toBe('applied')
    expect((await getFlag(db, address)).enabled).toBe(false)
  })

  it('for now, because of an outage, stays pending', async () => {
    const address = await newFlag(db)
    const schedule = await newSchedule(db, address, -10)
    await db.pool.query(`
      CREATE FUNCTION outage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'disk full' USING ERRCODE = 'disk_full'; END $$;
      CREATE TRIGGER outage BEFORE UPDATE ON feature_flags FOR EACH ROW EXECUTE FUNCTION outage()`)
    await expect(sweepDue(db)).rejects.toThrow('disk full')
    expect((await reread(db, schedule)).status).toBe('pending')
    await db.pool.query('DROP TRIGGER outage ON feature_flags')
    await sweepAll()
    expect((await reread(db, schedule)).status).toBe('applied')
  })
})

it('finds what is due by its index, also with statistics of a time when nothing was', async () => {
  const quietTime = openTestDatabase(await createTestDatabase(), { connections: 1 })
  const { pool } = quietTime
  await pool.query(
    `INSERT INTO feature_flags (environment, key, revision) SELECT 'production', 'f-' || n, 0 FROM generate_series(1, 500) n`,
  )
  await pool.query(`INSERT INTO feature_flag_schedules (flag_id, scheduled_at, updates, created_by, status, applied_at, applied_revision)
    SELECT id, date_trunc('milliseconds', now() - n * interval '1 hour'), '{}', 'x', 'applied', now(), 1 FROM feature_flags, generate_series(1, 20) n`)
  for (const table of ['feature_flags', 'feature_flag_schedules']) await pool.query(`VACUUM ANALYZE ${table}`)
  await pool.query(`INSERT INTO feature_flag_schedules (flag_id, scheduled_at, updates, created_by)
    SELECT id, date_trunc('milliseconds', now() - interval '1 second'), '{"enabled": true}', 'x' FROM feature_flags`)
  while ((await sweepDue(quietTime)).length > 0);
  await pool.query('SELECT pg_stat_force_next_flush()')
  const { read } = await one<{ read: number }>(
    quietTime,
    `SELECT sum(idx_tup_read)::int AS read FROM pg_stat_user_indexes WHERE relname = 'feature_flag_schedules'`,
  )
  // Each row a few times; 100 times as many when every flag's search went through all that is due.
  expect(read).toBeLessThan(500 * 20)
})

it('does not deadlock with edits of the same flags', async () => {
  const addresses = await Promise.all(Array.from({ length: 10 }, () => newFlag(db)))
  // One instant for all: what is created later comes after what was applied, and is not refused.
  const dueAt = inMs(-1)
  const edits = addresses.flatMap((address) =>
    Array.from({ length: 5 }, (_, i) =>
      transaction(db, (tx) => createSchedule(tx, address, { scheduledAt: dueAt, updates: { rolloutPercentage: i } }), {
        origin: alice,
      }),
    ),
  )
  const sweeps = Array.from({ length: 20 }, () => sweepDue(db))
  await Promise.all([...edits, ...sweeps])
  await asAlice(db, (tx) => tx.query('SELECT pg_sleep(0.01)'))
  await sweepAll()
  const { rows } = await db.pool.query(
    `SELECT DISTINCT status FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE f.key = ANY ($1)`,
    [addresses.map(({ flagKey }) => flagKey)],
  )
  expect(rows).toEqual([{ status: 'applied' }])
})
