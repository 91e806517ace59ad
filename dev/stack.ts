import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { loadDemo } from './demo.ts'
import { loadDemoAccounts } from './demo-accounts.ts'
import { loadDemoCatalog } from './demo-catalog.ts'
import { loadDemoGameplan } from './demo-gameplan.ts'
import { loadDemoPlan } from './demo-plan.ts'
import { createPidsFile, endLeftovers } from './leftovers.ts'
import { lockDataDir } from './lock.ts'
import { nodeService, runNode } from './node-process.ts'
import { requireFreePorts } from './ports.ts'
import { ensureDatabases, startPostgres } from './postgres.ts'
import { clearStalePostmaster } from './postgres-stale.ts'
import { apiUrl, childEnvironment, portWishes, type StackSettings } from './settings.ts'
import { Supervisor } from './supervisor.ts'
import { findTemporalCli } from './temporal-cli.ts'
import { startTemporalServer } from './temporal-server.ts'
import { createToken } from './token.ts'
import { buildWebIfStale } from './web-build.ts'

export interface StackOptions {
  settings: StackSettings
  env: NodeJS.ProcessEnv
  /** takes a line for the user */
  say: (line: string) => void
  /** takes a line of output of the worker or the API */
  print: (line: string) => void
  /** told when a service ended too often and was given up */
  onGiveUp: (error: Error) => void
}

/** The local stack; `start` once, then `stop` or `kill`. */
export interface Stack {
  /** resolves with what there is to know about it when everything is ready; rejects when a step fails or on `stop` */
  start(): Promise<{ apiUrl: string; temporalUiUrl: string | null; databaseUrl: string }>
  /** stops what runs, in order; may be called while it starts */
  stop(): Promise<void>
  /** ends every process at once */
  kill(): void
}

