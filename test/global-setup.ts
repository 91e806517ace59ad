import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sparticuz from '@sparticuz/chromium'
import type { TestProject } from 'vitest/node'
import { createPidsFile, type StackProcess, startReaper } from '../dev/leftovers.ts'
import { startPostgres } from '../dev/postgres.ts'
import { startTemporalServer } from '../dev/temporal-server.ts'
import { buildWebIfStale } from '../dev/web-build.ts'
import { createLog } from '../runtime/log.ts'
import { migrate } from '../store/migrate.ts'
import { connectClient } from '../temporal/connection.ts'
import { registerSearchAttributes } from '../temporal/search-attributes.ts'
import { bundleWorkflows } from '../worker/bundle.ts'

export interface Services {
  /** Postgres without a database's name: each test file has a database of its own, copied from the template. */
  postgresUrl: string
  templateDatabase: string
  temporalAddress: string
  /** File with the bundled workflows, so that they are bundled once. */
  bundlePath: string
  /** Undefined where no package has one. */
  chromiumPath: string | undefined
}

declare module 'vitest' {
  interface ProvidedContext {
    services: Services
  }
}

const TEMPLATE = 'interlock_template'

/** Starts the real Postgres and the real Temporal that all tests share, once a run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'interlock-test-'))
  const pids = join(directory, 'pids.json')
  // A run that is killed, by a timeout for one, leaves no server behind.
  const reaper = startReaper(pids)
  const pidsFile = createPidsFile(pids)
  const spawned: StackProcess[] = []
  const onSpawn = (name: string) => (pid: number) => {
    spawned.push({ name, pid })
    void pidsFile.write(spawned)
  }
  const [postgres, temporal, bundle, chromiumPath] = await Promise.all([
    startPostgres({
      dataDir: join(directory, 'postgres'),
      port: 0,
      database: TEMPLATE,
      settings: { fsync: 'off', max_connections: '300' },
      onSpawn: onSpawn('Postgres'),
    }),
    startTemporalServer({
      port: 0,
      logFile: join(directory, 'temporal.log'),
      namespace: 'default',
      // So that continue-as-new comes within a test.
      args: ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=150'],
      onSpawn: onSpawn('Temporal'),
    }),
    bundleWorkflows(),
    // Once a run: two files that unpacked it side by side would start what is not all there yet.
    process.env.CHROMIUM_PATH ?? sparticuz.executablePath().catch(() => undefined),
    buildWebIfStale(),
  ])
  await migrate({ url: postgres.url })
  process.env.TEMPORAL_ADDRESS = temporal.address
  const { connection, namespace } = connectClient()
  await registerSearchAttributes(connection, namespace, createLog('test', 'warn'))
  await connection.close()

  const bundlePath = join(directory, 'workflows.js')
  await writeFile(bundlePath, bundle.code)
  project.provide('services', {
    postgresUrl: postgres.url.replace(`/${TEMPLATE}`, ''),
    templateDatabase: TEMPLATE,
    temporalAddress: temporal.address,
    bundlePath,
    chromiumPath,
  })
  return async () => {
    await Promise.all([postgres.stop(), temporal.stop()])
    reaper.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  }
}
