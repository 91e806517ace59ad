import { describe, expect, it } from 'vitest'
import type { PolicyDocument } from '../../domain/policy/document.ts'
import { interpret } from '../../domain/policy/interpret.ts'
import { expireEvaluated } from '../../store/evaluated-versions.ts'
import { deleteItem, patchItem } from '../../store/media-items.ts'
import { evaluateBatch, Fenced } from '../../store/policy-batches.ts'
import { dropUnusedPartitions, hasPartition, partitionOf } from '../../store/policy-partitions.ts'
import { promoteRun } from '../../store/policy-promote.ts'
import { cancelRun, failRun, resumeRun, rollbackRun } from '../../store/policy-run-control.ts'
import { readRun } from '../../store/policy-run-report.ts'
import { getRun } from '../../store/policy-runs.ts'
import { completeRun } from '../../store/policy-slices.ts'
import { transaction } from '../../store/transaction.ts'
import { POLICY, STRICTER } from '../helpers/catalog.ts'
import { alice, asAlice, createTestDatabase, one } from '../helpers/database.ts'
import {
  addItems,
  addPolicy,
  type CatalogDatabases,
  claim,
  contentOf,
  drive,
  goLive,
  openCatalogDatabases,
  startRun,
  upTo,
  wrongEvaluations,
} from '../helpers/policy-runs.ts'

const catalog = async (count: number) => {
  const dbs = openCatalogDatabases(await createTestDatabase())
  await addItems(dbs.db, upTo(count))
  return dbs
}

const promote = ({ scanDb }: CatalogDatabases, runId: string, gate = {}) =>
  promoteRun(scanDb, runId, gate, { origin: alice })

/** A writer's open transaction, under a connection of its own: what it does is committed when the test says so. */
const openWriter = async ({ db }: CatalogDatabases) => {
  const client = await db.pool.connect()
  await client.query('BEGIN')
  return {
    query: (text: string, values: unknown[] = []) => client.query(text, values),
    async commit() {
      await client.query('COMMIT')
      client.release()
    },
  }
}
const BARRIER = 'SELECT pg_advisory_xact_lock_shared(1970170469, 1)'
const EDIT = `UPDATE media_items SET metadata = '{"adult": true}', version = version + 1, updated_at = clock_timestamp() WHERE id = $1`

describe('the writer barrier', () => {
  it('keeps a write that began before the cutoff from being missed by both its writer and the run', async () => {
    const dbs = await catalog(50)
    const [written, commit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const writing = asAlice(dbs.db, async (tx) => {
      // It reads the list before the version is on it, and writes before the cutoff.
      await patchItem(tx, 1, { metadata: { adult: true } })
      written.resolve()
      await commit.promise
    })
    await written.promise
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id)
    await expect(drive(dbs, runId)).rejects.toMatchObject({ code: '55P03' })
    expect(await getRun(dbs.db, runId)).toMatchObject({ snapshot_cutoff: null, processed: 0 })
    commit.resolve()
    await writing
    expect(await drive(dbs, runId)).toBe(true)
    expect(await wrongEvaluations(dbs.db, policy.id)).toEqual([])
    expect((await readRun(dbs.scanDb, runId)).coverage).toBe(1)
  })

  it('is what it takes: the same write around the barrier breaks the version, and the gate sees it', async () => {
    const dbs = await catalog(50)
    const writer = await openWriter(dbs)
    await writer.query(EDIT, [1])
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id)
    expect(await drive(dbs, runId)).toBe(true)
    await writer.commit()
    const run = await getRun(dbs.db, runId)
    expect(run).toMatchObject({ status: 'success', processed: 50, total_ready_snapshot: 50, errors: 0 })
    expect(await wrongEvaluations(dbs.db, policy.id)).toEqual(['item 1 is at 2, evaluated at 1'])
    await expect(promote(dbs, runId)).rejects.toMatchObject({
      code: 'promotion-blocked',
      members: { blockingReasons: ['coverage is 98 %, below 100 %'] },
    })
  })

  it('lets writers behind it go on while it waits for one that does not end', async () => {
    const dbs = await catalog(50)
    const writer = await openWriter(dbs)
    await writer.query(BARRIER)
    const { runId } = await startRun(dbs.db, (await addPolicy(dbs.db)).id)
    const waiting = drive(dbs, runId).catch((error) => error.code)
    await asAlice(dbs.db, async (tx) => {
      // A writer that had to wait for longer than the barrier waits would raise 55P03.
      await tx.query(`SET LOCAL lock_timeout = '400ms'`)
      await patchItem(tx, 2, { title: 'later' })
    })
    expect(await waiting).toBe('55P03')
    await writer.commit()
  })
})

