import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import { readConfig } from '../runtime/config.ts'

export interface MigrateOptions {
  url: string
  /** Runs the migrations for real and rolls them back, so that one that would fail fails here. */
  dryRun?: boolean
  /** `notes`: that of a note store, a database of its own. Default: that of the product's database. */
  schema?: keyof typeof SCHEMAS
}

/** A schema of ours: its migrations, and the table that remembers which were run. */
const SCHEMAS = {
  interlock: { directory: '../migrations', table: 'interlock_migrations' },
  notes: { directory: '../migrations/notes', table: 'interlock_note_migrations' },
} as const

/**
 * Brings the database to the current schema: numbered, forward-only SQL files, all in one transaction, one runner at a
 * time. Waits for no lock longer than 5 s, so that a long reader cannot make it block everybody behind it.
 *
 * @returns names of the migrations that were run (with `dryRun`: that would be)
 */
export async function migrate({ url, dryRun = false, schema = 'interlock' }: MigrateOptions): Promise<string[]> {
  const { directory, table } = SCHEMAS[schema]
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
      dir: fileURLToPath(new URL(directory, import.meta.url)),
      migrationsTable: table,
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
    const { DATABASE_URL: url, NOTES_LEGACY_URL: legacy, NOTES_CURRENT_URL: current } = readConfig()
    const names = await migrate({ url, dryRun })
    for (const [store, storeUrl] of Object.entries({ legacy, current })) {
      if (!storeUrl) continue
      const run = await migrate({ url: storeUrl, dryRun, schema: 'notes' })
      names.push(...run.map((name) => `${name} (${store} notes)`))
    }
    if (names.length === 0) console.log('The database is up to date')
    else console.log(`${dryRun ? 'Ran and rolled back' : 'Ran'}: ${names.join(', ')}`)
  } catch (error) {
    console.error(`Migration failed: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