/** Makes a stack of Postgres, Temporal, worker and API; nothing happens before `start`. */
export function createStack({ settings, env, say, print, onGiveUp }: StackOptions): Stack {
  const { dataDir, root } = settings
  const pids = createPidsFile(dataDir.pids)
  const stopping = new AbortController()
  const supervisor = new Supervisor({
    say,
    onGiveUp,
    onChange: (processes) => {
      pids.write(processes).catch((error) => say(`The pids file could not be written: ${error.message}`))
    },
  })
  let unlock: (() => Promise<void>) | undefined
  let finished: Promise<unknown> = Promise.resolve()

  const postgres = (port: number) =>
    supervisor.start({
      name: 'Postgres',
      start: (onSpawn) =>
        startPostgres({ dataDir: dataDir.postgres, port, database: 'interlock', logFile: log('postgres'), onSpawn }),
      lastLines: async () => `see ${log('postgres')}`,
    })
  const temporal = (options: NonNullable<StackSettings['temporal']>, cli: string) =>
    supervisor.start({
      name: 'Temporal',
      start: (onSpawn) =>
        startTemporalServer({ ...options, dbFile: dataDir.temporal, logFile: log('temporal'), cli, onSpawn }),
      lastLines: async () => `see ${log('temporal')}`,
    })
  const script = (name: string, file: string, stopMs: number, childEnv: NodeJS.ProcessEnv) =>
    ({ name, script: file, root, env: childEnv, print, logFile: log(name.toLowerCase()), stopMs }) as const

  async function start() {
    const { signal } = stopping
    unlock = await lockDataDir(dataDir)
    const leftOver = await endLeftovers(dataDir.pids)
    if (leftOver.length > 0) say(`Ended what an earlier run left behind: ${leftOver.join(', ')}`)
    if (settings.postgresPort) await clearStalePostmaster(dataDir.postgres)
    await requireFreePorts(portWishes(settings))
    const cli = settings.temporal && (await unlessStopped(findTemporalCli({ env, progress: say })))
    signal.throwIfAborted()

    const begun = Date.now()
    const webBuilt = buildWeb()
    const [ownPostgres, ownTemporal] = await allOrFirstError([
      settings.postgresPort ? postgres(settings.postgresPort) : null,
      settings.temporal && cli ? temporal(settings.temporal, cli) : null,
    ])
    const databaseUrl = ownPostgres?.url ?? (env.DATABASE_URL as string)
    const temporalUiUrl = ownTemporal?.uiUrl ?? null
    const which = (own: unknown, variable: string) => (own ? 'started' : `yours (${variable})`)
    say(`Postgres ${which(ownPostgres, 'DATABASE_URL')}, Temporal ${which(ownTemporal, 'TEMPORAL_*')}${since(begun)}`)
    signal.throwIfAborted()

    const notes = ownPostgres && (await ensureDatabases(ownPostgres.url, ['notes_legacy', 'notes_current']))
    const childEnv = await childEnvironment(settings, env, {
      databaseUrl: ownPostgres?.url,
      notes: notes && { legacyUrl: notes.notes_legacy, currentUrl: notes.notes_current },
      temporalAddress: ownTemporal?.address,
      temporalUiUrl,
    })
    await migrate(childEnv)
    signal.throwIfAborted()

    await webBuilt
    signal.throwIfAborted()
    const waitFrom = Date.now()
    await supervisor.start(nodeService(script('Worker', 'worker/main.ts', 6_000, childEnv)))
    signal.throwIfAborted()
    await supervisor.start(nodeService(script('API', 'api/main.ts', 4_000, childEnv)))
    await untilReady()
    say(`Worker and API are ready${since(waitFrom)}`)
    await demo(childEnv)
    return { apiUrl: apiUrl(settings), temporalUiUrl, databaseUrl }
  }

  /** For what takes long and leaves nothing to stop. */
  function unlessStopped<T>(work: Promise<T>): Promise<T> {
    const stopped = new Promise<never>((_, reject) => {
      stopping.signal.addEventListener('abort', () => reject(stopping.signal.reason), { once: true })
    })
    return Promise.race([work, stopped])
  }

  /** The API does without: a UI that cannot be built is no reason to take the stack down. */
  async function buildWeb() {
    try {
      const seconds = await buildWebIfStale()
      if (seconds !== undefined) say(`Admin UI is built (${seconds.toFixed(1)} s)`)
    } catch (error) {
      say(`The admin UI could not be built: ${(error as Error).message}`)
    }
  }

  async function migrate(childEnv: NodeJS.ProcessEnv) {
    const begun = Date.now()
    const { code, output } = await runNode({
      ...script('Migrations', 'store/migrate.ts', 5_000, childEnv),
      onSpawn: (running) => stopping.signal.addEventListener('abort', () => running.stop(), { once: true }),
    })
    stopping.signal.throwIfAborted()
    if (code !== 0) throw new Error(`The database could not be brought up to date:\n${output}`)
    say(`Database is up to date${since(begun)}`)
  }

  async function untilReady() {
    const patience = setTimeout(() => say('Still waiting for the API to be ready…'), 20_000)
    try {
      for (let ready = false; !ready; ) {
        await delay(100, undefined, { signal: stopping.signal })
        ready = await fetch(`${apiUrl(settings)}/readyz`, { signal: AbortSignal.timeout(5_000) }).then(
          (answer) => answer.ok,
          () => false,
        )
      }
    } finally {
      clearTimeout(patience)
    }
  }

  /**
   * The flags once per data directory, the catalog once per database; a demo that fails is no reason to take the stack
   * down.
   */
  async function demo(childEnv: NodeJS.ProcessEnv) {
    const secret = childEnv.INTERLOCK_JWT_SECRET
    if (!settings.demo || !secret) return
    try {
      const token = await createToken({ secret, subject: 'demo', role: 'admin', expiresIn: '5m' })
      const api = { url: apiUrl(settings), token }
      if (!existsSync(dataDir.demoLoaded)) {
        const made = await loadDemo(api)
        const planned = await loadDemoPlan(api)
        const gameplan = await loadDemoGameplan(api)
        await writeFile(dataDir.demoLoaded, `${new Date().toISOString()}\n`)
        if (made.length > 0) say(`Demo flags: ${made.join(', ')} (INTERLOCK_DEMO=0 for none)`)
        if (planned) say(`Demo release plan of ${planned}: at a tenth; at half in 30 s, then it waits for an approval`)
        if (gameplan) say('Demo gameplan watch-later: two of five patches are merged, its flag is created')
      }
      const madeFrom = Date.now()
      const moving = await loadDemoAccounts(childEnv)
      if (moving) {
        const [accounts, notes] = [moving.accounts, moving.notes].map((count) => count.toLocaleString('en'))
        say(`Demo accounts: ${accounts} with ${notes} notes in the legacy store${since(madeFrom)}`)
      }
      const begun = Date.now()
      const films = await loadDemoCatalog(api)
      if (films === undefined) return
      say(`Demo catalog: ${films.toLocaleString('en')} films, policy 1 live, policy 2 ready to prepare${since(begun)}`)
    } catch (error) {
      stopping.signal.throwIfAborted()
      say(`${(error as Error).message} (the stack runs on without it)`)
    }
  }

  function log(name: string): string {
    return join(dataDir.logs, `${name}.log`)
  }

  return {
    start: () => {
      const started = start()
      finished = started.catch(() => {})
      return started
    },
    stop: async () => {
      stopping.abort(new Error('stopped'))
      await supervisor.stop()
      await finished
      // What start() still began in the meantime.
      await supervisor.stop()
      // Without the lock the pids file belongs to another stack.
      if (!unlock) return
      await pids.write([])
      await unlock()
    },
    kill: () => {
      stopping.abort(new Error('stopped'))
      supervisor.kill()
    },
  }
}

/** Like Promise.all, but waits for all of them, so that no start is still under way when the error is known. */
async function allOrFirstError<T extends readonly unknown[]>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises)
  return Promise.all(promises)
}

function since(begun: number): string {
  return ` (${((Date.now() - begun) / 1_000).toFixed(1)} s)`
}
