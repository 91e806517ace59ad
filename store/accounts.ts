import type { Account, AccountEdit, AccountMode, AccountState, NewAccount } from '../domain/account.ts'
import { NEXT_MODES } from '../domain/account.ts'
import type { Origin } from '../domain/event.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { Problem } from '../domain/problems.ts'
import { type Database, query } from './database.ts'
import { KEY_CURSOR, type Page, type PageRequest, page, readCursor } from './page.ts'
import type { Transaction } from './transaction.ts'

/** Where processes hear of accounts whose mode has changed; the payload is an `AccountState`. */
export const ACCOUNTS_CHANNEL = 'interlock_accounts'

interface AccountRow {
  id: string
  name: string
  mode: AccountMode
  is_migrating: boolean
  epoch: number
  next_mode: AccountMode | null
  next_epoch: number | null
  next_origin: Origin | null
  version: number
  created_by: string
  created_at: Date
  updated_at: Date
}

function toAccount(row: AccountRow): Account {
  return {
    id: row.id,
    name: row.name,
    mode: row.mode,
    isMigrating: row.is_migrating,
    epoch: row.epoch,
    nextMode: row.next_mode,
    version: row.version,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

function accountNotFound(accountId: string): Problem {
  return new Problem('account-not-found', `There is no account "${accountId}".`)
}

/** @throws Problem `account-not-found` */
export async function getAccount(db: Database, accountId: string): Promise<Account> {
  const [row] = await query<AccountRow>(db, 'SELECT * FROM accounts WHERE id = $1', [accountId])
  if (!row) throw accountNotFound(accountId)
  return toAccount(row)
}

/** Accounts by id, if asked for of one mode. */
export async function listAccounts(
  db: Database,
  { mode, limit, cursor }: PageRequest & { mode?: AccountMode | undefined },
): Promise<Page<Account>> {
  const [after] = readCursor(cursor, KEY_CURSOR) ?? []
  const rows = await query<AccountRow>(
    db,
    `SELECT * FROM accounts WHERE ($1::text IS NULL OR mode = $1) AND ($2::text IS NULL OR id > $2) ORDER BY id LIMIT $3`,
    [mode ?? null, after ?? null, limit + 1],
  )
  return page(rows, limit, toAccount, (row) => [row.id])
}

/**
 * Creates an account in the mode off. It is a change of mode that is under way until both stores know the account.
 *
 * @throws Problem `account-exists`
 */
export async function createAccount(tx: Transaction, { id, name }: Omit<NewAccount, 'isMigrating'>): Promise<Account> {
  const [row] = await tx.query<AccountRow>(
    `INSERT INTO accounts (id, name, next_mode, next_epoch, next_origin, created_by) VALUES ($1, $2, 'off', 1, $3, $4)
     ON CONFLICT (id) DO NOTHING RETURNING *`,
    [id, name, tx.origin, tx.origin.actor],
  )
  if (!row) {
    throw new Problem('account-exists', `There is an account "${id}".`, {
      fields: [{ field: 'id', message: 'must be new' }],
    })
  }
  tx.emitEvent({ type: 'account-created', data: { accountId: id, after: { name } } })
  return toAccount(row)
}

/**
 * Changes the name.
 *
 * @throws Problem `account-not-found`, `revision-mismatch`
 */
export async function editAccount(
  tx: Transaction,
  accountId: string,
  { name }: Pick<AccountEdit, 'name'>,
  expectedVersion?: number,
): Promise<Account> {
  const before = await lockAccount(tx, accountId)
  requireCurrent('The account', { version: before.version }, expectedVersion)
  if (name === undefined || name === before.name) return toAccount(before)
  const [row] = await tx.query<AccountRow>(
    'UPDATE accounts SET name = $2, version = version + 1, updated_at = clock_timestamp() WHERE id = $1 RETURNING *',
    [accountId, name],
  )
  tx.emitEvent({ type: 'account-updated', data: { accountId, before: { name: before.name }, after: { name } } })
  return toAccount(row as AccountRow)
}

/**
 * Writes down that an account is to change its mode, or (the same mode) its epoch alone. From here on the change is
 * completed, by whoever finds it.
 *
 * @throws Problem `account-not-found`, `account-mode` when the mode may not follow, `busy` when the account was changed since
 */
export async function intendMode(
  tx: Transaction,
  accountId: string,
  to: AccountMode,
  fromEpoch: number,
): Promise<void> {
  const { mode, epoch, next_mode: next } = await lockAccount(tx, accountId)
  if (epoch !== fromEpoch || next !== null) {
    throw new Problem('busy', 'The account is being moved by another request. Send it again in a moment.')
  }
  if (to !== mode) refuseMode(mode, to)
  await tx.query('UPDATE accounts SET next_mode = $2, next_epoch = epoch + 1, next_origin = $3 WHERE id = $1', [
    accountId,
    to,
    tx.origin,
  ])
}

/** @throws Problem `account-mode` unless `to` may follow `mode` */
export function refuseMode(mode: AccountMode, to: AccountMode): void {
  const next = NEXT_MODES[mode]
  if (next.includes(to)) return
  throw new Problem('account-mode', `The account is ${mode}, and goes from there to ${next.join(' or ')} only.`, {
    fields: [{ field: 'mode', message: `must be ${next.join(' or ')}` }],
    members: { mode, next },
  })
}

/** Accounts by id, up to `limit` after `after`, that are in one store and in no migration that is under way. */
export async function accountsAtRest(db: Database, after: string, limit: number): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `SELECT a.id FROM accounts a WHERE a.id > $1 AND a.mode IN ('off', 'done') AND a.next_mode IS NULL
       AND NOT EXISTS (SELECT FROM account_migration_accounts m WHERE m.account_id = a.id AND m.open)
     ORDER BY a.id LIMIT $2`,
    [after, limit],
  )
  return rows.map(({ id }) => id)
}

