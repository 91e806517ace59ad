import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Problem } from '../../domain/problems.ts'
import { expireEvaluated } from '../../store/evaluated-versions.ts'
import { deleteItem, patchItem } from '../../store/media-items.ts'
import { Fenced } from '../../store/policy-batches.ts'
import { promoteRun } from '../../store/policy-promote.ts'
import { goBack } from '../../store/policy-rollback.ts'
import { cancelRun, failRun, resumeRun, rollbackRun } from '../../store/policy-run-control.ts'
import { readRun } from '../../store/policy-run-report.ts'
import { getRun, listRuns } from '../../store/policy-runs.ts'
import { claimSlice } from '../../store/policy-slices.ts'
import { POLICY, STRICTER } from '../helpers/catalog.ts'
import { alice, asAlice, createTestDatabase, one } from '../helpers/database.ts'
import {
  addItems,
  addPolicy,
  type CatalogDatabases,
  drive,
  openCatalogDatabases,
  startRun,
  upTo,
  wrongEvaluations,
} from '../helpers/policy-runs.ts'

const COUNT = 30
const POLICIES = 3

/** What people and machines do, in any order. Whom it concerns is a number, taken modulo what there is. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('write' as const),
      id: fc.integer({ min: 1, max: COUNT + 5 }),
      rating: fc.nat(9),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant('delete' as const), id: fc.integer({ min: 1, max: COUNT + 5 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('prepare' as const),
      policy: fc.nat(POLICIES - 1),
      batchSize: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('slice' as const),
      run: fc.nat(),
      batches: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('promote' as const), run: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constantFrom('cancel' as const, 'fail' as const, 'fail' as const, 'resume' as const, 'resume' as const),
      run: fc.nat(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('rollback' as const), policy: fc.nat(POLICIES - 1) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('expire' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

describe('any history of writes, runs and decisions', () => {
  it('P2, P3, P4: promotes successes only, counts exactly, and leaves other versions alone', async () => {
    const seen = new Map<string, number>()
    const dbs = openCatalogDatabases(await createTestDatabase())
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 25, maxLength: 60 }), async (steps) => {
        await reset(dbs)
        await addItems(dbs.db, upTo(COUNT))
        const policies = []
        for (const document of [POLICY, STRICTER, { rules: [] }]) policies.push(await addPolicy(dbs.db, document))
        for (const each of steps) {
          const before = await rowsByVersion(dbs)
          const outcome = await take(dbs, policies, each)
          seen.set(`${each.what} ${outcome}`, (seen.get(`${each.what} ${outcome}`) ?? 0) + 1)
          await holds(dbs, policies, each, before)
        }
      }),
      { numRuns: 12, seed: 20_261_121, endOnFailure: true },
    )
    // A history in which nothing happens proves nothing.
    for (const expected of [
      'promote promoted',
      'promote promotion-blocked',
      'slice success',
      'slice running',
      'resume running',
      'rollback promoted',
      'cancel cancelled',
    ])
      expect(seen.get(expected) ?? 0, `${expected} in ${JSON.stringify([...seen])}`).toBeGreaterThan(0)
  })
})

async function reset({ db }: CatalogDatabases): Promise<void> {
  await db.pool.query(
    'TRUNCATE media_items, media_catalog_evaluations, evaluated_versions, catalog_evaluation_ranges, catalog_evaluation_runs CASCADE',
  )
  await db.pool.query('DELETE FROM catalog_policies')
}

type Rows = Map<number, Map<number, string>>

async function rowsByVersion({ db }: CatalogDatabases): Promise<Rows> {
  const { rows } = await db.pool.query<{ v: number; id: number; row: string }>(
    'SELECT policy_version AS v, media_item_id AS id, e::text AS row FROM media_catalog_evaluations e',
  )
  return new Map(
    [...Map.groupBy(rows, ({ v }) => v)].map(([v, own]) => [v, new Map(own.map(({ id, row }) => [id, row]))]),
  )
}

const SUITABLE = { slice: 'running', promote: 'success', cancel: 'running', fail: 'running', resume: 'failed' }

type Policies = Awaited<ReturnType<typeof addPolicy>>[]

/** Takes a step. Returns what became of the run, or the code of the refusal. */
async function take(dbs: CatalogDatabases, policies: Policies, each: Step): Promise<string> {
  const { db, scanDb } = dbs
  const { runs } = await listRuns(db, { limit: 200, offset: 0 })
  // Mostly one that it can succeed with.
  const runOf = ({ run: n }: { run: number }, status: string) => {
    const fit = runs.filter((run) => run.status === status)
    return (n % 5 > 0 && fit.length > 0 ? fit[n % fit.length] : runs[n % runs.length])?.runId
  }
  const policyOf = (n: number) => policies[n] as Policies[0]
  try {
    if (each.what === 'write') {
      const patch = { metadata: { rating: each.rating, adult: each.rating === 3 } }
      await asAlice(db, (tx) => patchItem(tx, each.id, patch)).catch(() => addItems(db, [each.id]))
      return 'done'
    }
    if (each.what === 'delete') return await asAlice(db, (tx) => deleteItem(tx, each.id)).then(() => 'done')
    if (each.what === 'expire') {
      await one(
        db,
        `UPDATE evaluated_versions SET until = now() - interval '1 second' WHERE why <> 'ready' AND until IS NOT NULL`,
      )
      return await asAlice(db, (tx) => expireEvaluated(tx)).then(() => 'done')
    }
    if (each.what === 'prepare') {
      const options = { batchSize: each.batchSize }
      return (await startRun(db, policyOf(each.policy).id, options)).status
    }
    if (each.what === 'rollback') {
      const { runId } = await asAlice(db, (tx) => rollbackRun(tx, policyOf(each.policy).id, {}))
      const claimed = await claimSlice(scanDb, runId)
      if (claimed) await goBack(scanDb, claimed.slice, claimed.run)
      return (await getRun(db, runId)).status
    }
    const runId = runOf(each, SUITABLE[each.what])
    if (!runId) return 'nothing'
    if (each.what === 'slice') await drive(dbs, runId, each.batches)
    else if (each.what === 'promote') await promoteRun(scanDb, runId, {}, { origin: alice })
    else if (each.what === 'cancel') await asAlice(db, (tx) => cancelRun(tx, runId))
    else if (each.what === 'fail') await asAlice(db, (tx) => failRun(tx, runId, 'x'))
    else await asAlice(db, (tx) => resumeRun(tx, runId))
    return (await getRun(db, runId)).status
  } catch (error) {
    if (error instanceof Fenced) return 'fenced'
    if (error instanceof Problem) return error.code
    throw error
  }
}