describe('items that change during a run', () => {
  it('before and behind the cursor: the run reaches the gate, and processed + handedOver is the snapshot', async () => {
    const dbs = await catalog(200)
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id, { batchSize: 10, parallelism: 1 })
    await drive(dbs, runId, 10)
    expect((await readRun(dbs.scanDb, runId)).cursor).toBe(100)
    for (const id of [5, 50, 150, 199])
      await asAlice(dbs.db, (tx) => patchItem(tx, id, { metadata: { rating: 1, adult: true } }))
    for (const id of [6, 160]) await asAlice(dbs.db, (tx) => deleteItem(tx, id))
    for (const id of [7, 170]) await asAlice(dbs.db, (tx) => patchItem(tx, id, { ingestionStatus: 'failed' }))
    await addItems(dbs.db, [1_000, 1_001])
    await addItems(dbs.db, [6], { title: 'back again' })
    expect(await drive(dbs, runId)).toBe(true)
    const run = await readRun(dbs.scanDb, runId)
    expect(run).toMatchObject({
      status: 'success',
      totalReadySnapshot: 200,
      processed: 196,
      handedOver: 4,
      coverage: 1,
      readyToPromote: true,
      progress: 1,
    })
    expect(await wrongEvaluations(dbs.db, policy.id)).toEqual([])
    expect(await promote(dbs, runId)).toMatchObject({ coverage: 1, previousVersion: null })
  })

  it('between the look of a batch and its write: the newer version of the item wins', async () => {
    const dbs = await catalog(20)
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id, { parallelism: 1 })
    const { slice, ranges } = await claim(dbs, runId)
    const writer = await dbs.db.pool.connect()
    await writer.query('BEGIN')
    // Its evaluation is inserted and not committed: the batch, which has seen the item as it was, waits for it.
    await writer.query(EDIT, [3])
    await writer.query(`INSERT INTO media_catalog_evaluations VALUES (3, $1, 2, 'ineligible', '{adult}', 111)`, [
      policy.version,
    ])
    const batch = evaluateBatch(dbs.batchDb, slice, ranges[0] as (typeof ranges)[0])
    await expect
      .poll(() => one(dbs.db, `SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`))
      .toEqual({ n: 1 })
    await writer.query('COMMIT')
    writer.release()
    // With its second look it sees that item 3 is not among those of the snapshot any more.
    expect(await batch).toMatchObject({ items: 19 })
    expect(
      await one(dbs.db, 'SELECT item_version, status FROM media_catalog_evaluations WHERE media_item_id = 3'),
    ).toEqual({ item_version: 2, status: 'ineligible' })
  })

  it('between the look of a batch and its update: what the writer wrote stays', async () => {
    const dbs = await catalog(20)
    const policy = await addPolicy(dbs.db)
    await drive(dbs, (await startRun(dbs.db, policy.id)).runId)
    // Something to mend, so that the second run updates the row.
    await one(dbs.db, `UPDATE media_catalog_evaluations SET status = 'pending' WHERE media_item_id = 3`)
    const { runId } = await startRun(dbs.db, policy.id, { parallelism: 1 })
    const { slice, ranges } = await claim(dbs, runId)
    const writer = await openWriter(dbs)
    await writer.query(EDIT, [3])
    await writer.query(
      `UPDATE media_catalog_evaluations SET item_version = 2, status = 'ineligible', reasons = '{adult}' WHERE media_item_id = 3`,
    )
    const batch = evaluateBatch(dbs.batchDb, slice, ranges[0] as (typeof ranges)[0])
    await expect
      .poll(() => one(dbs.db, `SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`))
      .toEqual({ n: 1 })
    await writer.commit()
    expect(await batch).toMatchObject({ items: 20 })
    const row = 'SELECT item_version, status FROM media_catalog_evaluations WHERE media_item_id = 3'
    expect(await one(dbs.db, row)).toEqual({ item_version: 2, status: 'ineligible' })
  })

  it('an item that somebody removed by hand and made anew is evaluated as it is now', async () => {
    const dbs = await catalog(5)
    const live = await goLive(dbs)
    await asAlice(dbs.db, (tx) => patchItem(tx, 1, { title: 'version 2' }))
    await one(dbs.db, 'DELETE FROM media_items WHERE id IN (1, 2)')
    await addItems(dbs.db, [1], { metadata: { adult: true } })
    expect(await wrongEvaluations(dbs.db, live.id)).toEqual([])
  })

  it('writers evaluate for every version that is live, being prepared, or kept, and for no other', async () => {
    const dbs = await catalog(5)
    const [old, live] = [await goLive(dbs), await goLive(dbs, STRICTER)]
    const [preparing, cancelled] = [await addPolicy(dbs.db), await addPolicy(dbs.db)]
    await startRun(dbs.db, preparing.id)
    const { runId } = await startRun(dbs.db, cancelled.id)
    await drive(dbs, runId, 1)
    await asAlice(dbs.db, (tx) => cancelRun(tx, runId))
    await asAlice(dbs.db, (tx) => patchItem(tx, 1, { metadata: { rating: 3 } }))
    const { rows } = await dbs.db.pool.query(
      `SELECT policy_version AS v, status FROM media_catalog_evaluations WHERE media_item_id = 1 AND item_version = 2 ORDER BY 1`,
    )
    expect(rows).toEqual([
      { v: old.version, status: 'eligible' },
      { v: live.version, status: 'ineligible' },
      { v: preparing.version, status: 'eligible' },
    ])
  })
})

