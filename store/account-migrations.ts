import type {
  Cohort,
  MigrationAccount,
  MigrationAccountStatus,
  NewAccountMigration,
} from '../domain/account-migration.ts'
import { Problem } from '../domain/problems.ts'
import {
  allowMinutes,
  COUNTED,
  type CountedRow,
  emitMigrationEvent,
  enqueueMigrationNudge,
  getMigration,
  type MigrationRow,
  type StoredMigration,
  toMigration,
} from './account-migration-rows.ts'
import { type Database, query, sqlState } from './database.ts'
import { KEY_CURSOR, type Page, type PageRequest, page, readCursor, UUID_CURSOR } from './page.ts'
import type { Transaction } from './transaction.ts'

/**
 * Begins to move accounts to the current store, cohort by cohort, wherever they stand: one that is going back arrives there
 * first. Whoever calls it has passed the gate.
 *
 * @throws Problem `unknown-account`, `account-mode` for a listed account that is done already, `account-in-migration`,
 *   `migration-empty`
 */
export async function startMigration(tx: Transaction, input: NewAccountMigration): Promise<StoredMigration> {
  const { name, cohorts, pauseBetween, batchSize, delayMs, parallelism } = input
  const [row] = await tx.query<MigrationRow>(
    `INSERT INTO account_migrations (name, cohorts, pause_between, batch_size, delay_ms, parallelism, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *`,
    [name, JSON.stringify(cohorts), pauseBetween, batchSize, delayMs, parallelism, tx.origin.actor],
  )
  const migration = row as MigrationRow
  let accounts = 0
  await allowMinutes(tx)
  for (const [index, cohort] of cohorts.entries()) accounts += await addCohort(tx, migration.id, index, cohort)
  if (accounts === 0) {
    throw new Problem('migration-empty', 'No account of these cohorts is left to move.', {
      fields: [{ field: 'cohorts', message: 'must mean at least one account that is not done' }],
    })
  }
  emitMigrationEvent(tx, 'account-migration-started', migration.id, { name, cohorts: cohorts.length, accounts })
  enqueueMigrationNudge(tx, migration)
  return await getMigration(tx, migration.id)
}

// The hash is Postgres's, the same for ever; a hundredth of a percent is the finest.
const BUCKET = '((hashtextextended(id, 0) & 9223372036854775807) % 10000)'

async function addCohort(tx: Transaction, migrationId: string, index: number, cohort: Cohort): Promise<number> {
  if (cohort.accounts) await refuseUnfit(tx, index, cohort.accounts)
  const [added] = await inNoOther(tx, `cohorts.${index}`, () =>
    tx.query<{ count: number }>(
      `WITH added AS (
         INSERT INTO account_migration_accounts (migration_id, account_id, cohort)
         SELECT $1, id, $2 FROM accounts WHERE mode <> 'done'
           AND ($3::text[] IS NULL OR id = ANY ($3)) AND ($4::float8 IS NULL OR ${BUCKET} < $4::float8 * 100)
         ORDER BY id ON CONFLICT (migration_id, account_id) DO NOTHING RETURNING 1)
       SELECT count(*) FROM added`,
      [migrationId, index + 1, cohort.accounts ?? null, cohort.percentage ?? null],
    ),
  )
  return added?.count ?? 0
}

/**
 * Runs `work`, which makes accounts those of a migration.
 *
 * @throws Problem `account-in-migration`, which names another one that has one of them
 */
export async function inNoOther<T>(tx: Transaction, field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await tx.savepoint(work)
  } catch (error) {
    const [, accountId] = (error as { detail?: string }).detail?.match(/^Key \(account_id\)=\((.*)\)/) ?? []
    if (sqlState(error) !== '23505' || !accountId) throw error
    await refuseInMigration(tx, accountId, field)
    // That one has ended since.
    return await inNoOther(tx, field, work)
  }
}

