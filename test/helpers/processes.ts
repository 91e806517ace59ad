import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { freePort } from '../../dev/ports.ts'
import { ensureDatabases, startPostgres } from '../../dev/postgres.ts'
import type { Exit } from '../../dev/processes.ts'
import { startTemporalServer } from '../../dev/temporal-server.ts'
import { createLog } from '../../runtime/log.ts'
import { type Database, openDatabase, query, type Row } from '../../store/database.ts'
import { migrate } from '../../store/migrate.ts'
import { type TemporalNames, temporalNames } from '../../temporal/ids.ts'
import { createNodePart, createPart, type NodePart, type Part, type Preloaded, runNode } from './parts.ts'

export const JWT_SECRET = 'a secret of the chaos tests, long enough'

const SCRIPTS = {
  worker: { script: 'worker/main.ts', readyWhen: 'Worker is running' },
  api: { script: 'api/main.ts', readyWhen: 'Server listening' },
}

/** Postgres and Temporal, each a process of its own, and what it takes to start the rest of the product. */
export interface Servers {
  postgres: Part
  temporal: Part
  /** A worker or an API of this installation, not started yet; it ends with the servers. */
  another(kind: 'worker' | 'api', env?: NodeJS.ProcessEnv, preloaded?: Preloaded): NodePart
  /** Makes two empty note stores beside the database; what workers and APIs need to know of them. */
  createNoteStores(): Promise<{ NOTES_LEGACY_URL: string; NOTES_CURRENT_URL: string }>
  /** Runs a script with the environment of the worker to its end. */
  run(script: string, args: string[]): Promise<Exit & { lines: string[] }>
  databaseUrl: string
  /** `host:port` */
  temporalAddress: string
  client: Client
  names: TemporalNames
  sql<R extends object = Row>(text: string, values?: unknown[]): Promise<R[]>
  /** The end of what workers and APIs said at level warn and above, for a failed test. */
  complaints(): string
  /** Ends everything and deletes its data. */
  stop(): Promise<void>
}

/** The whole product: Postgres with two note stores, Temporal, one worker and one API, each a process of its own. */
export interface Stack extends Servers {
  worker: NodePart
  api: NodePart
  /** Base URL of the API. */
  url: string
}

/**
 * Starts Postgres as it is in production (crash recovery is real) and Temporal that keeps its data in a file. Stop them
 * when the file has ended.
 *
 * @param temporalArgs more arguments of the Temporal server
 */
export async function startServers(temporalArgs: string[] = []): Promise<Servers> {
  const directory = await mkdtemp(join(tmpdir(), 'interlock-chaos-'))
  const [postgresPort, temporalPort] = [await freePort(), await freePort()]
  let databaseUrl = ''
  const postgres = createPart(async (onSpawn) => {
    const options = { dataDir: join(directory, 'postgres'), port: postgresPort, database: 'interlock', onSpawn }
    const started = await startPostgres(options)
    databaseUrl = started.url
    return started
  })
  const temporal = createPart((onSpawn) =>
    startTemporalServer({
      port: temporalPort,
      dbFile: join(directory, 'temporal.db'),
      logFile: join(directory, 'temporal.log'),
      namespace: 'default',
      args: temporalArgs,
      onSpawn,
    }),
  )
  const nodeParts: NodePart[] = []
  let db: Database | undefined
  let connection: Connection | undefined
  const stop = async () => {
    await connection?.close()
    await db?.pool.end()
    // The last started first: nobody complains about servers that have gone.
    for (const part of [postgres, temporal, ...nodeParts].reverse()) await part.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await Promise.all([postgres.start().then(() => migrate({ url: databaseUrl })), temporal.start()])
    db = openDatabase({ url: databaseUrl, name: 'api', log: createLog('test', 'silent') })
    const temporalAddress = `127.0.0.1:${temporalPort}`
    connection = Connection.lazy({ address: temporalAddress })
    const common = {
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: temporalAddress,
      INTERLOCK_JWT_SECRET: JWT_SECRET,
      LOG_LEVEL: 'info',
    }
    return {
      postgres,
      temporal,
      another(kind, env, preloaded) {
        const { script, readyWhen } = SCRIPTS[kind]
        const part = createNodePart(script, { ...common, ...env }, readyWhen, preloaded)
        nodeParts.push(part)
        return part
      },
      async createNoteStores() {
        const notes = await ensureDatabases(databaseUrl, ['notes_legacy', 'notes_current'])
        for (const url of Object.values(notes)) await migrate({ url, schema: 'notes' })
        return { NOTES_LEGACY_URL: notes.notes_legacy, NOTES_CURRENT_URL: notes.notes_current }
      },
      run: (script, args) => runNode(script, args, common),
      databaseUrl,
      temporalAddress,
      client: new Client({ connection }),
      names: temporalNames(),
      sql: (text, values) => query(db as Database, text, values),
      complaints: () =>
        nodeParts
          .flatMap(({ lines }) => lines)
          .filter((line) => !/"level":"(info|debug)"|"Request failed"/.test(line))
          .map((line) => line.slice(0, 500))
          .slice(-40)
          .join('\n'),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * Starts a product of its own: the servers, one worker and one API as they are deployed. Stop it when the file has ended.
 *
 * @param temporalArgs more arguments of the Temporal server
 */
export async function startStack(temporalArgs: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Stack> {
  const servers = await startServers(temporalArgs)
  try {
    const port = await freePort()
    const notes = await servers.createNoteStores()
    const worker = servers.another('worker', notes)
    const api = servers.another('api', { ...notes, ...env, PORT: String(port) })
    await Promise.all([worker.start(), api.start()])
    return { ...servers, worker, api, url: `http://127.0.0.1:${port}` }
  } catch (error) {
    await servers.stop()
    throw error
  }
}
