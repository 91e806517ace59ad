import type { Client } from '@temporalio/client'
import type { VersioningBehavior, WorkerDeploymentVersion } from '@temporalio/common'
import { type NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker'
import { type AccountMigrationDependencies, createAccountMigrationActivities } from '../activities/account-migration.ts'
import { createChangeRequestActivities } from '../activities/change-request.ts'
import { createFlagScheduleActivities } from '../activities/flag-schedule.ts'
import { createGameplanActivities } from '../activities/gameplan.ts'
import { createPolicyRunActivities } from '../activities/policy-run.ts'
import { createReconcileActivities } from '../activities/reconcile.ts'
import { createReleasePlanActivities } from '../activities/release-plan.ts'
import { createRetentionActivities } from '../activities/retention.ts'
import { createSweeper } from '../activities/sweeper.ts'
import type { ScheduleSettings } from '../runtime/config.ts'
import type { Log } from '../runtime/log.ts'
import { openBatchDatabase, openDatabase, openScanDatabase } from '../store/database.ts'
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
  /** Turns Worker Versioning on: it gets tasks when Temporal is told that this version is current, or ramping. */
  version?: WorkerDeploymentVersion
  settings: ScheduleSettings
  /** The note stores, between which accounts move; the caller closes them. */
  notes?: AccountMigrationDependencies['notes']
  log: Log
}

export interface RunningWorker {
  /** Ends when the worker has stopped; rejects when it broke. */
  done: Promise<void>
  stop(): Promise<void>
}

/** Starts workers of the queues `timers` and `batch` with their pools, and the relay. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { databaseUrl: url, client, log, names, settings, version } = options
  const run = createTaskRunner(createTasks(client, names))
  const relayDb = openDatabase({ url, name: 'relay', log, connections: 2 })
  const dispatcher = createDispatcher(run, () => relayDb, log)
  const db = openDatabase({ url, name: 'sweep', log, connections: 8, dispatcher })
  const batchDb = openBatchDatabase({ url, log })
  const scanDb = openScanDatabase({ url, log, dispatcher })
  const migrationDb = openDatabase({
    url,
    name: 'migration',
    log,
    connections: 10,
    statementTimeoutMs: 30_000,
    dispatcher,
  })
  const sweeper = createSweeper(db, log, { retries: settings.retries })
  const common = {
    connection: options.connection,
    namespace: options.namespace,
    workflowBundle: options.workflowBundle,
    dataConverter,
    // A killed worker's workflows move on after this time; with minutes they stood still for minutes.
    stickyQueueScheduleToStartTimeout: '5s',
    shutdownGraceTime: '10s',
    shutdownForceTime: '20s',
  } as const
  const timers = await Worker.create({
    ...common,
    taskQueue: names.queues.timers,
    // They may wait for months: they go on with the version that is current.
    ...(version && versioned(version, 'AUTO_UPGRADE')),
    activities: {
      ...createFlagScheduleActivities({ db, sweeper, client, guards: settings.guards }),
      ...createReleasePlanActivities({ db, client }),
      ...createChangeRequestActivities({ db, client, guards: settings.guards }),
      ...createGameplanActivities({ db, client, guards: settings.guards }),
      ...createReconcileActivities({ db: scanDb, client, names, log }),
      ...createRetentionActivities({
        ...{ db: scanDb, log, notes: options.notes },
        ...{ retention: settings.retention, reverseWindowHours: settings.reverseWindowHours },
      }),
    },
    // Activities that wait for their last second hold a slot, but no connection.
    maxConcurrentActivityTaskExecutions: 2_000,
  })
  const batch = await Worker.create({
    ...common,
    taskQueue: names.queues.batch,
    ...(version && versioned(version, 'PINNED')),
    activities: {
      ...createPolicyRunActivities({ db: batchDb, scanDb, client, log }),
      ...createAccountMigrationActivities({
        ...{ db: migrationDb, client, notes: options.notes, reverseWindowHours: settings.reverseWindowHours, log },
      }),
    },
    // Each works on several ranges at once; more would only queue up at Postgres.
    maxConcurrentActivityTaskExecutions: 4,
  })
  const stopRelay = startRelay(relayDb, run, log)
  const workers = [timers, batch]
  const shutdown = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
  }
  // One that breaks takes the other with it, so that the process ends and is started anew.
  const running = workers.map((worker) => worker.run().finally(shutdown))
  const done = Promise.allSettled(running).then(async (ends) => {
    await stopRelay()
    await dispatcher.drain()
    await Promise.all([db, batchDb, scanDb, migrationDb, relayDb].map(({ pool }) => pool.end()))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  })
  return {
    done,
    async stop() {
      shutdown()
      await done
    },
  }
}

// Of the worker, not of the workflow's file: a workflow that says so itself fails on workers without a version.
function versioned(version: WorkerDeploymentVersion, defaultVersioningBehavior: VersioningBehavior) {
  return { workerDeploymentOptions: { useWorkerVersioning: true, version, defaultVersioningBehavior } } as const
}