/** @throws Problem `account-in-migration`, which names the migration, while one has the account under way */
export async function refuseInMigration(tx: Transaction, accountId: string, field = 'mode'): Promise<void> {
  const [row] = await tx.query<{ id: string; name: string }>(
    `SELECT m.id, m.name FROM account_migration_accounts a JOIN account_migrations m ON m.id = a.migration_id
     WHERE a.account_id = $1 AND a.open`,
    [accountId],
  )
  if (!row) return
  const named = row.name ? `"${row.name}" (${row.id})` : `"${row.id}"`
  throw new Problem(
    'account-in-migration',
    `The migration ${named} moves the account "${accountId}". Let it end, or stop it.`,
    {
      fields: [{ field, message: 'must wait until no migration moves the account' }],
      members: { accountId, migrationId: row.id },
    },
  )
}

async function refuseUnfit(tx: Transaction, index: number, accountIds: string[]): Promise<void> {
  const rows = await tx.query<{ id: string; mode: string }>('SELECT id, mode FROM accounts WHERE id = ANY ($1)', [
    accountIds,
  ])
  const modes = new Map(rows.map(({ id, mode }) => [id, mode]))
  for (const [n, id] of accountIds.entries()) {
    const mode = modes.get(id)
    const field = `cohorts.${index}.accounts.${n}`
    if (mode === undefined) {
      throw new Problem('unknown-account', `There is no account "${id}".`, {
        fields: [{ field, message: 'must be the id of an account' }],
      })
    }
    if (mode !== 'done') continue
    throw new Problem('account-mode', `The account "${id}" is done: it is in the current store already.`, {
      fields: [{ field, message: 'must be an account that is not done' }],
    })
  }
}

/** Migrations, the newest first. */
export async function listMigrations(db: Database, { limit, cursor }: PageRequest): Promise<Page<StoredMigration>> {
  const [before] = readCursor(cursor, UUID_CURSOR) ?? []
  const rows = await query<CountedRow>(
    db,
    `${COUNTED} WHERE $1::uuid IS NULL OR m.id < $1 ORDER BY m.id DESC LIMIT $2`,
    [before ?? null, limit + 1],
  )
  return page(rows, limit, toMigration, ({ id }) => [id])
}

/** Accounts of a migration, by id, if asked for of one status. @throws Problem `migration-not-found` */
export async function listMigrationAccounts(
  db: Database,
  migrationId: string,
  { status, limit, cursor }: PageRequest & { status?: MigrationAccountStatus | undefined },
): Promise<Page<MigrationAccount>> {
  await getMigration(db, migrationId)
  const [after] = readCursor(cursor, KEY_CURSOR) ?? []
  const rows = await query<MigrationAccount>(
    db,
    `SELECT m.account_id AS "accountId", m.cohort, m.status, a.mode, a.epoch, m.total, m.moved, r.ranges, r.done AS "rangesDone"
     FROM account_migration_accounts m JOIN accounts a ON a.id = m.account_id CROSS JOIN LATERAL (
       SELECT count(*) AS ranges, count(*) FILTER (WHERE done) AS done FROM account_migration_ranges g
       WHERE g.migration_id = m.migration_id AND g.account_id = m.account_id) r
     WHERE m.migration_id = $1 AND ($2::text IS NULL OR m.status = $2) AND ($3::text IS NULL OR m.account_id > $3)
     ORDER BY m.account_id LIMIT $4`,
    [migrationId, status ?? null, after ?? null, limit + 1],
  )
  return page(
    rows,
    limit,
    (row) => row,
    ({ accountId }) => [accountId],
  )
}

/** Ids of the accounts that a migration has begun. @throws Problem `migration-not-found` */
export async function begunAccounts(db: Database, migrationId: string): Promise<string[]> {
  await getMigration(db, migrationId)
  const rows = await query<{ id: string }>(
    db,
    `SELECT account_id AS id FROM account_migration_accounts WHERE migration_id = $1 AND status <> 'pending' ORDER BY 1`,
    [migrationId],
  )
  return rows.map(({ id }) => id)
}
