import { describe, expect, it } from 'vitest'
import { evaluateBatch, Fenced } from '../../store/policy-batches.ts'
import { partitionOf } from '../../store/policy-partitions.ts'
import { readRun } from '../../store/policy-run-report.ts'
import { getRun } from '../../store/policy-runs.ts'
import { STRICTER } from '../helpers/catalog.ts'
import { one } from '../helpers/database.ts'
import {
  addItems,
  addPolicy,
  claim,
  drive,
  newCatalog,
  promote,
  startRun,
  upTo,
  wrongEvaluations,
} from '../helpers/policy-runs.ts'

it('a batch that is repeated within its slice is refused: its cursor has moved', async () => {
  const dbs = await newCatalog(30)
  const { runId } = await startRun(dbs.db, (await addPolicy(dbs.db)).id, { batchSize: 10, parallelism: 1 })
  const { slice, ranges } = await claim(dbs, runId)
  const range = ranges[0] as (typeof ranges)[0]
  const answers = await Promise.allSettled([1, 2, 3].map(() => evaluateBatch(dbs.batchDb, slice, range)))
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(Fenced)
  expect(await getRun(dbs.db, runId)).toMatchObject({ processed: 10 })
})

it('a slice that was taken over is fenced off, also where the new one has not moved yet', async () => {
  const dbs = await newCatalog(30)
  const { runId } = await startRun(dbs.db, (await addPolicy(dbs.db)).id, { batchSize: 10 })
  const zombie = await claim(dbs, runId)
  await claim(dbs, runId)
  for (const range of zombie.ranges)
    await expect(evaluateBatch(dbs.batchDb, zombie.slice, range)).rejects.toThrow(Fenced)
  expect(await getRun(dbs.db, runId)).toMatchObject({ processed: 0 })
})

it('a batch reads its own rows of the partition, also by a plan that was made while it was empty', async () => {
  const dbs = await newCatalog(2_000)
  const policy = await addPolicy(dbs.db)
  const { runId } = await startRun(dbs.db, policy.id, { batchSize: 10, parallelism: 1 })
  await one(dbs.db, `ANALYZE ${partitionOf(policy.version)}`)
  await drive(dbs, runId)
  await one(dbs.db, `UPDATE ${partitionOf(policy.version)} SET status = 'pending' WHERE media_item_id % 5 = 0`)
  await drive(dbs, (await startRun(dbs.db, policy.id, { batchSize: 10, parallelism: 1 })).runId)
  expect(await wrongEvaluations(dbs.db, policy.id)).toEqual([])
  // One client of the pool has worked.
  await dbs.batchDb.pool.query('SELECT pg_stat_force_next_flush()')
  const { n } = await one<{ n: number }>(
    dbs.db,
    `SELECT sum(idx_tup_read)::integer AS n FROM pg_stat_user_indexes WHERE relname = $1`,
    [partitionOf(policy.version)],
  )
  // Each row a few times; every batch reading all of them would be 400 times as many.
  expect(n).toBeGreaterThan(2_000)
  expect(n).toBeLessThan(20_000)
})

it.each([
  [1, [1]],
  [2, [1, 2, 3]],
  [3, [5, 1_000_000_000]],
  [8, upTo(100)],
  [4, [...upTo(50), ...upTo(50).map((n) => n * 1_000_000_007)]],
  [2, []],
])('with parallelism %i, every one of the ids %j is in one range', async (parallelism, ids) => {
  const dbs = await newCatalog(0)
  await addItems(dbs.db, ids)
  const policy = await addPolicy(dbs.db)
  const { runId } = await startRun(dbs.db, policy.id, { parallelism })
  expect(await drive(dbs, runId)).toBe(true)
  const { ranges, processed, totalReadySnapshot } = await readRun(dbs.scanDb, runId)
  expect([processed, totalReadySnapshot]).toEqual([ids.length, ids.length])
  expect(ranges.length).toBeLessThanOrEqual(parallelism)
  for (const [n, { after }] of ranges.entries()) if (n > 0) expect(after).toBe(ranges[n - 1]?.to)
})

