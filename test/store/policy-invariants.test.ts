import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { deleteItem, patchItem } from '../../store/media-items.ts'
import { evaluateBatch, Fenced } from '../../store/policy-batches.ts'
import { diffVersions } from '../../store/policy-diff.ts'
import { partitionOf } from '../../store/policy-partitions.ts'
import { promoteRun } from '../../store/policy-promote.ts'
import { goBack } from '../../store/policy-rollback.ts'
import { cancelRun, failRun, resumeRun, rollbackRun } from '../../store/policy-run-control.ts'
import { readRun } from '../../store/policy-run-report.ts'
import { getRun } from '../../store/policy-runs.ts'
import { claimSlice, completeRun } from '../../store/policy-slices.ts'
import { POLICY, STRICTER } from '../helpers/catalog.ts'
import { alice, asAlice, createTestDatabase, one } from '../helpers/database.ts'
import {
  addItems,
  addPolicy,
  bytesOf,
  claim,
  contentOf,
  drive,
  goLive,
  openCatalogDatabases,
  startRun,
  upTo,
  wrongEvaluations,
} from '../helpers/policy-runs.ts'

const COUNT = 400

/** A database of its own with 400 items: an invariant is about all that is in it. */
const catalog = async () => {
  const dbs = openCatalogDatabases(await createTestDatabase())
  await addItems(dbs.db, upTo(COUNT))
  return dbs
}

