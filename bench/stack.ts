import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startPostgres } from '../dev/postgres.ts'
import { startTemporalServer } from '../dev/temporal-server.ts'
import { migrate } from '../store/migrate.ts'
import { connectClient } from '../temporal/connection.ts'
import { type Application, startApplication } from './application.ts'

/** The services that all rows share: a Postgres and a Temporal of this run alone. */
export interface Stack {
  temporalAddress: string
  versions: { postgres: string; temporal: string }
  /**
   * Makes a migrated database and returns its URL: each competitor has its own. With `copyOf`, a copy of another database
   * that nobody is connected to.
   */
  createDatabase(name: string, copyOf?: string): Promise<string>
  /** Starts an API and a worker on a database; `prefix` keeps their workflows and queues apart. */
  startApplication(databaseUrl: string, prefix: string): Promise<Application>
  /** Ends everything and removes its files. */
  stop(): Promise<void>
}

const TEMPLATE = 'template_migrated'
const NAMESPACE = 'default'

/**
 * Starts Postgres with its default durability (every commit waits for the disk) and a Temporal dev server that keeps
 * its data in a file, as `npm start` does, both in a temporary directory.
 */
export async function startStack(): Promise<Stack> {
  const directory = await mkdtemp(join(tmpdir(), 'interlock-bench-'))
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })]
  const stop = async () => {
    for (let next = stops.pop(); next; next = stops.pop()) await next().catch((error) => console.error(error))
  }
  try {
    const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), port: 0, database: TEMPLATE })
    stops.push(postgres.stop)
    const temporal = await startTemporalServer({
      port: 0,
      dbFile: join(directory, 'temporal.db'),
      logFile: join(directory, 'temporal.log'),
      namespace: NAMESPACE,
    })
    stops.push(temporal.stop)
    await useOnly(temporal.address, join(directory, 'temporal.toml'))
    await migrate({ url: postgres.url })
    const onServer = (database: string) => postgres.url.replace(`/${TEMPLATE}`, `/${database}`)
    const [version] = await select<{ server_version: string }>(postgres.url, 'SHOW server_version')
    return {
      temporalAddress: temporal.address,
      versions: { postgres: version?.server_version ?? '?', temporal: await serverVersion() },
      async createDatabase(name, copyOf = TEMPLATE) {
        const [database, template] = [name, copyOf].map((raw) => pg.escapeIdentifier(raw))
        await select(
          onServer('postgres'),
          `CREATE DATABASE ${database} TEMPLATE ${template} ${copyOf === TEMPLATE ? '' : 'STRATEGY file_copy'}`,
        )
        return onServer(name)
      },
      async startApplication(databaseUrl, prefix) {
        const application = await startApplication({ databaseUrl, prefix, directory })
        stops.push(application.stop)
        return application
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A profile of the user's own may ask for another server, TLS or an API key. */
async function useOnly(address: string, profile: string): Promise<void> {
  for (const name of Object.keys(process.env)) if (name.startsWith('TEMPORAL_')) delete process.env[name]
  await writeFile(profile, `[profile.default]\naddress = "${address}"\nnamespace = "${NAMESPACE}"\n`)
  Object.assign(process.env, {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: NAMESPACE,
    TEMPORAL_CONFIG_FILE: profile,
  })
}

async function serverVersion(): Promise<string> {
  const { connection } = connectClient()
  try {
    return (await connection.workflowService.getSystemInfo({})).serverVersion ?? '?'
  } finally {
    await connection.close()
  }
}

async function select<R extends object>(url: string, statement: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<R>(statement)).rows
  } finally {
    await client.end()
  }
}
