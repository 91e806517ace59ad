import { type Database, query } from '../database.ts'
import { transaction } from '../transaction.ts'
import type { NoteDatabases } from './roles.ts'

/** An account with so many made-up notes. */
export interface MadeAccount {
  id: string
  notes: number
}

/**
 * Makes accounts in the mode off with notes in the legacy store, all at once: 1,000 accounts with 35,000 notes take about a
 * second. Those that exist already stay as they are. The stores come first: an account that is there can be used.
 *
 * @returns how many were made
 */
export async function makeAccounts(
  db: Database,
  notes: NoteDatabases,
  accounts: MadeAccount[],
  actor: string,
): Promise<number> {
  const known = await query<{ id: string }>(db, 'SELECT id FROM accounts WHERE id = ANY ($1)', [
    accounts.map(({ id }) => id),
  ])
  const taken = new Set(known.map(({ id }) => id))
  const fresh = accounts.filter(({ id }) => !taken.has(id))
  const ids = fresh.map(({ id }) => id)
  for (const store of [notes.legacy, notes.current]) {
    if (!store) continue
    await query(
      store,
      'INSERT INTO account_epochs (account_id, epoch) SELECT id, 1 FROM unnest($1::text[]) AS id ON CONFLICT DO NOTHING',
      [ids],
    )
  }
  await query(
    notes.legacy,
    `INSERT INTO notes (account_id, id, title, body)
     SELECT id, uuidv7(), 'Note ' || n, 'Note ' || n || ' of ' || id
     FROM unnest($1::text[], $2::integer[]) AS a(id, notes), generate_series(1, a.notes) AS n
     WHERE NOT EXISTS (SELECT FROM notes o WHERE o.account_id = a.id)`,
    [ids, fresh.map(({ notes: count }) => count)],
  )
  const insert = async (tx: Parameters<Parameters<typeof transaction>[1]>[0]) => {
    const rows = await tx.query<{ id: string }>(
      `INSERT INTO accounts (id, name, epoch, created_by) SELECT id, id, 1, $2 FROM unnest($1::text[]) AS id
       ON CONFLICT (id) DO NOTHING RETURNING id`,
      [ids, actor],
    )
    for (const { id } of rows) tx.emitEvent({ type: 'account-created', data: { accountId: id, after: { name: id } } })
    return rows.length
  }
  return (await transaction(db, insert, { origin: { actor, door: 'http' } })).result
}
