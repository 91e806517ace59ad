import { describe, expect, it } from 'vitest'
import type { PolicyDocument } from '../../domain/policy/document.ts'
import { interpret } from '../../domain/policy/interpret.ts'
import { expireEvaluated } from '../../store/evaluated-versions.ts'
import { patchItem } from '../../store/media-items.ts'
import { dropUnusedPartitions, hasPartition, partitionOf } from '../../store/policy-partitions.ts'
import { failRun, resumeRun, rollbackRun } from '../../store/policy-run-control.ts'
import { readRun } from '../../store/policy-run-report.ts'
import { getRun } from '../../store/policy-runs.ts'
import { transaction } from '../../store/transaction.ts'
import { STRICTER } from '../helpers/catalog.ts'
import { alice, asAlice, one } from '../helpers/database.ts'
import {
  addItems,
  addPolicy,
  contentOf,
  drive,
  goLive,
  newCatalog,
  openWriter,
  promote,
  startRun,
  upTo,
  wrongEvaluations,
} from '../helpers/policy-runs.ts'

describe('what is kept of a version', () => {
  it('a failed run resumes from its cursor while writers evaluate its version, and from the start when they stopped', async () => {
    const dbs = await newCatalog(100)
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
    const dbs = await newCatalog(10)
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
    const dbs = await newCatalog(10)
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
    const dbs = await newCatalog(10)
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
    const dbs = await newCatalog(30)
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
  const dbs = await newCatalog(200)
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
  const dbs = await newCatalog(0)
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