it('a batch that is repeated within its slice is refused: its cursor has moved', async () => {
  const dbs = await catalog(30)
  const { runId } = await startRun(dbs.db, (await addPolicy(dbs.db)).id, { batchSize: 10, parallelism: 1 })
  const { slice, ranges } = await claim(dbs, runId)
  const range = ranges[0] as (typeof ranges)[0]
  const answers = await Promise.allSettled([1, 2, 3].map(() => evaluateBatch(dbs.batchDb, slice, range)))
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(Fenced)
  expect(await getRun(dbs.db, runId)).toMatchObject({ processed: 10 })
})

it('a slice that was taken over is fenced off, also where the new one has not moved yet', async () => {
  const dbs = await catalog(30)
  const { runId } = await startRun(dbs.db, (await addPolicy(dbs.db)).id, { batchSize: 10 })
  const zombie = await claim(dbs, runId)
  await claim(dbs, runId)
  for (const range of zombie.ranges)
    await expect(evaluateBatch(dbs.batchDb, zombie.slice, range)).rejects.toThrow(Fenced)
  expect(await getRun(dbs.db, runId)).toMatchObject({ processed: 0 })
})

it('a batch reads its own rows of the partition, also by a plan that was made while it was empty', async () => {
  const dbs = await catalog(2_000)
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
  const dbs = await catalog(0)
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
    const dbs = await catalog(60)
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
    const dbs = await catalog(100)
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
    const dbs = await catalog(20)
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
    const dbs = await catalog(20)
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

describe('the gate', () => {
  it('counts by query: counters and status that were corrupted by SQL do not get a version promoted', async () => {
    const dbs = await catalog(100)
    const { runId } = await startRun(dbs.db, (await addPolicy(dbs.db)).id, { batchSize: 10 })
    await drive(dbs, runId, 3)
    await expect(
      one(dbs.db, 'UPDATE catalog_evaluation_runs SET eligible = 100 WHERE id = $1', [runId]),
    ).rejects.toThrow('check')
    await one(
      dbs.db,
      `UPDATE catalog_evaluation_runs SET eligible = 100, ineligible = 0, pending = 0, processed = 100, status = 'success',
      finished_at = now() WHERE id = $1`,
      [runId],
    )
    expect(await readRun(dbs.scanDb, runId)).toMatchObject({ processed: 100, coverage: 0.3, readyToPromote: false })
    await expect(promote(dbs, runId)).rejects.toMatchObject({ code: 'promotion-blocked', members: { coverage: 0.3 } })
    expect(await one(dbs.db, 'SELECT count(*) AS n FROM catalog_policies WHERE is_active')).toEqual({ n: 0 })
  })

  it('refuses a run that a newer one of its policy has superseded, and evidence that nobody keeps', async () => {
    const dbs = await catalog(10)
    const policy = await addPolicy(dbs.db)
    const older = await startRun(dbs.db, policy.id)
    await drive(dbs, older.runId)
    const newer = await startRun(dbs.db, policy.id)
    await drive(dbs, newer.runId)
    await expect(promote(dbs, older.runId)).rejects.toMatchObject({
      members: { blockingReasons: ['a newer run of this policy exists'] },
    })
    await one(dbs.db, `UPDATE evaluated_versions SET until = now() - interval '1 second'`)
    await expect(promote(dbs, newer.runId)).rejects.toMatchObject({
      members: { blockingReasons: [expect.stringContaining('writers evaluate this version no more')] },
    })
  })

  it('two promotions at once: one after the other, and one version is live', async () => {
    const dbs = await catalog(50)
    await goLive(dbs)
    const runs = []
    for (const document of [POLICY, STRICTER, POLICY]) {
      const { runId } = await startRun(dbs.db, (await addPolicy(dbs.db, document)).id)
      await drive(dbs, runId)
      runs.push(runId, runId)
    }
    const answers = await Promise.allSettled(runs.map((runId) => promote(dbs, runId)))
    const done = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    expect(done).toHaveLength(3)
    for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason.code).toBe('promotion-blocked')
    // A chain: each replaced what the one before it had made live.
    const chain = done.toSorted((a, b) => a.revision - b.revision)
    expect(chain.map(({ previousVersion }) => previousVersion)).toEqual([
      1,
      ...chain.slice(0, -1).map(({ run }) => run.targetPolicyVersion),
    ])
    const { version } = await one<{ version: number }>(dbs.db, 'SELECT version FROM catalog_policies WHERE is_active')
    expect(version).toBe(chain.at(-1)?.run.targetPolicyVersion)
  })

  it('promote against cancel: a run is the one or the other, never both', async () => {
    const dbs = await catalog(10)
    for (let n = 0; n < 10; n++) {
      const { runId } = await startRun(dbs.db, (await addPolicy(dbs.db)).id)
      const { slice, ranges } = await claim(dbs, runId)
      for (const range of ranges) await evaluateBatch(dbs.batchDb, slice, range)
      const [completed, cancelled, promoted] = await Promise.allSettled([
        completeRun(dbs.scanDb, slice),
        asAlice(dbs.db, (tx) => cancelRun(tx, runId)),
        promote(dbs, runId),
      ])
      const { status } = await getRun(dbs.db, runId)
      expect(cancelled.status === 'fulfilled').toBe(status === 'cancelled')
      expect(promoted.status === 'fulfilled').toBe(status === 'promoted')
      expect(completed).toMatchObject({ value: status !== 'cancelled' })
    }
  })
})

describe('what is kept of a version', () => {
  it('a failed run resumes from its cursor while writers evaluate its version, and from the start when they stopped', async () => {
    const dbs = await catalog(100)
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id, { batchSize: 10 })
    await drive(dbs, runId, 4)
    await asAlice(dbs.db, (tx) => failRun(tx, runId, 'broke'))
    await asAlice(dbs.db, (tx) => patchItem(tx, 1, { metadata: { adult: true } }))
    expect(await asAlice(dbs.db, (tx) => resumeRun(tx, runId))).toMatchObject({ processed: 40, status: 'running' })
    await asAlice(dbs.db, (tx) => failRun(tx, runId, 'broke again'))
    await one(dbs.db, `UPDATE evaluated_versions SET until = now() - interval '1 second'`)
    await asAlice(dbs.db, (tx) => expireEvaluated(tx))
    await asAlice(dbs.db, (tx) => patchItem(tx, 2, { metadata: { adult: true } }))
    expect(await asAlice(dbs.db, (tx) => resumeRun(tx, runId))).toMatchObject({
      processed: 0,
      totalReadySnapshot: null,
    })
    expect(await drive(dbs, runId)).toBe(true)
    expect(await wrongEvaluations(dbs.db, policy.id)).toEqual([])
  })

  it('what was live can be gone back to for a day, and then must be prepared like any other', async () => {
    const dbs = await catalog(10)
    const [first] = [await goLive(dbs), await goLive(dbs, STRICTER)]
    await one(dbs.db, `UPDATE evaluated_versions SET until = now() - interval '1 second' WHERE why = 'reverse'`)
    await expect(asAlice(dbs.db, (tx) => rollbackRun(tx, first.id, {}))).rejects.toMatchObject({
      code: 'reverse-window-over',
    })
    await asAlice(dbs.db, (tx) => expireEvaluated(tx))
    const { runId } = await startRun(dbs.db, first.id)
    expect(await drive(dbs, runId)).toBe(true)
  })

  it('evaluations that nobody needs are dropped after a week, and can be made again', async () => {
    const dbs = await catalog(10)
    const live = await goLive(dbs)
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id)
    await drive(dbs, runId)
    const content = await contentOf(dbs.db, policy.version)
    expect(await dropUnusedPartitions(dbs.db)).toEqual([])
    await one(dbs.db, `DELETE FROM evaluated_versions WHERE version = $1`, [policy.version])
    expect(await dropUnusedPartitions(dbs.db)).toEqual([])
    await one(dbs.db, `UPDATE catalog_evaluation_runs SET finished_at = now() - interval '8 days'`)
    expect(await dropUnusedPartitions(dbs.db)).toEqual([policy.version])
    expect(await hasPartition(dbs.db, policy.version)).toBe(false)
    expect(await hasPartition(dbs.db, live.version)).toBe(true)
    const again = await startRun(dbs.db, policy.id)
    expect(await drive(dbs, again.runId)).toBe(true)
    expect(await contentOf(dbs.db, policy.version)).toBe(content)
  })

  it('a drop that was interrupted is finished later, or by preparing the version again', async () => {
    const dbs = await catalog(10)
    await goLive(dbs)
    const policies = [await addPolicy(dbs.db), await addPolicy(dbs.db)]
    for (const { id } of policies) {
      const { runId } = await startRun(dbs.db, id)
      await drive(dbs, runId)
    }
    await one(dbs.db, `DELETE FROM evaluated_versions WHERE why = 'ready'`)
    await one(dbs.db, `UPDATE catalog_evaluation_runs SET finished_at = now() - interval '8 days'`)
    const interrupt = async () => {
      const reader = await openWriter(dbs)
      await reader.query('SELECT count(*) FROM media_catalog_evaluations')
      await expect(dropUnusedPartitions(dbs.scanDb)).rejects.toMatchObject({ code: '55P03' })
      await reader.commit()
    }
    await interrupt()
    const [first, second] = policies as [(typeof policies)[0], (typeof policies)[0]]
    const { runId } = await startRun(dbs.db, first.id)
    expect(await drive(dbs, runId)).toBe(true)
    await interrupt()
    expect(await dropUnusedPartitions(dbs.scanDb)).toEqual([second.version])
    expect(await hasPartition(dbs.db, first.version)).toBe(true)
  })

  it('a second pass over unchanged items writes nothing, one over changed rules of evidence mends it', async () => {
    const dbs = await catalog(30)
    const policy = await addPolicy(dbs.db)
    const prepare = async () => {
      const { runId } = await startRun(dbs.db, policy.id)
      await drive(dbs, runId)
      return await getRun(dbs.db, runId)
    }
    await prepare()
    const partition = partitionOf(policy.version)
    const versions = `SELECT array_agg(xmin::text ORDER BY media_item_id) AS xmins FROM ${partition}`
    const before = await one(dbs.db, versions)
    expect(await prepare()).toMatchObject({ processed: 30 })
    expect(await one(dbs.db, versions)).toEqual(before)
    await one(dbs.db, `UPDATE ${partition} SET status = 'pending', reasons = '{by-hand}' WHERE media_item_id = 4`)
    expect(await prepare()).toMatchObject({ processed: 30 })
    expect(await wrongEvaluations(dbs.db, policy.id)).toEqual([])
  })
})

