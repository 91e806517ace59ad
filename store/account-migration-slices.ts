import type { AccountMode, AccountState } from '../domain/account.ts'
import type { MigrationAccountStatus } from '../domain/account-migration.ts'
import { BY_ITSELF } from '../domain/event.ts'
import { release } from './account-migration-control.ts'
import { emitMigrationEvent, type MigrationRow } from './account-migration-rows.ts'
import { type Database, query } from './database.ts'
import { type Transaction, transaction } from './transaction.ts'

/** How much the last slice weighs in the smoothed rate. */
const RATE_WEIGHT = 0.4

/** Another slice works on the migration, or it is not running any more: nothing was written. */
export class Superseded extends Error {
  override name = 'Superseded'
}

/** A key range of an account, and how far it is swept. */
export interface SweepRange {
  number: number
  cursor: string | null
  through: string | null
}

/**
 * Claims a migration for one slice: everybody who worked on it before is fenced off. Undefined when nothing is to be done now: it is
 * not running, or it waits for its next cohort or for the end of the way back.
 */
export async function claimMigration(db: Database, id: string): Promise<MigrationRow | undefined> {
  const [row] = await query<MigrationRow>(
    db,
    `UPDATE account_migrations SET fence = fence + 1 WHERE id = $1
       AND ((status = 'running' AND (next_at IS NULL OR next_at <= clock_timestamp()))
         OR (status IN ('done', 'rolled-back') AND cleaned_at IS NULL AND clean_after <= clock_timestamp())) RETURNING *`,
    [id],
  )
  return row
}

/** A transaction that is only there while this slice is the migration's: shared, so that a change of the status waits for it. */
export async function guarded<T>(db: Database, slice: MigrationRow, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const guard = async (tx: Transaction) => {
    const [row] = await tx.query('SELECT 1 FROM account_migrations WHERE id = $1 AND fence = $2 FOR SHARE', [
      slice.id,
      slice.fence,
    ])
    if (!row) throw new Superseded()
    return await work(tx)
  }
  return (await transaction(db, guard, { origin: BY_ITSELF })).result
}

/** Accounts that are to be worked on next, the biggest last: those of the cohort under way, or all that were begun, on the way back. */
export async function accountsToMove(db: Database, { id, direction, cohort }: MigrationRow, limit: number) {
  return (
    await query<{ id: string }>(
      db,
      direction === 'forward'
        ? `SELECT account_id AS id FROM account_migration_accounts WHERE migration_id = $1 AND cohort = $2
             AND status IN ('pending', 'moving') ORDER BY status = 'pending', total, account_id LIMIT $3`
        : `SELECT account_id AS id FROM account_migration_accounts WHERE migration_id = $1 AND $2::integer > 0
             AND status IN ('moving', 'moved') ORDER BY status = 'moved', total, account_id LIMIT $3`,
      [id, cohort, limit],
    )
  ).map((row) => row.id)
}

/** Accounts whose notes are not counted yet, in any order: by id, each call reads those that are; 300,000 took 120 s, so 15. */
export async function accountsToCount(db: Database, { id, direction }: MigrationRow) {
  const statuses: MigrationAccountStatus[] = direction === 'forward' ? ['pending', 'moving'] : ['moving', 'moved']
  return await query<{ id: string; mode: AccountMode }>(
    db,
    `SELECT a.id, a.mode FROM account_migration_accounts m JOIN accounts a ON a.id = m.account_id
     WHERE m.migration_id = $1 AND m.total IS NULL AND m.status = ANY ($2) LIMIT 1000`,
    [id, statuses],
  )
}

export async function noteTotals(db: Database, slice: MigrationRow, totals: Map<string, number>): Promise<void> {
  await guarded(db, slice, (tx) =>
    tx.query(
      `UPDATE account_migration_accounts a SET total = t.total
       FROM unnest($2::text[], $3::bigint[]) AS t(id, total) WHERE a.migration_id = $1 AND a.account_id = t.id`,
      [slice.id, [...totals.keys()], [...totals.values()]],
    ),
  )
}

/** Notes that the account is being moved, before anything of it is. */
export async function beginAccount(db: Database, slice: MigrationRow, accountId: string): Promise<void> {
  await guarded(db, slice, (tx) =>
    tx.query(
      `UPDATE account_migration_accounts SET status = 'moving' WHERE migration_id = $1 AND account_id = $2 AND status = 'pending'`,
      [slice.id, accountId],
    ),
  )
}

