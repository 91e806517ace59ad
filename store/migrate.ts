import { parseArgs } from 'node:util'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import { readConfig } from '../runtime/config.ts'

export interface MigrateOptions {
  url: string
  /** Runs the migrations and rolls them back, so that a migration that would fail fails here. */
  dryRun?: boolean
  /** Hears one line at a time. */
  log?: (line: string) => void
}

/**
 * Brings the database to the current schema: numbered, forward-only SQL files, all in one transaction, one runner at a
 * time. Waits for no lock longer than 5 s, so that a long reader cannot make it block everybody behind it.
 *
 * @returns names of the migrations that were run (with `dryRun`: that would be)
 */
export async function migrate({ url, dryRun = false, log = () => {} }: MigrateOptions): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, options: '-c lock_timeout=5000', application_name: 'interlock-migrate' })
  await client.connect()
  try {
    const { rows } = await client.query<{ version: number }>(`SELECT current_setting('server_version_num')::int AS version`)
    if ((rows[0]?.version ?? 0) < 180_000) throw new Error('Interlock needs Postgres 18 or newer')
    const run = await runner({
      dbClient: client,
      dir: new URL('../migrations', import.meta.url).pathname,
      migrationsTable: 'interlock_migrations',
      direction: 'up',
      checkOrder: true,
      advisoryLockMode: 'wait',
      dryRun,
      logger: { debug: () => {}, info: log, warn: log, error: log },
    })
    return run.map((migration) => migration.name)
  } finally {
    await client.end()
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false } } })
  const dryRun = values['dry-run']
  try {
    const names = await migrate({ url: readConfig().DATABASE_URL, dryRun, ...(dryRun && { log: (line: string) => console.log(line) }) })
    if (names.length === 0) console.log('The database is up to date')
    else console.log(`${dryRun ? 'Would run' : 'Ran'} ${names.join(', ')}`)
  } catch (error) {
    console.error(`Migration failed: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
