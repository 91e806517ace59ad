import type { Client } from '@temporalio/client'
import { type NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker'
import { createFlagScheduleActivities } from '../activities/flag-schedule.ts'
import { createReconcileActivities } from '../activities/reconcile.ts'
import { createSweeper } from '../activities/sweeper.ts'
import type { Log } from '../runtime/log.ts'
import { openDatabase } from '../store/database.ts'
import { dataConverter } from '../temporal/data-converter.ts'
import { createDispatcher, createTaskRunner } from '../temporal/dispatcher.ts'
import type { TemporalNames } from '../temporal/ids.ts'
import { startRelay } from '../temporal/relay.ts'
import { createTasks } from '../temporal/tasks.ts'

export interface WorkerOptions {
  databaseUrl: string
  connection: NativeConnection
  client: Client
  namespace: string
  names: TemporalNames
  workflowBundle: WorkflowBundleOption
  log: Log
}

export interface RunningWorker {
  /** Ends when the worker has stopped; rejects when it broke. */
  done: Promise<void>
  stop(): Promise<void>
}

/** Starts a worker of the queue `timers` with its pools, and the relay. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { databaseUrl: url, client, log, names } = options
  const run = createTaskRunner(createTasks(client, names))
  const relayDb = openDatabase({ url, name: 'relay', log, connections: 2 })
  const dispatcher = createDispatcher(run, () => relayDb, log)
  const db = openDatabase({ url, name: 'sweep', log, connections: 8, dispatcher })
  const batchDb = openDatabase({ url, name: 'batch', log, connections: 2, dispatcher, statementTimeoutMs: 30_000 })
  const sweeper = createSweeper(db, log)
  const worker = await Worker.create({
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: names.queues.timers,
    workflowBundle: options.workflowBundle,
    dataConverter,
    activities: {
      ...createFlagScheduleActivities({ db, sweeper, client }),
      ...createReconcileActivities({ db: batchDb, client, names, log }),
    },
    // Activities that wait for their last second hold a slot, but no connection.
    maxConcurrentActivityTaskExecutions: 2_000,
    // A killed worker's workflows move on after this time; with minutes they stood still for minutes.
    stickyQueueScheduleToStartTimeout: '5s',
    shutdownGraceTime: '10s',
    shutdownForceTime: '20s',
  })
  const stopRelay = startRelay(relayDb, run, log)
  const done = worker.run().finally(async () => {
    await stopRelay()
    await dispatcher.drain()
    await Promise.all([db, batchDb, relayDb].map(({ pool }) => pool.end()))
  })
  return {
    done,
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown()
      await done
    },
  }
}