/** Notes that an account has arrived. */
export async function finishAccount(db: Database, slice: MigrationRow, accountId: string): Promise<void> {
  const status: MigrationAccountStatus = slice.direction === 'forward' ? 'moved' : 'returned'
  await guarded(db, slice, (tx) =>
    tx.query(
      `UPDATE account_migration_accounts SET status = $3, open = ($3 = 'moved') WHERE migration_id = $1 AND account_id = $2`,
      [slice.id, accountId, status],
    ),
  )
}

/** The ranges of an account that are not swept yet; undefined: not cut yet in this epoch, so in this mode. */
export async function readRanges(db: Database, { id }: MigrationRow, { accountId, epoch }: AccountState) {
  const rows = await query<SweepRange & { done: boolean }>(
    db,
    `SELECT number, cursor, through, done FROM account_migration_ranges
     WHERE migration_id = $1 AND account_id = $2 AND epoch = $3 ORDER BY number`,
    [id, accountId, epoch],
  )
  return rows.length > 0 ? rows.filter(({ done }) => !done) : undefined
}

/** Cuts an account at these ids, or (to sweep it again) anew. */
export async function writeRanges(
  db: Database,
  slice: MigrationRow,
  { accountId, epoch }: AccountState,
  cuts: string[],
): Promise<void> {
  await guarded(db, slice, async (tx) => {
    await tx.query('DELETE FROM account_migration_ranges WHERE migration_id = $1 AND account_id = $2', [
      slice.id,
      accountId,
    ])
    await tx.query(
      `INSERT INTO account_migration_ranges (migration_id, account_id, number, cursor, through, epoch)
       SELECT $1, $2, n, lag(through) OVER (ORDER BY n), through, $4
       FROM unnest(array_append($3::uuid[], NULL)) WITH ORDINALITY AS r(through, n)`,
      [slice.id, accountId, cuts, epoch],
    )
  })
}

/** Moves a range's cursor from where it stood. @throws Superseded when it does not stand there any more */
export async function advance(
  db: Database,
  slice: MigrationRow,
  accountId: string,
  range: SweepRange,
  { after, moved }: { after: string | null; moved: number },
): Promise<boolean> {
  const done = after === null || (range.through !== null && after >= range.through)
  await guarded(db, slice, async (tx) => {
    const advanced = await tx.query(
      `UPDATE account_migration_ranges SET cursor = coalesce($5::uuid, cursor), done = $6 WHERE migration_id = $1
         AND account_id = $2 AND number = $3 AND cursor IS NOT DISTINCT FROM $4::uuid AND NOT done RETURNING 1`,
      [slice.id, accountId, range.number, range.cursor, after, done],
    )
    if (advanced.length === 0) throw new Superseded()
    await tx.query(
      'UPDATE account_migration_accounts SET moved = moved + $3 WHERE migration_id = $1 AND account_id = $2',
      [slice.id, accountId, moved],
    )
  })
  return !done
}

/** The gate was passed for the cohort under way. */
export async function beginCohort(db: Database, slice: MigrationRow): Promise<void> {
  await alone(db, slice, async (tx) => {
    await tx.query(
      'UPDATE account_migrations SET gated = cohort, next_at = NULL, version = version + 1 WHERE id = $1',
      [slice.id],
    )
    const { cohort } = slice
    emitMigrationEvent(tx, 'account-migration-cohort-started', slice.id, { cohort, what: slice.cohorts[cohort - 1] })
  })
}

/** Accounts of the cohort under way that have arrived, for a last look; in chunks, by id. */
export async function movedOfCohort(db: Database, { id, cohort }: MigrationRow, after: string): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `SELECT account_id AS id FROM account_migration_accounts WHERE migration_id = $1 AND cohort = $2 AND status = 'moved'
       AND account_id > $3 ORDER BY account_id LIMIT 1000`,
    [id, cohort, after],
  )
  return rows.map((row) => row.id)
}

