import type { EventType } from '../domain/event.ts'
import type { Gate, PolicyRunStatus, PolicyRunSummary } from '../domain/policy-run.ts'
import { Problem } from '../domain/problems.ts'
import { type Database, query } from './database.ts'
import { hasPartition } from './policy-partitions.ts'
import type { Transaction } from './transaction.ts'

/** A run as the store knows it; its workflow's id is added where Temporal's names are known. */
export type StoredRun = Omit<PolicyRunSummary, 'workflowId'>

export interface RunRow {
  id: string
  kind: 'prepare' | 'rollback'
  status: PolicyRunStatus
  target_policy_id: string
  target_policy_version: number
  base_policy_version: number | null
  batch_size: number
  parallelism: number
  delay_ms: number
  snapshot_cutoff: Date | null
  total_ready_snapshot: number | null
  processed: number
  eligible: number
  ineligible: number
  pending: number
  errors: number
  error_sample: PolicyRunSummary['errorSample']
  fence: number
  version: number
  rate: number | null
  failing_since: Date | null
  last_error: string | null
  gate: Gate
  created_by: string
  started_at: Date
  finished_at: Date | null
  promoted_at: Date | null
  promoted_by: string | null
}

export function toRun(row: RunRow): StoredRun {
  const total = row.total_ready_snapshot
  const complete = row.status === 'success' || row.status === 'promoted'
  // Until the end, what is not processed yet may still be.
  const handedOver = complete && total !== null ? Math.max(0, total - row.processed) : 0
  const left = total === null ? null : Math.max(0, total - row.processed - handedOver)
  return {
    runId: row.id,
    kind: row.kind,
    status: row.status,
    targetPolicyId: row.target_policy_id,
    targetPolicyVersion: row.target_policy_version,
    basePolicyVersion: row.base_policy_version,
    totalReadySnapshot: total,
    snapshotCutoff: row.snapshot_cutoff?.toISOString() ?? null,
    processed: row.processed,
    handedOver,
    eligible: row.eligible,
    ineligible: row.ineligible,
    pending: row.pending,
    errors: row.errors,
    errorSample: row.error_sample,
    progress: total === null ? 0 : total === 0 ? 1 : Math.min(1, (row.processed + handedOver) / total),
    batchSize: row.batch_size,
    parallelism: row.parallelism,
    delayMs: row.delay_ms,
    ratePerSecond: row.rate && Math.round(row.rate),
    etaSeconds: row.status === 'running' && row.rate && left !== null ? Math.ceil(left / row.rate) : null,
    failingSince: row.failing_since?.toISOString() ?? null,
    lastError: row.last_error,
    createdBy: row.created_by,
    startedAt: row.started_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
    promotedAt: row.promoted_at?.toISOString() ?? null,
    promotedBy: row.promoted_by,
  }
}

function runNotFound(runId: string): Problem {
  return new Problem('run-not-found', `There is no run "${runId}".`)
}

export async function findRun(db: Database, runId: string): Promise<RunRow | undefined> {
  return (await query<RunRow>(db, 'SELECT * FROM catalog_evaluation_runs WHERE id = $1', [runId]))[0]
}

/** @throws Problem `run-not-found` */
export async function getRun(db: Database, runId: string): Promise<RunRow> {
  const row = await findRun(db, runId)
  if (!row) throw runNotFound(runId)
  return row
}

export interface RunFilter {
  status?: PolicyRunStatus | undefined
  policyId?: string | undefined
  limit: number
  offset: number
}

/** Runs, newest first, and how many there are of them. */
export async function listRuns(db: Database, filter: RunFilter): Promise<{ runs: StoredRun[]; total: number }> {
  const where = `WHERE ($1::text IS NULL OR status = $1) AND ($2::uuid IS NULL OR target_policy_id = $2)`
  const values = [filter.status ?? null, filter.policyId ?? null]
  const rows = await query<RunRow>(
    db,
    `SELECT * FROM catalog_evaluation_runs ${where} ORDER BY id DESC LIMIT $3 OFFSET $4`,
    [...values, filter.limit, filter.offset],
  )
  const [count] = await query<{ total: number }>(
    db,
    `SELECT count(*) AS total FROM catalog_evaluation_runs ${where}`,
    values,
  )
  return { runs: rows.map(toRun), total: count?.total ?? 0 }
}

/** Locks a run, as everything does that changes its status. @throws Problem `run-not-found` */
export async function lockRun(tx: Transaction, runId: string): Promise<RunRow> {
  const [row] = await tx.query<RunRow>('SELECT * FROM catalog_evaluation_runs WHERE id = $1 FOR NO KEY UPDATE', [runId])
  if (!row) throw runNotFound(runId)
  return row
}

export type RunEventType = Extract<EventType, `policy-${string}`>

/** Says in the audit trail what became of a run. */
export function emitRunEvent(tx: Transaction, type: RunEventType, row: RunRow, data: Record<string, unknown>): void {
  tx.emitEvent({ type, policyVersion: row.target_policy_version, runId: row.id, data })
}

/** The run's counters, as events keep them. */
export function counters({ processed, eligible, ineligible, pending, errors }: RunRow) {
  return { processed, eligible, ineligible, pending, errors }
}

/** @throws Problem `run-not-complete`, `evaluations-gone` */
export async function requireEvaluations(db: Database, run: RunRow): Promise<void> {
  if (run.status !== 'success' && run.status !== 'promoted') {
    throw new Problem('run-not-complete', `The run is ${run.status}; there is a diff once it is a success.`, {
      members: { runStatus: run.status },
    })
  }
  for (const version of [run.target_policy_version, run.base_policy_version]) {
    if (version === null || (await hasPartition(db, version))) continue
    throw new Problem('evaluations-gone', `The evaluations of version ${version} were dropped. Prepare it again.`)
  }
}
