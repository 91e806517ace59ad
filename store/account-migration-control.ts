import type { MigrationFinding, MigrationPace, MigrationStatus } from '../domain/account-migration.ts'
import { Problem } from '../domain/problems.ts'
import {
  allowMinutes,
  emitMigrationEvent,
  enqueueMigrationNudge,
  getMigration,
  lockMigration,
  type MigrationRow,
  type StoredMigration,
} from './account-migration-rows.ts'
import { inNoOther } from './account-migrations.ts'
import type { Transaction } from './transaction.ts'

/** Lets the batches under way finish and begins no other, until it is resumed. @throws Problem `migration-not-found`, `migration-state` */
export async function pauseMigration(tx: Transaction, id: string): Promise<StoredMigration> {
  const before = await lockMigration(tx, id)
  requireStatus(before, ['running'], 'paused')
  const row = await setStatus(tx, id, 'paused', tx.origin.reason ?? `paused by ${tx.origin.actor}`)
  return await say(tx, 'account-migration-paused', row)
}

/** Goes on where it stands, in the direction that it had. @throws Problem `migration-not-found`, `migration-state` */
export async function resumeMigration(tx: Transaction, id: string): Promise<StoredMigration> {
  const before = await lockMigration(tx, id)
  requireStatus(before, ['paused', 'halted'], 'resumed')
  // What was not in order was mended by hand: everything of accounts under way is looked at again.
  if (before.status === 'halted') await tx.query('DELETE FROM account_migration_ranges WHERE migration_id = $1', [id])
  const row = await setStatus(tx, id, 'running', null)
  return await say(tx, 'account-migration-resumed', row)
}

/**
 * Ends it: the batches under way finish, no other account is begun. Accounts that are being moved stay so, and are complete
 * in either store; another migration may take them on, and a rollback takes them back, also one that was stopped on its way.
 *
 * @throws Problem `migration-not-found`, `migration-state`
 */
export async function stopMigration(tx: Transaction, id: string): Promise<StoredMigration> {
  const before = await lockMigration(tx, id)
  requireStatus(before, ['running', 'paused', 'halted'], 'stopped')
  const row = await setStatus(tx, id, 'stopped', tx.origin.reason ?? `stopped by ${tx.origin.actor}`)
  await release(tx, id)
  return await say(tx, 'account-migration-stopped', row)
}

/**
 * Takes every account back that this migration has begun, or found on its way back: to the mode rollback, swept back, verified,
 * off. Possible until the way back is closed; a way back that was stopped goes on.
 *
 * @throws Problem `migration-not-found`, `migration-state`, `reverse-window-over`, `account-in-migration`
 */
export async function rollbackMigration(tx: Transaction, id: string): Promise<StoredMigration> {
  const before = await lockMigration(tx, id)
  if (before.direction === 'back' && before.status !== 'stopped') {
    throw new Problem('migration-state', `The migration goes back already; it is ${before.status}.`, {
      members: { migrationStatus: before.status },
    })
  }
  if (before.cleaned_at) {
    throw new Problem('reverse-window-over', `The way back was closed at ${before.cleaned_at.toISOString()}.`)
  }
  await allowMinutes(tx)
  await tx.query(
    `UPDATE account_migration_accounts m SET status = 'moving' FROM accounts a
     WHERE m.migration_id = $1 AND m.status = 'pending' AND a.id = m.account_id AND a.mode = 'rollback'`,
    [id],
  )
  await inNoOther(tx, 'id', () =>
    tx.query(
      `UPDATE account_migration_accounts SET open = true, total = NULL, moved = 0, cleaned = false
       WHERE migration_id = $1 AND status IN ('moving', 'moved')`,
      [id],
    ),
  )
  await tx.query(
    `UPDATE account_migration_accounts SET open = false WHERE migration_id = $1 AND status = 'pending' AND open`,
    [id],
  )
  await tx.query('DELETE FROM account_migration_ranges WHERE migration_id = $1', [id])
  await tx.query(
    `UPDATE account_migrations SET direction = 'back', findings = '[]', next_at = NULL, clean_after = NULL WHERE id = $1`,
    [id],
  )
  const row = await setStatus(tx, id, 'running', null)
  return await say(tx, 'account-migration-rollback', row, { from: before.status })
}

/** Changes how fast it goes, from its next slice on. @throws Problem `migration-not-found`, `migration-state` */
export async function paceMigration(tx: Transaction, id: string, pace: MigrationPace): Promise<StoredMigration> {
  const before = await lockMigration(tx, id)
  requireStatus(before, ['running', 'paused', 'halted'], 'changed')
  const [row] = await tx.query<MigrationRow>(
    `UPDATE account_migrations SET batch_size = coalesce($2, batch_size), delay_ms = coalesce($3, delay_ms),
       parallelism = coalesce($4, parallelism), version = version + 1 WHERE id = $1 RETURNING *`,
    [id, pace.batchSize ?? null, pace.delayMs ?? null, pace.parallelism ?? null],
  )
  const paced = ({ batch_size: batchSize, delay_ms: delayMs, parallelism }: MigrationRow) => ({
    batchSize,
    delayMs,
    parallelism,
  })
  const after = row as MigrationRow
  return await say(tx, 'account-migration-changed', after, { before: paced(before), after: paced(after) })
}

/** Stops by itself, because something is not as it must be in this slice. Does nothing when it is the migration's no more. */
export async function haltMigration(
  tx: Transaction,
  { id, fence }: Pick<MigrationRow, 'id' | 'fence'>,
  reason: string,
  findings: MigrationFinding[] = [],
): Promise<void> {
  const before = await lockMigration(tx, id)
  if (before.status !== 'running' || before.fence !== fence) return
  await setStatus(tx, id, 'halted', reason)
  await tx.query('UPDATE account_migrations SET findings = $2 WHERE id = $1', [id, JSON.stringify(findings)])
  emitMigrationEvent(tx, 'account-migration-halted', id, { reason, findings, cohort: before.cohort })
}

/** Its accounts, wherever they are, are free for another migration. */
export async function release(tx: Transaction, id: string): Promise<void> {
  await allowMinutes(tx)
  await tx.query('UPDATE account_migration_accounts SET open = false WHERE migration_id = $1 AND open', [id])
}

async function setStatus(tx: Transaction, id: string, status: MigrationStatus, reason: string | null) {
  const [row] = await tx.query<MigrationRow>(
    `UPDATE account_migrations SET status = $2, reason = $3, version = version + 1, fence = fence + 1, failing_since = NULL,
       last_error = NULL, rate = NULL, findings = CASE WHEN $2 = 'running' THEN '[]' ELSE findings END,
       finished_at = CASE WHEN $2 = 'stopped' THEN clock_timestamp() END
     WHERE id = $1 RETURNING *`,
    [id, status, reason],
  )
  return row as MigrationRow
}

async function say(
  tx: Transaction,
  type: Parameters<typeof emitMigrationEvent>[1],
  row: MigrationRow,
  data: Record<string, unknown> = {},
): Promise<StoredMigration> {
  const migration = await getMigration(tx, row.id)
  emitMigrationEvent(tx, type, row.id, {
    ...data,
    cohort: row.cohort,
    accounts: migration.accounts,
    notes: migration.notes,
  })
  enqueueMigrationNudge(tx, row)
  return migration
}

function requireStatus(row: MigrationRow, allowed: MigrationStatus[], verb: string): void {
  if (allowed.includes(row.status)) return
  throw new Problem(
    'migration-state',
    `The migration is ${row.status}; only one that is ${allowed.join(' or ')} can be ${verb}.`,
    {
      members: { migrationStatus: row.status },
    },
  )
}
