import { describe, expect, it } from 'vitest'
import { evaluateBatch } from '../../store/policy-batches.ts'
import { cancelRun } from '../../store/policy-run-control.ts'
import { readRun } from '../../store/policy-run-report.ts'
import { getRun } from '../../store/policy-runs.ts'
import { completeRun } from '../../store/policy-slices.ts'
import { POLICY, STRICTER } from '../helpers/catalog.ts'
import { asAlice, one } from '../helpers/database.ts'
import { addPolicy, claim, drive, goLive, newCatalog, promote, startRun } from '../helpers/policy-runs.ts'

describe('the gate', () => {
  it('counts by query: counters and status that were corrupted by SQL do not get a version promoted', async () => {
    const dbs = await newCatalog(100)
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
    const dbs = await newCatalog(10)
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
    const dbs = await newCatalog(50)
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
    const dbs = await newCatalog(10)
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
