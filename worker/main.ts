import { setTimeout as wait } from 'node:timers/promises'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { DefaultLogger, type LogLevel, NativeConnection, Runtime } from '@temporalio/worker'
import { readConfig, scheduleSettings, workerVersion } from '../runtime/config.ts'
import { createLog, type Log } from '../runtime/log.ts'
import { onShutdown } from '../runtime/shutdown.ts'
import { openDatabase } from '../store/database.ts'
import { registerInstance } from '../store/note-instances.ts'
import { openNoteStores } from '../store/notes/postgres.ts'
import { connectClient } from '../temporal/connection.ts'
import { temporalNames } from '../temporal/ids.ts'
import { ensureReconciler, ensureRetention } from '../temporal/periodic.ts'
import { registerSearchAttributes } from '../temporal/search-attributes.ts'
import { sayUnlessCurrent } from '../temporal/worker-version.ts'
import { bundleWorkflows } from './bundle.ts'
import { startWorker } from './worker.ts'

const config = readConfig()
const log = createLog('worker', config.LOG_LEVEL)

const LEVELS: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'debug',
  WARN: 'warn',
  ERROR: 'error',
}
Runtime.install({
  logger: new DefaultLogger('DEBUG', ({ level, message, meta }) => log[LEVELS[level]](meta ?? {}, message)),
  // Signals are handled below, once for everything in this process.
  shutdownSignals: [],
})

const { client, connection: clientConnection, namespace } = connectClient()
const names = temporalNames(config.INTERLOCK_PREFIX)
const connection = await connectPatiently(log)
await registerSearchAttributes(clientConnection, namespace, log)
const version = workerVersion(config)
const notes = openNoteStores(config, log)
const db = notes && openDatabase({ url: config.DATABASE_URL, name: 'migration', log, connections: 1 })
const build = config.INTERLOCK_WORKER_BUILD_ID ?? 'unversioned'
const notesUrl = config.NOTES_LEGACY_URL as string
const registration = db && (await registerInstance({ db, notesUrl, kind: 'worker', build, onRefused, log }))
const worker = await startWorker({
  databaseUrl: config.DATABASE_URL,
  connection,
  client,
  namespace,
  names,
  workflowBundle: await bundleWorkflows(),
  version,
  settings: scheduleSettings(config),
  notes,
  log,
})
await ensureReconciler(client, names)
await ensureRetention(client, names)
log.info({ namespace, taskQueues: Object.values(names.queues), ...version }, 'Worker is running')

onShutdown(log, async () => {
  await worker.stop()
  await registration?.stop()
  await Promise.all([notes?.close(), db?.pool.end()])
  await connection.close()
})
worker.done.catch((error) => {
  log.fatal({ err: error }, 'Worker broke')
  process.exit(1)
})
if (version) await sayUnlessCurrent(clientConnection, namespace, version, log)

function onRefused(error: Error): void {
  log.fatal({ err: error }, 'This build may not write notes any more')
  process.exit(1)
}

/** Temporal may be on its way up: a worker that waits for it is better than one that has to be started again. */
async function connectPatiently(log: Log): Promise<NativeConnection> {
  const { connectionOptions } = loadClientConnectConfig()
  for (;;) {
    try {
      return await NativeConnection.connect(connectionOptions)
    } catch (error) {
      log.warn({ err: error, address: connectionOptions.address }, 'Temporal cannot be reached; trying again')
      await wait(1_000)
    }
  }
}
