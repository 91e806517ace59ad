import { type Gate, readiness } from '../domain/policy-run.ts'
import { Problem } from '../domain/problems.ts'
import { lockPolicy } from './catalog-policies.ts'
import { type Database, sqlState } from './database.ts'
import { keepEvaluated, lockEvaluated } from './evaluated-versions.ts'
import { READY } from './media-item-rows.ts'
import { emitRunEvent, lockRun, type RunRow, type StoredRun, toRun } from './policy-runs.ts'
import { bumpRevision } from './revision.ts'
import { type Transaction, type TransactionOptions, transaction } from './transaction.ts'

export interface Readiness {
  coverage: number
  readyToPromote: boolean
  blockingReasons: string[]
}

/**
 * For statements that read whole tables. After a large import the planner still thinks that there are few items, and looked
 * up 300,000 evaluations one by one: 4 s, and 0.2 s by a hash join.
 */
export async function readWholeTables(tx: Transaction): Promise<void> {
  await tx.query('SET LOCAL enable_nestloop = off')
}

/** Ready items, and those of them with a current evaluation for the version; by query, never by counter. */
const COVERAGE = `
  SELECT count(*)::integer AS ready, count(e.status)::integer AS evaluated,
    count(*) FILTER (WHERE e.status = 'error')::integer AS errors
  FROM media_items i LEFT JOIN media_catalog_evaluations e
    ON e.media_item_id = i.id AND e.item_version = i.version AND e.policy_version = $1
  WHERE ${READY}`

/** What the public sees now and would not see with the version $1. */
const REGRESSIONS = `
  SELECT count(*)::integer AS regressions
  FROM public_media_items i LEFT JOIN media_catalog_evaluations e
    ON e.media_item_id = i.id AND e.item_version = i.version AND e.policy_version = $1
  WHERE e.status IS DISTINCT FROM 'eligible'`

/** Is the run ready to be promoted? What is asked of the catalog is asked of the catalog as it is now. */
export async function readReadiness(tx: Transaction, run: RunRow, gate: Gate): Promise<Readiness> {
  const version = run.target_policy_version
  if (run.status !== 'success') {
    // Not by query: whoever looks at a running run looks often, and it could not be promoted anyhow.
    const { progress: coverage } = toRun(run)
    const evidence = { status: run.status, coverage, errors: run.errors, maintained: false, superseded: false }
    return { coverage, ...readiness(evidence, gate) }
  }
  await readWholeTables(tx)
  const [known] = await tx.query<{ maintained: boolean; superseded: boolean }>(
    `SELECT EXISTS (SELECT FROM evaluated_versions WHERE version = $1 AND (until IS NULL OR until > clock_timestamp())) AS maintained,
       EXISTS (SELECT FROM catalog_evaluation_runs WHERE target_policy_id = $2 AND id > $3) AS superseded`,
    [version, run.target_policy_id, run.id],
  )
  const [counted] = await tx.query<{ ready: number; evaluated: number; errors: number }>(COVERAGE, [version])
  const { ready, evaluated, errors } = counted as { ready: number; evaluated: number; errors: number }
  const [lost] =
    gate.maxRegressions === undefined ? [] : await tx.query<{ regressions: number }>(REGRESSIONS, [version])
  const coverage = ready === 0 ? 1 : evaluated / ready
  const { maintained = false, superseded = false } = known ?? {}
  const evidence = { status: run.status, coverage, errors, maintained, superseded, regressions: lost?.regressions }
  return { coverage, ...readiness(evidence, gate) }
}

export interface Promotion {
  run: StoredRun
  coverage: number
  previousVersion: number | null
  revision: number
}

/**
 * Makes the run's version the one that the public sees, in one instant, if the catalog as it is now allows it. What was live
 * stays evaluated for a day, so that it can be gone back to.
 *
 * @param db a pool for reads of whole tables
 * @throws Problem `run-not-found`, `promotion-blocked` with every reason
 */
export async function promoteRun(
  db: Database,
  runId: string,
  gate: Gate,
  options: TransactionOptions,
): Promise<Promotion> {
  return (await transaction(db, (tx) => promote(tx, runId, gate), options)).result
}

/** The same, within the caller's transaction. */
export async function promote(tx: Transaction, runId: string, gate: Gate): Promise<Promotion> {
  const run = await lockRun(tx, runId)
  const version = run.target_policy_version
  await lockPolicy(tx, run.target_policy_id)
  // From here on, whoever would end the version's place on the list waits for us.
  await lockEvaluated(tx, version)
  const { coverage, ...verdict } = await readReadiness(tx, run, gate)
  if (!verdict.readyToPromote) {
    throw new Problem('promotion-blocked', `Not promoted: ${verdict.blockingReasons.join('; ')}.`, {
      members: { success: false, coverage, blockingReasons: verdict.blockingReasons },
    })
  }
  const previousVersion = await activate(tx, version)
  await keepEvaluated(tx, version, 'active')
  if (previousVersion !== null) await keepEvaluated(tx, previousVersion, 'reverse')
  const [promoted] = await tx.query<RunRow>(
    `UPDATE catalog_evaluation_runs SET status = 'promoted', promoted_at = clock_timestamp(), promoted_by = $2, gate = $3,
       version = version + 1 WHERE id = $1 RETURNING *`,
    [runId, tx.origin.actor, JSON.stringify(gate)],
  )
  const revision = await bumpRevision(tx)
  emitRunEvent(tx, 'policy-promoted', promoted as RunRow, { previousVersion, coverage, gate, revision })
  tx.invalidateCache(['catalog'])
  return { run: toRun(promoted as RunRow), coverage, previousVersion, revision }
}

/** The one place where the active version changes: by compare-and-set, from the one that was seen. */
async function activate(tx: Transaction, version: number): Promise<number | null> {
  const [active] = await tx.query<{ version: number }>('SELECT version FROM catalog_policies WHERE is_active')
  const seen = active?.version ?? null
  const moved = await tx.query(
    `UPDATE catalog_policies SET is_active = false WHERE is_active AND version = $1 RETURNING 1`,
    [seen],
  )
  // Another promotion was faster: everything from the start, with what it made.
  if (seen !== null && moved.length === 0) throw conflict()
  await tx.query(`UPDATE catalog_policies SET is_active = true WHERE version = $1`, [version]).catch((error) => {
    throw sqlState(error) === '23505' ? conflict() : error
  })
  return seen
}

function conflict(): Error {
  return Object.assign(new Error('The active version changed meanwhile'), { code: '40001' })
}
