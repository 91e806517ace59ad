import pg from 'pg'
import { afterAll, inject } from 'vitest'
import type { Origin } from '../../domain/event.ts'
import { createLog } from '../../runtime/log.ts'
import { type Database, type DatabaseOptions, openDatabase } from '../../store/database.ts'
import { type Transaction, transaction } from '../../store/transaction.ts'

export const quiet = createLog('test', 'silent')
export const alice: Origin = { actor: 'alice', door: 'http' }

/** Makes a database for a test file, a copy of the migrated template; returns its URL. It goes when the file has ended. */
export async function createTestDatabase(template = inject('services').templateDatabase): Promise<string> {
  const { postgresUrl } = inject('services')
  const name = `test_${crypto.randomUUID().replaceAll('-', '')}`
  const admin = async (statement: string) => {
    const client = new pg.Client({ connectionString: `${postgresUrl}/postgres` })
    await client.connect()
    await client.query(statement)
    await client.end()
  }
  await admin(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  afterAll(() => admin(`DROP DATABASE ${name} WITH (FORCE)`))
  return `${postgresUrl}/${name}`
}

/** Opens a pool that is closed when the file has ended. */
export function openTestDatabase(url: string, options: Partial<DatabaseOptions> = {}): Database {
  const db = openDatabase({ url, name: 'api', log: quiet, ...options })
  afterAll(() => db.pool.end())
  return db
}

/** Runs `work` as alice and returns its result. */
export async function asAlice<T>(db: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return (await transaction(db, work, { origin: alice })).result
}

/** The first row of a statement, for looking past the store's own functions. */
export async function one<R extends object = Record<string, unknown>>(
  db: Database,
  sql: string,
  values: unknown[] = [],
): Promise<R> {
  return (await db.pool.query<R>(sql, values)).rows[0] as R
}
