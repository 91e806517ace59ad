import type { AccountMigration, NewAccountMigration } from '../../domain/account-migration.ts'
import { migrate } from '../../store/migrate.ts'
import { makeAccounts } from '../../store/notes/import.ts'
import type { NoteDatabases } from '../../store/notes/roles.ts'
import { createTestApp, type TestApp } from './app.ts'
import { createTestDatabase } from './database.ts'

/** Two empty note stores, as settings. */
export async function createNoteSettings(): Promise<{ NOTES_LEGACY_URL: string; NOTES_CURRENT_URL: string }> {
  const [legacy, current] = [await createTestDatabase('template1'), await createTestDatabase('template1')]
  for (const url of [legacy, current]) await migrate({ url, schema: 'notes' })
  return { NOTES_LEGACY_URL: legacy, NOTES_CURRENT_URL: current }
}

/** The whole API over a database and two note stores of its own. */
export async function createNotesApp() {
  const url = await createTestDatabase()
  const settings = await createNoteSettings()
  const app = await createTestApp(url, { settings })
  const databases = app.notes?.databases as NoteDatabases & { current: NonNullable<NoteDatabases['current']> }
  return { app, url, settings, databases }
}

/** Makes accounts with so many notes each, named after `prefix`. Returns their ids. */
export async function addAccounts(app: TestApp, prefix: string, notes: number[]): Promise<string[]> {
  const accounts = notes.map((count, n) => ({ id: `${prefix}-${n + 1}`, notes: count }))
  await makeAccounts(app.db, app.notes?.databases as NoteDatabases, accounts, 'alice')
  return accounts.map(({ id }) => id)
}

/** What the live notes of an account are, straight from both stores: `id version title body`, and in how many of them. */
export async function contentOfAccount({ legacy, current }: NoteDatabases, accountId: string) {
  const read = async (db: NoteDatabases['legacy']) =>
    (
      await db.pool.query<{ line: string }>(
        `SELECT id || ' ' || title || ' ' || body || ' ' || created_at || ' ' || updated_at AS line FROM notes WHERE account_id = $1 ORDER BY id`,
        [accountId],
      )
    ).rows.map(({ line }) => line)
  return { legacy: await read(legacy), current: current ? await read(current) : [] }
}

export async function startMigration(app: TestApp, body: Partial<NewAccountMigration>): Promise<AccountMigration> {
  const answer = await app.call('POST', 'account-migrations', body)
  if (answer.status !== 202) throw new Error(JSON.stringify(answer.body))
  return answer.body
}
