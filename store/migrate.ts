import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import { readConfig } from '../runtime/config.ts'

export interface MigrateOptions {
  url: string
  /** Runs the migrations for real and rolls them back, so that one that would fail fails here. */
  dryRun?: boolean
}

/**
 * Brings the database to the current schema: numbered, forward-only SQL files, all in one transaction, one runner at a
 * time. Waits for no lock longer than 5 s, so that a long reader cannot make it block everybody behind it.
 *
 * @returns names of the migrations that were run (with `dryRun`: that would be)
 */
export async function migrate({ url, dryRun = false }: MigrateOptions): Promise<string[]> {
  const client = new pg.Client({
    connectionString: url,
    options: '-c lock_timeout=5000',
    application_name: 'interlock-migrate',
  })
  await client.connect()
  if (dryRun) rollBackInsteadOfCommit(client)
  try {
    const { rows } = await client.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int AS version`,
    )
    if ((rows[0]?.version ?? 0) < 180_000) throw new Error('Interlock needs Postgres 18 or newer')
    const run = await runner({
      dbClient: client,
      dir: fileURLToPath(new URL('../migrations', import.meta.url)),
      migrationsTable: 'interlock_migrations',
      direction: 'up',
      checkOrder: true,
      singleTransaction: true,
      advisoryLockMode: 'wait',
      logger: { debug: () => {}, info: () => {}, warn: console.warn, error: console.error },
    })
    return run.map((migration) => migration.name)
  } finally {
    await client.end()
  }
}

// The library's own dry run only prints the SQL.
function rollBackInsteadOfCommit(client: pg.Client): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const rolledBack = (text: unknown, ...rest: unknown[]) => query(text === 'COMMIT' ? 'ROLLBACK' : text, ...rest)
  client.query = rolledBack as typeof client.query
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false } } })
  const dryRun = values['dry-run']
  try {
    const names = await migrate({ url: readConfig().DATABASE_URL, dryRun })
    if (names.length === 0) console.log('The database is up to date')
    else console.log(`${dryRun ? 'Ran and rolled back' : 'Ran'}: ${names.join(', ')}`)
  } catch (error) {
    console.error(`Migration failed: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
