import { readConfig } from '../runtime/config.ts'
import { createLog } from '../runtime/log.ts'
import { onShutdown } from '../runtime/shutdown.ts'
import { openDatabase, openScanDatabase } from '../store/database.ts'
import { registerInstance } from '../store/note-instances.ts'
import { openNoteStores } from '../store/notes/postgres.ts'
import { connectClient } from '../temporal/connection.ts'
import { createDispatcher, createTaskRunner } from '../temporal/dispatcher.ts'
import { temporalNames } from '../temporal/ids.ts'
import { lastPoll } from '../temporal/pollers.ts'
import { createTasks } from '../temporal/tasks.ts'
import { followAccounts } from './account-follower.ts'
import { build } from './app.ts'
import { followConfiguration } from './snapshot.ts'

const config = readConfig()
const log = createLog('api', config.LOG_LEVEL)
const names = temporalNames(config.INTERLOCK_PREFIX)
const { client, connection, namespace } = connectClient()
const dispatcher = createDispatcher(createTaskRunner(createTasks(client, names)), () => db, log)
const db = openDatabase({ url: config.DATABASE_URL, name: 'api', log, connections: 20, dispatcher })
const scanDb = openScanDatabase({ url: config.DATABASE_URL, log, dispatcher })
const configuration = followConfiguration({ url: config.DATABASE_URL, log })
const noteStores = openNoteStores(config, log)
const notes = noteStores && {
  stores: noteStores.stores,
  databases: noteStores.databases,
  accounts: followAccounts({ url: config.DATABASE_URL, db, stores: noteStores.stores, log }),
}

// Before it serves anybody: an older build may not write beside accounts that move.
const registration =
  notes &&
  (await registerInstance({
    db,
    notesUrl: config.NOTES_LEGACY_URL as string,
    kind: 'api',
    build: config.INTERLOCK_WORKER_BUILD_ID ?? 'unversioned',
    believed: notes.accounts.believed,
    onRefused,
    log,
  }))

const app = await build({
  config,
  log,
  db,
  scanDb,
  configuration,
  notes,
  names,
  temporal: { lastPoll: () => lastPoll(connection, namespace, names.queues) },
})
await app.listen({ port: config.PORT, host: config.HOST })

onShutdown(log, async () => {
  await app.close()
  await dispatcher.drain()
  await registration?.stop()
  await Promise.all([configuration.stop(), notes?.accounts.stop(), noteStores?.close()])
  await Promise.all([db.pool.end(), scanDb.pool.end()])
  await connection.close()
})

function onRefused(error: Error): void {
  log.fatal({ err: error }, 'This build may not write notes any more')
  process.exit(1)
}