/** A change of mode that is under way. */
export interface IntendedMode {
  mode: AccountMode
  epoch: number
  origin: Origin
}

/** An account as operations carry it, and the change that is under way. @throws Problem `account-not-found` */
export async function readState(
  db: Database,
  accountId: string,
): Promise<{ state: AccountState; next: IntendedMode | null }> {
  const [row] = await query<AccountRow>(db, 'SELECT * FROM accounts WHERE id = $1', [accountId])
  if (!row) throw accountNotFound(accountId)
  const { next_mode: mode, next_epoch: epoch, next_origin: origin } = row
  return { state: toState(row), next: mode && epoch && origin ? { mode, epoch, origin } : null }
}

/**
 * Publishes a change that both stores know, and tells all processes at the commit. Does nothing when somebody else has.
 */
export async function publishMode(tx: Transaction, accountId: string, { epoch }: IntendedMode): Promise<void> {
  const before = await lockAccount(tx, accountId)
  if (before.next_epoch !== epoch) return
  const [row] = await tx.query<AccountRow>(
    `UPDATE accounts SET mode = next_mode, epoch = next_epoch, next_mode = NULL, next_epoch = NULL, next_origin = NULL,
       version = version + 1, updated_at = clock_timestamp() WHERE id = $1 RETURNING *`,
    [accountId],
  )
  const state = toState(row as AccountRow)
  const data = { accountId, before: { mode: before.mode }, after: { mode: state.mode }, epoch }
  if (before.epoch > 0 && before.mode !== state.mode) tx.emitEvent({ type: 'account-mode-changed', data })
  await tx.query('SELECT pg_notify($1, $2)', [ACCOUNTS_CHANNEL, JSON.stringify(state)])
}

function toState({ id: accountId, mode, is_migrating: isMigrating, epoch }: AccountRow): AccountState {
  return { accountId, mode, isMigrating, epoch }
}

async function lockAccount(tx: Transaction, accountId: string): Promise<AccountRow> {
  const [row] = await tx.query<AccountRow>('SELECT * FROM accounts WHERE id = $1 FOR NO KEY UPDATE', [accountId])
  if (!row) throw accountNotFound(accountId)
  return row
}