describe('an item that cannot be evaluated', () => {
  it('because of its data is an error with its reason, and the others go on; the sample has ten', async () => {
    const dbs = await newCatalog(60)
    await addItems(
      dbs.db,
      upTo(25).map((n) => 100 + n),
      { metadata: { rating: 'high', adult: false } },
    )
    const policy = await addPolicy(dbs.db, STRICTER)
    const { runId } = await startRun(dbs.db, policy.id, { batchSize: 20 })
    await drive(dbs, runId)
    const run = await readRun(dbs.scanDb, runId)
    expect(run).toMatchObject({ status: 'success', processed: 85, errors: 25, coverage: 1, readyToPromote: false })
    expect(run.blockingReasons).toEqual(['25 items could not be evaluated, more than 0'])
    expect(run.errorSample).toHaveLength(10)
    expect(run.errorSample[0]?.message).toMatch(/metadata\.rating is a string/)
    await expect(promote(dbs, runId, { maxErrors: 24 })).rejects.toMatchObject({ code: 'promotion-blocked' })
    expect(await promote(dbs, runId, { maxErrors: 25 })).toMatchObject({ coverage: 1 })
  })

  it.each([
    ['a trigger that raises', `RAISE EXCEPTION 'not this one'`],
    ['a cast that fails', `PERFORM 'abc'::integer`],
  ])('because of %s is found by halving, recorded, and left behind', async (_, body) => {
    const dbs = await newCatalog(100)
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id, { batchSize: 32 })
    await dbs.db.pool.query(`
      CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.media_item_id IN (17, 18, 63) AND NEW.status <> 'error' THEN ${body}; END IF; RETURN NEW; END $$;
      CREATE TRIGGER poison BEFORE INSERT ON ${partitionOf(policy.version)} FOR EACH ROW EXECUTE FUNCTION poison()`)
    expect(await drive(dbs, runId)).toBe(true)
    const run = await readRun(dbs.scanDb, runId)
    expect(run).toMatchObject({ processed: 100, errors: 3, coverage: 1, readyToPromote: false })
    expect(run.errorSample.map(({ mediaItemId }) => mediaItemId).sort()).toEqual([17, 18, 63])
    for (const { stack = '' } of run.errorSample) {
      expect(stack.length).toBeGreaterThan(50)
      expect(stack.length).toBeLessThanOrEqual(500)
    }
    expect((await wrongEvaluations(dbs.db, policy.id)).map((line) => line.split(':')[0])).toEqual([
      'item 17',
      'item 18',
      'item 63',
    ])
  })

  it('where not even the error can be written is missing, which the gate sees', async () => {
    const dbs = await newCatalog(20)
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id)
    await dbs.db.pool.query(`ALTER TABLE ${partitionOf(policy.version)} ADD CHECK (media_item_id <> 7)`)
    expect(await drive(dbs, runId)).toBe(true)
    expect(await readRun(dbs.scanDb, runId)).toMatchObject({
      processed: 20,
      errors: 1,
      coverage: 0.95,
      readyToPromote: false,
    })
  })

  it('because of Postgres, not of itself, is no error: nothing is written, and it is tried again', async () => {
    const dbs = await newCatalog(20)
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id)
    await dbs.db.pool.query(`
      CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$;
      CREATE TRIGGER full_disk BEFORE INSERT ON ${partitionOf(policy.version)} FOR EACH ROW EXECUTE FUNCTION full_disk()`)
    await expect(drive(dbs, runId)).rejects.toThrow('no space left')
    expect(await getRun(dbs.db, runId)).toMatchObject({ status: 'running', processed: 0, errors: 0 })
    await dbs.db.pool.query(`DROP TRIGGER full_disk ON ${partitionOf(policy.version)}`)
    expect(await drive(dbs, runId)).toBe(true)
  })
})
