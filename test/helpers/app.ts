import type { FastifyInstance, InjectOptions } from 'fastify'
import { SignJWT } from 'jose'
import { afterAll, inject } from 'vitest'
import { followAccounts } from '../../api/account-follower.ts'
import { build } from '../../api/app.ts'
import type { NoteAccess } from '../../api/notes.ts'
import { type ConfigurationFollower, followConfiguration } from '../../api/snapshot.ts'
import { readConfig } from '../../runtime/config.ts'
import type { Log } from '../../runtime/log.ts'
import { openScanDatabase } from '../../store/database.ts'
import { openNoteStores } from '../../store/notes/postgres.ts'
import { connectClient } from '../../temporal/connection.ts'
import { createDispatcher, createTaskRunner } from '../../temporal/dispatcher.ts'
import { type TemporalNames, temporalNames } from '../../temporal/ids.ts'
import { lastPoll } from '../../temporal/pollers.ts'
import { createTasks } from '../../temporal/tasks.ts'
import { openTestDatabase, quiet } from './database.ts'

const SECRET = 'a secret of the tests, which is long enough'

export interface TestApp {
  app: FastifyInstance
  names: TemporalNames
  client: ReturnType<typeof connectClient>['client']
  db: ReturnType<typeof openTestDatabase>
  configuration: ConfigurationFollower
  notes: NoteAccess | undefined
  /** Sends a request as an admin; a path without `/` at its start is one of `/api/admin`. */
  call(
    method: NonNullable<InjectOptions['method']>,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
  token(role: string | null, subject?: string): Promise<string>
}

export interface Answer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: bodies of all routes, looked at field by field
  body: any
  headers: Record<string, string | undefined>
}

/** The whole API over a database, with a real connection to Temporal under a prefix of its own. */
export async function createTestApp(databaseUrl: string, { log = quiet as Log, settings = {} } = {}): Promise<TestApp> {
  process.env.TEMPORAL_ADDRESS = inject('services').temporalAddress
  const { client, connection, namespace } = connectClient()
  const names = temporalNames(`test-${crypto.randomUUID().slice(0, 8)}`)
  const dispatcher = createDispatcher(createTaskRunner(createTasks(client, names)), () => db, log)
  const db = openTestDatabase(databaseUrl, { dispatcher, connections: 20, log })
  const scanDb = openScanDatabase({ url: databaseUrl, log, dispatcher })
  const config = readConfig({ DATABASE_URL: databaseUrl, INTERLOCK_JWT_SECRET: SECRET, ...settings })
  const configuration = followConfiguration({ url: databaseUrl, log })
  const temporal = { lastPoll: () => lastPoll(connection, namespace, names.queues) }
  const noteStores = openNoteStores(config, log)
  const notes = noteStores && {
    stores: noteStores.stores,
    databases: noteStores.databases,
    accounts: followAccounts({ url: databaseUrl, db, stores: noteStores.stores, log }),
  }
  const app = await build({ config, log, db, scanDb, configuration, notes, names, temporal })
  afterAll(async () => {
    // A browser's open connections are none of what a stop waits for.
    app.server.closeAllConnections()
    await app.close()
    await dispatcher.drain()
    await Promise.all([scanDb.pool.end(), configuration.stop(), notes?.accounts.stop(), noteStores?.close()])
    await connection.close()
  })
  const token = (role: string | null, subject = 'alice') =>
    new SignJWT(role ? { role } : {})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(subject)
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(SECRET))
  return {
    app,
    names,
    client,
    db,
    configuration,
    notes,
    token,
    async call(method, path, body, headers = {}) {
      const response = await app.inject({
        method,
        url: path.startsWith('/') ? path : `/api/admin/${path}`,
        headers: { authorization: `Bearer ${await token('admin')}`, ...headers },
        ...(body !== undefined && { payload: body as object }),
      })
      const json = response.headers['content-type']?.toString().includes('json')
      return {
        status: response.statusCode,
        body: json ? response.json() : response.body,
        headers: response.headers as Record<string, string>,
      }
    },
  }
}