/** Ends a cohort, and with the last one the migration; on the way back, the migration. Which is the case is asked of the rows. */
export async function finishCohort(db: Database, slice: MigrationRow, reverseWindowHours: number): Promise<void> {
  const { id, direction, cohort, cohorts } = slice
  await alone(db, slice, async (tx) => {
    if (direction === 'forward') emitMigrationEvent(tx, 'account-migration-cohort-moved', id, { cohort })
    if (direction === 'forward' && cohort < cohorts.length) {
      await tx.query(
        `UPDATE account_migrations SET cohort = cohort + 1, version = version + 1,
           next_at = clock_timestamp() + pause_between * interval '1 second' WHERE id = $1`,
        [id],
      )
      return
    }
    await tx.query(
      `UPDATE account_migrations SET status = $2, version = version + 1, finished_at = clock_timestamp(), failing_since = NULL,
         last_error = NULL, clean_after = clock_timestamp() + $3 * interval '1 hour' WHERE id = $1`,
      [id, direction === 'forward' ? 'done' : 'rolled-back', reverseWindowHours],
    )
    await release(tx, id)
    emitMigrationEvent(tx, direction === 'forward' ? 'account-migration-done' : 'account-migration-rolled-back', id, {
      reverseWindowHours,
    })
  })
}

/** Like `guarded`, for what changes the migration's own row. */
async function alone(db: Database, slice: MigrationRow, work: (tx: Transaction) => Promise<void>): Promise<void> {
  const lock = async (tx: Transaction) => {
    const [row] = await tx.query('SELECT 1 FROM account_migrations WHERE id = $1 AND fence = $2 FOR NO KEY UPDATE', [
      slice.id,
      slice.fence,
    ])
    if (!row) throw new Superseded()
    await work(tx)
  }
  await transaction(db, lock, { origin: BY_ITSELF })
}

/** Accounts whose tombstones nobody needs any more, once the way back is closed. */
export async function accountsToClean(db: Database, { id }: MigrationRow): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `SELECT m.account_id AS id FROM account_migration_accounts m JOIN accounts a ON a.id = m.account_id
     WHERE m.migration_id = $1 AND m.status IN ('moved', 'returned') AND NOT m.cleaned AND a.mode IN ('done', 'off')
       AND NOT EXISTS (SELECT FROM account_migration_accounts o WHERE o.account_id = m.account_id AND o.open)
     ORDER BY m.account_id LIMIT 200`,
    [id],
  )
  return rows.map((row) => row.id)
}

export async function noteCleaned(db: Database, slice: MigrationRow, accountId: string): Promise<void> {
  await guarded(db, slice, (tx) =>
    tx.query('UPDATE account_migration_accounts SET cleaned = true WHERE migration_id = $1 AND account_id = $2', [
      slice.id,
      accountId,
    ]),
  )
}

/** The way back is closed, and what it needed is deleted. */
export async function finishCleaning(db: Database, slice: MigrationRow): Promise<void> {
  await alone(db, slice, async (tx) => {
    await tx.query(
      'UPDATE account_migrations SET cleaned_at = clock_timestamp(), version = version + 1 WHERE id = $1',
      [slice.id],
    )
    emitMigrationEvent(tx, 'account-migration-cleaned', slice.id, {})
  })
}

/** Notes how fast a slice went, for the estimate of what is left. */
export async function noteMigrationRate(db: Database, { id, fence }: MigrationRow, notes: number, seconds: number) {
  await query(
    db,
    `UPDATE account_migrations SET rate = coalesce(rate * ${1 - RATE_WEIGHT} + $3 * ${RATE_WEIGHT}, $3), failing_since = NULL,
       last_error = NULL WHERE id = $1 AND fence = $2`,
    [id, fence, notes / seconds],
  )
}

/** Notes that a slice failed. Returns for how many seconds slices have failed since one went well, or moved something. */
export async function noteMigrationFailure(db: Database, { id, fence }: MigrationRow, error: string): Promise<number> {
  const [row] = await query<{ seconds: number }>(
    db,
    `UPDATE account_migrations SET failing_since = coalesce(failing_since, clock_timestamp()), last_error = $3
     WHERE id = $1 AND fence = $2 AND status = 'running'
     RETURNING extract(epoch FROM clock_timestamp() - failing_since)::float8 AS seconds`,
    [id, fence, error],
  )
  return row?.seconds ?? 0
}

/** Notes that a slice went well, whether or not there were notes to move. */
export async function forgetMigrationFailure(db: Database, { id, fence }: MigrationRow): Promise<void> {
  await query(
    db,
    `UPDATE account_migrations SET failing_since = NULL, last_error = NULL
     WHERE id = $1 AND fence = $2 AND failing_since IS NOT NULL`,
    [id, fence],
  )
}