async function holds(dbs: CatalogDatabases, policies: Policies, each: Step, before: Rows): Promise<void> {
  const { db, scanDb } = dbs
  const { runs } = await listRuns(db, { limit: 200, offset: 0 })
  for (const { runId } of runs) {
    const run = await readRun(scanDb, runId)
    expect(run.eligible + run.ineligible + run.pending + run.errors).toBe(run.processed)
    expect(run.processed).toBeLessThanOrEqual(run.totalReadySnapshot ?? 0)
    if (run.status === 'success' || run.status === 'promoted') {
      expect(run.processed + run.handedOver).toBe(run.totalReadySnapshot)
      for (const { cursor, to } of run.ranges) expect(cursor).toBe(to)
    }
    // What is ready to be promoted is right, item by item.
    if (run.readyToPromote) expect(await wrongEvaluations(db, run.targetPolicyId)).toEqual([])
  }
  // One live version at most, and that one is right, whatever was written since.
  const live = await one<{ id: string[] | null }>(
    db,
    'SELECT array_agg(id) AS id FROM catalog_policies WHERE is_active',
  )
  expect((live.id ?? []).length).toBeLessThanOrEqual(1)
  for (const id of live.id ?? []) expect(await wrongEvaluations(db, id)).toEqual([])
  // A slice touches its own version only; whatever is no write of an item leaves all others as they were.
  const after = await rowsByVersion(dbs)
  if (each.what === 'write' || each.what === 'delete') return
  const touched = policies.filter(({ version }) => !isDeepStrictEqual(after.get(version), before.get(version)))
  expect(touched.length).toBeLessThanOrEqual(each.what === 'slice' ? 1 : 0)
  //(after.get(version)).toEqual(before.get(version))
}