describe('invariants of policy activation', () => {
  it('I1: in every snapshot each ready item has one evaluation of the active version, of the item as it is', async () => {
    const dbs = await catalog()
    const live = await goLive(dbs)
    let writing = true
    const writers = upTo(6).map(async (writer) => {
      for (let n = 0; n < 25; n++) {
        const id = 1 + ((writer * 61 + n * 17) % COUNT)
        await asAlice(dbs.db, async (tx) => {
          await patchItem(tx, id, { metadata: { rating: n, adult: n % 2 === 0 } })
          await wait(Math.random() * 4)
        }).catch((error) => expect(error).toMatchObject({ code: 'media-item-not-found' }))
        if (n % 5 === 0) await asAlice(dbs.db, (tx) => deleteItem(tx, id)).catch(() => {})
        if (n % 10 === 0) await addItems(dbs.db, [id, COUNT + writer * 100 + n])
      }
    })
    const looks = [1, 2].map(async () => {
      let looked = 0
      for (; writing; looked++) {
        const found = await one<{ ready: number; right: number }>(
          dbs.db,
          `SELECT count(*) AS ready, count(e.status) AS right FROM media_items i LEFT JOIN media_catalog_evaluations e
             ON e.media_item_id = i.id AND e.item_version = i.version AND e.policy_version = $1
           WHERE ingestion_status = 'ready' AND deleted_at IS NULL`,
          [live.version],
        )
        expect(found.right).toBe(found.ready)
      }
      return looked
    })
    await Promise.all(writers).finally(() => {
      writing = false
    })
    for (const look of looks) expect(await look).toBeGreaterThan(10)
    expect(await wrongEvaluations(dbs.db, live.id)).toEqual([])
  })

  it('I2, P3: at every commit the counters equal the rows of the run and the ranges that are done, zombies or not', async () => {
    const dbs = await catalog()
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id, { batchSize: 7 })
    let running = true
    const observer = (async () => {
      const seen = new Set<number>()
      while (running) {
        const row = await one<Record<string, number>>(
          dbs.db,
          `SELECT r.processed, r.eligible, r.ineligible, r.pending, r.errors, e.*,
             (SELECT count(*)::integer FROM media_items i JOIN catalog_evaluation_ranges g
                ON g.run_id = r.id AND i.id > g.after_id AND i.id <= g.cursor) AS behind
           FROM catalog_evaluation_runs r, (SELECT count(*)::integer AS rows,
             count(*) FILTER (WHERE status = 'eligible')::integer AS e, count(*) FILTER (WHERE status = 'ineligible')::integer AS i,
             count(*) FILTER (WHERE status = 'pending')::integer AS p, count(*) FILTER (WHERE status = 'error')::integer AS x
             FROM ${partitionOf(policy.version)}) e
           WHERE r.id = $1`,
          [runId],
        )
        seen.add(row.processed as number)
        expect([row.eligible, row.ineligible, row.pending, row.errors, row.behind]).toEqual([
          row.e,
          row.i,
          row.p,
          row.x,
          row.rows,
        ])
        expect(row.processed).toBe(row.rows)
      }
      return seen.size
    })()
    // Three workers, each of whom takes the run from the others in the middle of their batches.
    const worker = async () => {
      for (;;) {
        const done = await drive(dbs, runId, 3).catch((error) => {
          if (!(error instanceof Fenced)) throw error
          return false
        })
        if (done || (await getRun(dbs.db, runId)).status !== 'running') return
      }
    }
    await Promise.all([worker(), worker(), worker()]).finally(() => {
      running = false
    })
    expect(await observer).toBeGreaterThan(5)
    expect(await getRun(dbs.db, runId)).toMatchObject({ status: 'success', processed: COUNT })
    expect(await wrongEvaluations(dbs.db, policy.id)).toEqual([])
  })

  it('I3: one running run of a policy and one active version, by the database', async () => {
    const dbs = await catalog()
    const [a, b] = [await goLive(dbs), await addPolicy(dbs.db)]
    const starts = await Promise.allSettled(upTo(5).map(() => startRun(dbs.db, b.id)))
    expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const start of starts)
      if (start.status === 'rejected') expect(start.reason).toMatchObject({ code: 'policy-run-running' })
    const copy = `INSERT INTO catalog_evaluation_runs (target_policy_id, target_policy_version, batch_size, parallelism, created_by)
      VALUES ($1, $2, 1, 1, 'x')`
    await expect(one(dbs.db, copy, [b.id, b.version])).rejects.toThrow('one_running')
    await expect(one(dbs.db, 'UPDATE catalog_policies SET is_active = true WHERE id = $1', [b.id])).rejects.toThrow(
      'one_active',
    )
    await expect(one(dbs.db, `UPDATE catalog_policies SET document = '{}' WHERE id = $1`, [a.id])).rejects.toThrow(
      'immutable',
    )
  })

  it('I4: the cursor never goes back, and a run resumed from it ends like one that was never interrupted', async () => {
    const dbs = await catalog()
    const [whole, broken] = [await addPolicy(dbs.db), await addPolicy(dbs.db)]
    await drive(dbs, (await startRun(dbs.db, whole.id)).runId)
    const { runId } = await startRun(dbs.db, broken.id, { batchSize: 10, parallelism: 3 })
    const places: number[] = []
    for (let done = false; !done; ) {
      done = await drive(dbs, runId, 4)
      const { cursor, processed } = await readRun(dbs.scanDb, runId)
      places.push(cursor as number)
      if (done) continue
      await asAlice(dbs.db, (tx) => failRun(tx, runId, 'interrupted'))
      expect(await asAlice(dbs.db, (tx) => resumeRun(tx, runId))).toMatchObject({ status: 'running', processed })
    }
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places.length).toBeGreaterThan(5)
    expect(await contentOf(dbs.db, broken.version)).toBe(await contentOf(dbs.db, whole.version))
    expect(await getRun(dbs.db, runId)).toMatchObject({ processed: COUNT, total_ready_snapshot: COUNT })
  })

  it('I5: after a cancel was answered no row of the run commits, whoever is at work', async () => {
    const dbs = await catalog()
    for (let n = 0; n < 12; n++) {
      const policy = await addPolicy(dbs.db)
      const { runId } = await startRun(dbs.db, policy.id, { batchSize: 3, parallelism: 4 })
      const work = drive(dbs, runId).catch((error) => error)
      await wait(Math.random() * 40)
      await asAlice(dbs.db, (tx) => cancelRun(tx, runId)).catch((error) => expect(error.code).toBe('run-not-running'))
      const [run, rows] = [await getRun(dbs.db, runId), await bytesOf(dbs.db, policy.version)]
      const ended = await work
      if (run.status === 'cancelled') expect(ended).toBeInstanceOf(Fenced)
      expect(await getRun(dbs.db, runId)).toEqual(run)
      expect(await bytesOf(dbs.db, policy.version)).toBe(rows)
      expect(JSON.parse(rows)).toHaveLength(run.processed)
    }
  })

  it('I6: a success exactly when every range is exhausted, and coverage is what a query finds', async () => {
    const dbs = await catalog()
    const policy = await addPolicy(dbs.db)
    const { runId } = await startRun(dbs.db, policy.id, { batchSize: 50 })
    const { slice, ranges } = await claim(dbs, runId)
    for (const range of ranges) {
      for (let at = range; at.cursor < at.to; ) {
        expect(await completeRun(dbs.scanDb, slice)).toBe(false)
        at = (await evaluateBatch(dbs.batchDb, slice, at)).range
        expect((await readRun(dbs.scanDb, runId)).coverage).toBeCloseTo((await getRun(dbs.db, runId)).processed / COUNT)
      }
    }
    expect(await completeRun(dbs.scanDb, slice)).toBe(true)
    expect(await readRun(dbs.scanDb, runId)).toMatchObject({ coverage: 1, readyToPromote: true })
    await one(dbs.db, `DELETE FROM ${partitionOf(policy.version)} WHERE media_item_id <= 100`)
    expect(await readRun(dbs.scanDb, runId)).toMatchObject({ coverage: 0.75, readyToPromote: false })
  })

  it('I7: promoted only while the thresholds hold; promote and rollback leave the public what it was', async () => {
    const dbs = await catalog()
    const first = await goLive(dbs)
    const visible = async () =>
      JSON.stringify((await dbs.db.pool.query('SELECT * FROM public_media_items ORDER BY id')).rows)
    const before = await visible()
    const second = await addPolicy(dbs.db, STRICTER)
    const { runId } = await startRun(dbs.db, second.id)
    await drive(dbs, runId)
    const promote = (gate: object) => promoteRun(dbs.scanDb, runId, gate, { origin: alice })
    await expect(promote({ maxRegressions: 3 })).rejects.toMatchObject({ code: 'promotion-blocked' })
    expect(await visible()).toBe(before)
    await promote({})
    expect(await visible()).not.toBe(before)
    const back = await asAlice(dbs.db, (tx) => rollbackRun(tx, first.id, {}))
    const claimed = await claimSlice(dbs.scanDb, back.runId)
    if (!claimed) throw new Error('not running')
    expect(await goBack(dbs.scanDb, claimed.slice, claimed.run)).toBeUndefined()
    expect(await visible()).toBe(before)
    expect(await getRun(dbs.db, back.runId)).toMatchObject({ status: 'promoted', promoted_by: 'alice' })
  })

  it('I8: a diff with itself is empty, mirrors its reverse, sums up to all items, and samples are the top of the list', async () => {
    const dbs = await catalog()
    const versions = []
    for (const document of [
      POLICY,
      STRICTER,
      { rules: [] },
      { rules: [{ reason: 'low', verdict: 'pending', when: { field: 'trendingScore', lt: 300 } }] },
    ]) {
      const policy = await addPolicy(dbs.db, document)
      await drive(dbs, (await startRun(dbs.db, policy.id)).runId)
      versions.push(policy.version)
    }
    for (const a of versions) {
      for (const b of versions) {
        const [there, back] = [await diffVersions(dbs.scanDb, a, b, 500), await diffVersions(dbs.scanDb, b, a, 500)]
        const { regressions, improvements, reasonChanges, unchanged } = there
        expect([regressions + improvements + reasonChanges + unchanged, there.items]).toEqual([COUNT, COUNT])
        expect(there.matrix.reduce((sum, { items }) => sum + items, 0)).toBe(COUNT)
        expect([regressions, improvements, reasonChanges, unchanged]).toEqual([
          back.improvements,
          back.regressions,
          back.reasonChanges,
          back.unchanged,
        ])
        expect(new Set(there.matrix.map(({ before, after }) => `${before} ${after}`)).size).toBe(there.matrix.length)
        if (a === b) expect(unchanged).toBe(COUNT)
        expect(there.samples.regressions).toHaveLength(regressions)
        expect(
          there.samples.regressions.map(({ before, after, ...item }) => ({ ...item, before: after, after: before })),
        ).toEqual(back.samples.improvements)
        const top = await diffVersions(dbs.scanDb, a, b, 7)
        for (const kind of ['regressions', 'improvements', 'reasonChanges'] as const) {
          expect(top.samples[kind]).toEqual(there.samples[kind].slice(0, 7))
          const scores = there.samples[kind].map(({ trendingScore }) => trendingScore)
          expect(scores).toEqual(scores.toSorted((x, y) => y - x))
        }
      }
    }
  })

  it('I9: batch size, number of ranges and the order of batches do not change what comes out', async () => {
    const dbs = await catalog()
    const contents = new Set<string>()
    for (const [batchSize, parallelism] of [
      [1, 1],
      [7, 3],
      [500, 8],
      [10_000, 2],
      [399, 1],
    ]) {
      const policy = await addPolicy(dbs.db, STRICTER)
      const { runId } = await startRun(dbs.db, policy.id, {
        batchSize: batchSize as number,
        parallelism: parallelism as number,
      })
      const { slice, ranges } = await claim(dbs, runId)
      for (const range of ranges.toReversed())
        for (let at = range; at.cursor < at.to; ) at = (await evaluateBatch(dbs.batchDb, slice, at)).range
      expect(await completeRun(dbs.scanDb, slice)).toBe(true)
      contents.add(await contentOf(dbs.db, policy.version))
      expect(await wrongEvaluations(dbs.db, policy.id)).toEqual([])
    }
    expect(contents.size).toBe(1)
  })

  it('P4: a run writes rows of its own version only; those of others are the same, byte for byte', async () => {
    const dbs = await catalog()
    const live = await goLive(dbs)
    const before = await bytesOf(dbs.db, live.version)
    const other = await addPolicy(dbs.db, STRICTER)
    const { runId } = await startRun(dbs.db, other.id, { batchSize: 33 })
    await drive(dbs, runId)
    await promoteRun(dbs.scanDb, runId, {}, { origin: alice })
    expect(await bytesOf(dbs.db, live.version)).toBe(before)
    const versions = await one(dbs.db, 'SELECT array_agg(DISTINCT policy_version) AS v FROM media_catalog_evaluations')
    expect(versions).toEqual({ v: [live.version, other.version] })
  })
})
