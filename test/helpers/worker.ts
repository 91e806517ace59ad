import './quiet-runtime.ts'
import { NativeConnection } from '@temporalio/worker'
import { afterAll, inject } from 'vitest'
import { readConfig, type ScheduleSettings, scheduleSettings } from '../../runtime/config.ts'
import { type RunningWorker, startWorker } from '../../worker/worker.ts'
import type { TestApp } from './app.ts'
import { quiet } from './database.ts'

/** Runs a worker, as `worker/main.ts` does, for the workflows of a test's app; it stops when the file has ended. */
export async function startTestWorker(
  app: TestApp,
  databaseUrl: string,
  settings: Partial<ScheduleSettings> = {},
): Promise<RunningWorker> {
  const { client, names } = app
  const { temporalAddress, bundlePath } = inject('services')
  const connection = await NativeConnection.connect({ address: temporalAddress })
  const worker = await startWorker({
    databaseUrl,
    connection,
    client,
    namespace: 'default',
    names,
    workflowBundle: { codePath: bundlePath },
    notes: app.notes,
    settings: { ...scheduleSettings(readConfig({ DATABASE_URL: databaseUrl })), ...settings },
    log: quiet,
  })
  afterAll(async () => {
    await worker.stop()
    await connection.close()
  })
  return worker
}
