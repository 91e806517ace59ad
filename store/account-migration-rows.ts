import type { AccountMigration, Cohort, MigrationFinding, MigrationStatus } from '../domain/account-migration.ts'
import type { EventType } from '../domain/event.ts'
import { Problem } from '../domain/problems.ts'
import type { Database } from './database.ts'
import { nudgeAccountMigration } from './tasks.ts'
import { ask, type Transaction } from './transaction.ts'

/** A migration as the store knows it; its workflow's id is added where Temporal's names are known. */
export type StoredMigration = Omit<AccountMigration, 'workflowId'>

export interface MigrationRow {
  id: string
  name: string
  status: MigrationStatus
  direction: 'forward' | 'back'
  cohorts: Cohort[]
  cohort: number
  gated: number
  next_at: Date | null
  pause_between: number
  batch_size: number
  delay_ms: number
  parallelism: number
  reason: string | null
  findings: MigrationFinding[]
  fence: number
  version: number
  rate: number | null
  failing_since: Date | null
  last_error: string | null
  created_by: string
  started_at: Date
  finished_at: Date | null
  clean_after: Date | null
  cleaned_at: Date | null
}

/** A row with what its accounts add up to. */
export interface CountedRow extends MigrationRow {
  pending: number
  moving: number
  moved: number
  returned: number
  notes_total: number
  notes_moved: number
  wait_ms: number
}

// What writers move is not counted by the sweep: an account that has arrived counts in full.
export const COUNTED = `
  SELECT m.*, c.*, ceil(1000 * greatest(0, extract(epoch FROM
      CASE WHEN m.status IN ('done', 'rolled-back') THEN m.clean_after ELSE m.next_at END - clock_timestamp())))::float8 AS wait_ms
  FROM account_migrations m CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE status = 'pending') AS pending, count(*) FILTER (WHERE status = 'moving') AS moving,
      count(*) FILTER (WHERE status = 'moved') AS moved, count(*) FILTER (WHERE status = 'returned') AS returned,
      coalesce(sum(total) FILTER (WHERE m.direction = 'forward' OR status <> 'pending'), 0)::bigint AS notes_total,
      coalesce(sum(CASE WHEN status = (CASE m.direction WHEN 'forward' THEN 'moved' ELSE 'returned' END) THEN total
        ELSE least(a.moved, total) END) FILTER (WHERE m.direction = 'forward' OR status <> 'pending'), 0)::bigint AS notes_moved
    FROM account_migration_accounts a WHERE a.migration_id = m.id) c`

export function toMigration(row: CountedRow): StoredMigration {
  const { pending, moving, moved, returned, notes_total: total, notes_moved: done } = row
  const arrived = row.direction === 'forward' ? moved : returned
  const accounts = row.direction === 'forward' ? pending + moving + moved : moving + moved + returned
  const final = row.status === 'done' || row.status === 'rolled-back'
  const progress = total > 0 ? done / total : accounts > 0 ? arrived / accounts : 0
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    direction: row.direction,
    cohorts: row.cohorts,
    cohort: row.cohort,
    nextAt: row.next_at?.toISOString() ?? null,
    pauseBetween: row.pause_between,
    batchSize: row.batch_size,
    delayMs: row.delay_ms,
    parallelism: row.parallelism,
    accounts: { pending, moving, moved, returned },
    notes: { total, moved: done },
    progress: final ? 1 : Math.min(1, progress),
    ratePerSecond: row.rate && Math.round(row.rate),
    etaSeconds: row.status === 'running' && row.rate ? Math.ceil((total - done) / row.rate) : null,
    reason: row.reason,
    findings: row.findings,
    failingSince: row.failing_since?.toISOString() ?? null,
    lastError: row.last_error,
    createdBy: row.created_by,
    startedAt: row.started_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
    cleanAfter: row.clean_after?.toISOString() ?? null,
    cleanedAt: row.cleaned_at?.toISOString() ?? null,
  }
}

function migrationNotFound(id: string): Problem {
  return new Problem('migration-not-found', `There is no migration "${id}".`)
}

/** Locks a migration, as everything does that changes its status. @throws Problem `migration-not-found` */
export async function lockMigration(tx: Transaction, id: string): Promise<MigrationRow> {
  const [row] = await tx.query<MigrationRow>('SELECT * FROM account_migrations WHERE id = $1 FOR NO KEY UPDATE', [id])
  if (!row) throw migrationNotFound(id)
  return row
}

/** A migration with its counts, and how long nothing is to be done for it, in milliseconds; undefined: it is gone. */
export async function findMigration(
  from: Database | Transaction,
  id: string,
): Promise<{ migration: StoredMigration; waitMs: number } | undefined> {
  const [row] = await ask<CountedRow>(from, `${COUNTED} WHERE m.id = $1`, [id])
  return row && { migration: toMigration(row), waitMs: row.wait_ms }
}

/** A migration with its counts. @throws Problem `migration-not-found` */
export async function getMigration(from: Database | Transaction, id: string): Promise<StoredMigration> {
  const found = await findMigration(from, id)
  if (!found) throw migrationNotFound(id)
  return found.migration
}

/** For statements over all accounts of a migration: 300,000 took 9 s to begin and 4 s to stop, and a request's may take 4 s. */
export async function allowMinutes(tx: Transaction): Promise<void> {
  await tx.query(`SET LOCAL statement_timeout = '5min'`)
}

/** Says in the audit trail what became of a migration, under its id as the run's. */
export function emitMigrationEvent(
  tx: Transaction,
  type: Extract<EventType, `account-migration-${string}`>,
  migrationId: string,
  data: Record<string, unknown>,
): void {
  tx.emitEvent({ type, runId: migrationId, data })
}

/** Has the migration's workflow read its row; `because` tells one repair from another. */
export function enqueueMigrationNudge(
  tx: Transaction,
  { id, version }: Pick<MigrationRow, 'id' | 'version'>,
  because = '',
): void {
  const idempotencyKey = `account-migration/${id}/${version}${because}`
  tx.enqueueTriggerTask(id, nudgeAccountMigration, { migrationId: id }, { idempotencyKey })
}
