import { readConfig } from '../runtime/config.ts'
import { createLog } from '../runtime/log.ts'
import { onShutdown } from '../runtime/shutdown.ts'
import { openDatabase, openScanDatabase } from '../store/database.ts'
import { connectClient } from '../temporal/connection.ts'
import { createDispatcher, createTaskRunner } from '../temporal/dispatcher.ts'
import { temporalNames } from '../temporal/ids.ts'
import { lastPoll } from '../temporal/pollers.ts'
import { createTasks } from '../temporal/tasks.ts'
import { build } from './app.ts'

const config = readConfig()
const log = createLog('api', config.LOG_LEVEL)
const names = temporalNames(config.INTERLOCK_PREFIX)
const { client, connection, namespace } = connectClient()
const dispatcher = createDispatcher(createTaskRunner(createTasks(client, names)), () => db, log)
const db = openDatabase({ url: config.DATABASE_URL, name: 'api', log, connections: 20, dispatcher })
const scanDb = openScanDatabase({ url: config.DATABASE_URL, log, dispatcher })

const app = await build({
  config,
  log,
  db,
  scanDb,
  names,
  temporal: { lastPoll: () => lastPoll(connection, namespace, names.queues) },
})
await app.listen({ port: config.PORT, host: config.HOST })

onShutdown(log, async () => {
  await app.close()
  await dispatcher.drain()
  await Promise.all([db.pool.end(), scanDb.pool.end()])
  await connection.close()
})
