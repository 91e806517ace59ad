import type { Gate, Pace, Prepare } from '../domain/policy-run.ts'
import { Problem } from '../domain/problems.ts'
import { lockPolicy, type PolicyRow } from './catalog-policies.ts'
import { keepEvaluated, lockEvaluated, stopEvaluating } from './evaluated-versions.ts'
import { ensurePartition } from './policy-partitions.ts'
import {
  counters,
  emitRunEvent,
  lockRun,
  type RunEventType,
  type RunRow,
  type StoredRun,
  toRun,
} from './policy-runs.ts'
import { nudgePolicyRun } from './tasks.ts'
import type { Transaction } from './transaction.ts'

/** Begins to evaluate the catalog for a policy that is not live. @throws Problem `policy-not-found`, `policy-active`, `policy-run-running` */
export async function prepareRun(tx: Transaction, policyId: string, options: Prepare): Promise<StoredRun> {
  const policy = await lockPolicy(tx, policyId)
  refuseActive(policy)
  await refuseRunning(tx, policyId)
  const run = await insertRun(tx, policy, 'prepare', options, {})
  await ensurePartition(tx, policy.version)
  await keepEvaluated(tx, policy.version, 'preparing')
  return run
}

/**
 * Begins to go back to a policy that was live: nothing is evaluated, since writers never stopped to; the run's workflow
 * verifies that by query and promotes it.
 *
 * @throws Problem `policy-not-found`, `policy-active`, `policy-run-running`, `reverse-window-over`
 */
export async function rollbackRun(tx: Transaction, policyId: string, gate: Gate): Promise<StoredRun> {
  const policy = await lockPolicy(tx, policyId)
  refuseActive(policy)
  await refuseRunning(tx, policyId)
  if ((await lockEvaluated(tx, policy.version)) !== 'reverse') {
    throw new Problem(
      'reverse-window-over',
      `Version ${policy.version} was not live within the last 24 hours, or was prepared anew since. Prepare it like any other.`,
    )
  }
  const [last] = await tx.query<{ gate: Gate }>(
    `SELECT gate FROM catalog_evaluation_runs WHERE target_policy_id = $1 AND status = 'promoted' ORDER BY promoted_at DESC LIMIT 1`,
    [policyId],
  )
  // What it was promoted with is good enough to go back to.
  const { coverageThreshold, maxErrors } = last?.gate ?? {}
  const thresholds = {
    ...(coverageThreshold !== undefined && { coverageThreshold }),
    ...(maxErrors !== undefined && { maxErrors }),
  }
  const run = await insertRun(
    tx,
    policy,
    'rollback',
    { batchSize: 1, parallelism: 1, delayMs: 0 },
    { ...thresholds, ...gate },
  )
  await keepEvaluated(tx, policy.version, 'preparing')
  return run
}

function refuseActive(policy: PolicyRow): void {
  if (!policy.is_active) return
  throw new Problem('policy-active', `Version ${policy.version} is what the public sees already.`)
}

async function insertRun(
  tx: Transaction,
  policy: PolicyRow,
  kind: RunRow['kind'],
  { batchSize, parallelism, delayMs }: Prepare,
  gate: Gate,
): Promise<StoredRun> {
  const [row] = await tx.query<RunRow>(
    `INSERT INTO catalog_evaluation_runs (kind, target_policy_id, target_policy_version, base_policy_version, batch_size,
       parallelism, delay_ms, gate, created_by)
     VALUES ($1, $2, $3, (SELECT version FROM catalog_policies WHERE is_active), $4, $5, $6, $7, $8)
     RETURNING *`,
    [kind, policy.id, policy.version, batchSize, parallelism, delayMs, JSON.stringify(gate), tx.origin.actor],
  )
  const run = row as RunRow
  changed(tx, 'policy-run-started', run, { kind, batchSize, parallelism, delayMs })
  return toRun(run)
}

/** The lock of the policy decides between two that begin one. */
async function refuseRunning(tx: Transaction, policyId: string): Promise<void> {
  const [other] = await tx.query<{ id: string }>(
    `SELECT id FROM catalog_evaluation_runs WHERE target_policy_id = $1 AND status = 'running'`,
    [policyId],
  )
  if (!other) return
  throw new Problem('policy-run-running', `Run ${other.id} of this policy is running. Wait for it, or cancel it.`, {
    members: { runId: other.id },
  })
}

/** Says what people did to a run, and has its workflow read it again. */
function changed(tx: Transaction, type: RunEventType, row: RunRow, data: Record<string, unknown>): void {
  emitRunEvent(tx, type, row, data)
  enqueueRunNudge(tx, row)
}

/** Sends a run's workflow on its way again; `because` tells one repair from another. */
export function enqueueRunNudge(tx: Transaction, row: RunRow, because = ''): void {
  const { id: runId, target_policy_version: policyVersion, version } = row
  tx.enqueueTriggerTask(
    `${runId}/${version}`,
    nudgePolicyRun,
    { runId, policyVersion },
    { idempotencyKey: `policy-run/${runId}/${version}${because}` },
  )
}

