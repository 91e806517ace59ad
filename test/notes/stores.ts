import pg from 'pg'
import { afterAll } from 'vitest'
import type { AccountMode, AccountState } from '../../domain/account.ts'
import type { Database } from '../../store/database.ts'
import { migrate } from '../../store/migrate.ts'
import { createNoteStore, openNoteDatabase } from '../../store/notes/postgres.ts'
import { createTestDatabase, quiet } from '../helpers/database.ts'

/** Makes a migrated note store in a database of its own. */
async function createTestNoteStore() {
  const url = await createTestDatabase('template1')
  await migrate({ url, schema: 'notes' })
  const db = openNoteDatabase({ url, log: quiet })
  afterAll(() => db.pool.end())
  return { url, db, store: createNoteStore(db) }
}

export async function createTestNoteStores() {
  const [legacy, current] = [await createTestNoteStore(), await createTestNoteStore()]
  return { legacy, current, stores: { legacy: legacy.store, current: current.store } }
}

export const stateOf = (accountId: string, mode: AccountMode, epoch = 1): AccountState => ({
  accountId,
  mode,
  isMigrating: mode === 'migrating',
  epoch,
})

/** A build from before all this: plain SQL by a role of its own, no versions, no tombstones, no epochs. */
export async function createOlderBuild(url: string, db: Database) {
  const role = `older_${crypto.randomUUID().slice(0, 8)}`
  await db.pool.query(
    `CREATE ROLE ${role} LOGIN PASSWORD 'older'; GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO ${role}`,
  )
  const connectionString = Object.assign(new URL(url), { username: role, password: 'older' }).href
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  afterAll(() => client.end().catch(() => {}))
  return {
    role,
    client,
    connectionString,
    create: (account: string, id: string, title: string) =>
      client.query('INSERT INTO notes (account_id, id, title) VALUES ($1, $2, $3)', [account, id, title]),
    update: async (account: string, id: string, title: string) =>
      (await client.query('UPDATE notes SET title = $3 WHERE account_id = $1 AND id = $2', [account, id, title]))
        .rowCount,
    delete: async (account: string, id: string) =>
      (await client.query('DELETE FROM notes WHERE account_id = $1 AND id = $2', [account, id])).rowCount,
    titles: async (account: string) =>
      (await client.query('SELECT title FROM notes WHERE account_id = $1 ORDER BY id', [account])).rows.map(
        ({ title }) => title,
      ),
  }
}
