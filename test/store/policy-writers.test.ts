import { describe, expect, it } from 'vitest'
import { deleteItem, patchItem } from '../../store/media-items.ts'
import { evaluateBatch } from '../../store/policy-batches.ts'
import { cancelRun } from '../../store/policy-run-control.ts'
import { readRun } from '../../store/policy-run-report.ts'
import { getRun } from '../../store/policy-runs.ts'
import { STRICTER } from '../helpers/catalog.ts'
import { asAlice, one } from '../helpers/database.ts'
import {
  addItems,
  addPolicy,
  BARRIER,
  claim,
  drive,
  EDIT,
  goLive,
  newCatalog,
  openWriter,
  promote,
  startRun,
  wrongEvaluations,
} from '../helpers/policy-runs.ts'

describe('the writer barrier', () => {
  it('keeps a write that began before the cutoff from being missed by both its writer and the run', async () => {
    const dbs = await newCatalog(50)
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
    const dbs = await newCatalog(50)
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
    const dbs = await newCatalog(50)
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
    const dbs = await newCatalog(200)
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
    const dbs = await newCatalog(20)
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
    const dbs = await newCatalog(20)
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
    const dbs = await newCatalog(5)
    const live = await goLive(dbs)
    await asAlice(dbs.db, (tx) => patchItem(tx, 1, { title: 'version 2' }))
    await one(dbs.db, 'DELETE FROM media_items WHERE id IN (1, 2)')
    await addItems(dbs.db, [1], { metadata: { adult: true } })
    expect(await wrongEvaluations(dbs.db, live.id)).toEqual([])
  })

  it('writers evaluate for every version that is live, being prepared, or kept, and for no other', async () => {
    const dbs = await newCatalog(5)
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