it('nobody waits 200 ms for a lock while versions are made, prepared, promoted, gone back from and dropped', async () => {
  const dbs = await catalog(200)
  await goLive(dbs)
  // Readers and writers that never end, with everything they can lock.
  const reader = await openWriter(dbs)
  await reader.query('SELECT count(*) FROM public_media_items')
  let busy = true
  let done = 0
  const impatient = upTo(4).map(async (n) => {
    for (; busy; done++) {
      await transaction(
        dbs.db,
        async (tx) => {
          await tx.query(`SET LOCAL lock_timeout = '200ms'`)
          if (n % 2) await patchItem(tx, 1 + (done % 200), { trendingScore: done % 999 })
          else await tx.query('SELECT * FROM public_media_items ORDER BY trending_score DESC, id DESC LIMIT 20')
        },
        { origin: alice },
      )
    }
  })
  const work = async () => {
    for (let n = 0; n < 4; n++) {
      const policy = await addPolicy(dbs.db, STRICTER)
      const { runId } = await startRun(dbs.db, policy.id, { batchSize: 20 })
      await expect
        .poll(() => drive(dbs, runId).catch((error) => error.code), { timeout: 10_000, interval: 5 })
        .toBe(true)
      await promote(dbs, runId)
      await one(dbs.db, `DELETE FROM evaluated_versions WHERE why = 'reverse'`)
      await one(dbs.db, `UPDATE catalog_evaluation_runs SET finished_at = now() - interval '8 days'`)
      // Waits for readers of all versions, such as ours, for 200 ms, and goes on the next time.
      await dropUnusedPartitions(dbs.scanDb).catch((error) => expect(error.code).toBe('55P03'))
    }
  }
  await Promise.all([work().finally(() => (busy = false)), ...impatient])
  expect(done).toBeGreaterThan(50)
  await reader.commit()
  expect(await dropUnusedPartitions(dbs.scanDb)).not.toEqual([])
})

it('relative dates count from when the policy was made, for ever', async () => {
  const dbs = await catalog(0)
  const rule = { reason: 'old', verdict: 'ineligible', when: { field: 'releasedAt', before: { asOf: '-P30D' } } }
  const policy = await addPolicy(dbs.db, { rules: [rule] })
  const day = 86_400_000
  const at = (days: number) => ({ releasedAt: new Date(Date.now() - days * day).toISOString() })
  await addItems(dbs.db, [1], at(29))
  await addItems(dbs.db, [2], at(31))
  const { runId } = await startRun(dbs.db, policy.id)
  await drive(dbs, runId)
  expect(await readRun(dbs.scanDb, runId)).toMatchObject({ eligible: 1, ineligible: 1 })
  const document = policy.document as unknown as PolicyDocument
  expect(document.asOf).toBeDefined()
  const item = { id: 1, title: null, mediaType: null, trendingScore: 0, createdAt: 0, metadata: {} }
  expect(interpret(document, { ...item, releasedAt: Date.now() - 31 * day }).reasons).toEqual(['old'])
})