/**
 * Cancels a run: when this is committed, no evaluation of it is written any more. Its version leaves the list of those
 * that writers evaluate.
 *
 * @throws Problem `run-not-found`, `run-not-running`
 */
export async function cancelRun(tx: Transaction, runId: string): Promise<StoredRun> {
  const before = await lockRun(tx, runId)
  refuseNotRunning(before)
  const row = await setStatus(tx, runId, 'cancelled')
  // A version that was live a moment ago may still be gone back to.
  if (row.kind === 'rollback') await keepEvaluated(tx, row.target_policy_version, 'reverse')
  else await stopEvaluating(tx, row.target_policy_version)
  changed(tx, 'policy-run-cancelled', row, counters(row))
  return toRun(row)
}

/** Changes how fast a run goes, from its next slice on. @throws Problem `run-not-found`, `run-not-running` */
export async function paceRun(tx: Transaction, runId: string, pace: Pace): Promise<StoredRun> {
  const before = await lockRun(tx, runId)
  refuseNotRunning(before)
  const [row] = await tx.query<RunRow>(
    `UPDATE catalog_evaluation_runs SET batch_size = coalesce($2, batch_size), delay_ms = coalesce($3, delay_ms),
       version = version + 1 WHERE id = $1 RETURNING *`,
    [runId, pace.batchSize ?? null, pace.delayMs ?? null],
  )
  const after = row as RunRow
  changed(tx, 'policy-run-changed', after, {
    before: { batchSize: before.batch_size, delayMs: before.delay_ms },
    after: { batchSize: after.batch_size, delayMs: after.delay_ms },
  })
  return toRun(after)
}

/**
 * Ends a run that cannot go on; it can be resumed from where it stands. A run that is not running any more is left alone.
 */
export async function failRun(tx: Transaction, runId: string, error: string): Promise<StoredRun> {
  const before = await lockRun(tx, runId)
  if (before.status !== 'running') return toRun(before)
  const row = await setStatus(tx, runId, 'failed', error)
  // A rollback that failed leaves its version where it was.
  await keepEvaluated(tx, row.target_policy_version, row.kind === 'rollback' ? 'reverse' : 'resumable')
  emitRunEvent(tx, 'policy-run-failed', row, { error, ...counters(row) })
  return toRun(row)
}

/**
 * Goes on with a failed run: from its cursor while writers kept evaluating its version, otherwise from the start, with a
 * new barrier and cutoff.
 *
 * @throws Problem `run-not-found`, `run-not-failed`, `policy-active`, `policy-run-running`
 */
export async function resumeRun(tx: Transaction, runId: string): Promise<StoredRun> {
  const before = await lockRun(tx, runId)
  if (before.status !== 'failed') {
    throw new Problem('run-not-failed', `The run is ${before.status}; only one that failed can be resumed.`, {
      members: { runStatus: before.status },
    })
  }
  refuseActive(await lockPolicy(tx, before.target_policy_id))
  await refuseRunning(tx, before.target_policy_id)
  const [superseded] = await tx.query(
    'SELECT 1 FROM catalog_evaluation_runs WHERE target_policy_id = $1 AND id > $2 LIMIT 1',
    [before.target_policy_id, runId],
  )
  const kept = (await lockEvaluated(tx, before.target_policy_version)) !== undefined && !superseded
  if (!kept) await forgetProgress(tx, runId)
  const row = await setStatus(tx, runId, 'running')
  await ensurePartition(tx, row.target_policy_version)
  await keepEvaluated(tx, row.target_policy_version, 'preparing')
  changed(tx, 'policy-run-resumed', row, { from: kept ? 'cursor' : 'start', ...counters(row) })
  return toRun(row)
}

async function forgetProgress(tx: Transaction, runId: string): Promise<void> {
  await tx.query('DELETE FROM catalog_evaluation_ranges WHERE run_id = $1', [runId])
  await tx.query(
    `UPDATE catalog_evaluation_runs SET snapshot_cutoff = NULL, total_ready_snapshot = NULL, processed = 0, eligible = 0,
       ineligible = 0, pending = 0, errors = 0, error_sample = '[]' WHERE id = $1`,
    [runId],
  )
}

async function setStatus(
  tx: Transaction,
  runId: string,
  status: 'running' | 'failed' | 'cancelled',
  error: string | null = null,
): Promise<RunRow> {
  const [row] = await tx.query<RunRow>(
    `UPDATE catalog_evaluation_runs SET status = $2, version = version + 1, fence = fence + 1, failing_since = NULL,
       last_error = $3, rate = NULL, finished_at = CASE WHEN $2 <> 'running' THEN clock_timestamp() END
     WHERE id = $1 RETURNING *`,
    [runId, status, error],
  )
  return row as RunRow
}

function refuseNotRunning(row: RunRow): void {
  if (row.status === 'running') return
  throw new Problem(
    'run-not-running',
    `The run is ${row.status}${row.finished_at ? ` since ${row.finished_at.toISOString()}` : ''}.`,
    {
      members: { runStatus: row.status },
    },
  )
}
