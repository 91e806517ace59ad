import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import { REPOSITORY } from '../../dev/data-dir.ts'
import { freePort } from '../../dev/ports.ts'
import { startPostgres } from '../../dev/postgres.ts'
import { describeExit, type Exit, endProcess, exitOf } from '../../dev/processes.ts'
import { startTemporalServer } from '../../dev/temporal-server.ts'
import { createLog } from '../../runtime/log.ts'
import { type Database, openDatabase, query, type Row } from '../../store/database.ts'
import { migrate } from '../../store/migrate.ts'
import { type TemporalNames, temporalNames } from '../../temporal/ids.ts'

export const JWT_SECRET = 'a secret of the chaos tests, long enough'

interface Running {
  pid: number
  exited: Promise<Exit>
  stop(): Promise<void>
}

/** A real process that can be ended and started again, on the same port and data. */
export interface Part {
  /** Resolves when it serves. */
  start(): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGSTOP: it stands still and does not know it, until `resume`. */
  pause(): Promise<void>
  /** SIGCONT. */
  resume(): Promise<void>
  /** Ends it as an operator would, SIGKILL if that does not help. Resolves with how it ended; undefined: it did not run. */
  stop(): Promise<Exit | undefined>
  isRunning(): boolean
}

/** A part that runs a script of ours. */
interface NodePart extends Part {
  /** What it has printed, of all its lives. */
  lines: string[]
}

/** The whole product: Postgres, Temporal, one worker and one API, each a process of its own. */
export interface Stack {
  postgres: Part
  temporal: Part
  worker: NodePart
  api: NodePart
  /** Another worker of the same installation, not started yet; it ends with the stack. */
  anotherWorker(): NodePart
  /** Runs a script with the environment of the worker to its end. */
  run(script: string, args: string[]): Promise<Exit & { lines: string[] }>
  /** Base URL of the API. */
  url: string
  databaseUrl: string
  client: Client
  names: TemporalNames
  sql<R extends object = Row>(text: string, values?: unknown[]): Promise<R[]>
  /** The end of what worker and API said at level warn and above, for a failed test. */
  complaints(): string
  /** Ends everything and deletes its data. */
  stop(): Promise<void>
}

// Whatever becomes of the test run, as long as it may still run code: nothing is left behind.
const alive = new Set<number>()
process.once('exit', () => {
  for (const pid of alive) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {}
  }
})

function createPart(launch: (onSpawn: (pid: number) => void) => Promise<Running>): Part {
  let current: Promise<Running | undefined> = Promise.resolve(undefined)
  let running = false
  const launchAndWatch = async () => {
    const pids: number[] = []
    try {
      const started = await launch((pid) => {
        pids.push(pid)
        alive.add(pid)
      })
      running = true
      void started.exited.then(() => {
        running = false
        alive.delete(started.pid)
      })
      return started
    } catch (error) {
      // Launchers end what they could not start.
      for (const pid of pids) alive.delete(pid)
      throw error
    }
  }
  const signal = async (name: NodeJS.Signals) => {
    const process_ = await current
    if (!process_) throw new Error('It does not run')
    process.kill(process_.pid, name)
    return process_
  }
  return {
    async start() {
      if (running) throw new Error('It runs already')
      const starting = launchAndWatch()
      // Whoever stops it meanwhile waits for this; a failure is told to whoever started it.
      current = starting.catch(() => undefined)
      await starting
    },
    async kill() {
      const process_ = await signal('SIGKILL')
      await process_.exited
    },
    async pause() {
      await signal('SIGSTOP')
    },
    async resume() {
      await signal('SIGCONT')
    },
    async stop() {
      const process_ = await current
      current = Promise.resolve(undefined)
      await process_?.stop()
      return await process_?.exited
    },
    isRunning: () => running,
  }
}

function createNodePart(script: string, env: NodeJS.ProcessEnv, readyWhen: string): NodePart {
  const lines: string[] = []
  const launch = async (onSpawn: (pid: number) => void): Promise<Running> => {
    const from = lines.length
    const { pid, exited } = spawnNode(script, [], env, lines)
    onSpawn(pid)
    const stop = async () => {
      await endProcess(pid, [
        ['SIGTERM', 40_000],
        ['SIGKILL', 5_000],
      ])
      await exited
    }
    let ended: Exit | undefined
    void exited.then((exit) => (ended = exit))
    const deadline = Date.now() + 60_000
    while (!lines.slice(from).some((line) => line.includes(readyWhen))) {
      if (ended || Date.now() > deadline) {
        await stop()
        const how = ended ? `ended with ${describeExit(ended)}` : 'did not say that it is ready'
        throw new Error(`${script} ${how}:\n${lines.slice(from).slice(-20).join('\n')}`)
      }
      await wait(20)
    }
    return { pid, exited, stop }
  }
  return { ...createPart(launch), lines }
}

function spawnNode(script: string, args: string[], env: NodeJS.ProcessEnv, lines: string[]) {
  const child = spawn(process.execPath, [join(REPOSITORY, script), ...args], {
    cwd: REPOSITORY,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => lines.push(line))
  }
  return { pid: child.pid as number, exited: exitOf(child) }
}

/**
 * Starts a product of its own: Postgres as it is in production (crash recovery is real), Temporal that keeps its data
 * in a file, worker and API as they are deployed. Stop it when the file has ended, also when `startStack` threw half-way.
 *
 * @param temporalArgs more arguments of the Temporal server
 */
export async function startStack(temporalArgs: string[] = []): Promise<Stack> {
  const directory = await mkdtemp(join(tmpdir(), 'interlock-chaos-'))
  const [postgresPort, temporalPort, apiPort] = [await freePort(), await freePort(), await freePort()]
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
  const parts: Part[] = [postgres, temporal]
  let db: Database | undefined
  let connection: Connection | undefined
  const stop = async () => {
    await connection?.close()
    await db?.pool.end()
    // The last started first: nobody complains about servers that have gone.
    for (const part of parts.reverse()) await part.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await Promise.all([postgres.start().then(() => migrate({ url: databaseUrl })), temporal.start()])
    db = openDatabase({ url: databaseUrl, name: 'api', log: createLog('test', 'silent') })
    connection = Connection.lazy({ address: `127.0.0.1:${temporalPort}` })
    const env = {
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}`,
      INTERLOCK_JWT_SECRET: JWT_SECRET,
      PORT: String(apiPort),
      LOG_LEVEL: 'info',
    }
    const newWorker = () => {
      const part = createNodePart('worker/main.ts', env, 'Worker is running')
      parts.push(part)
      return part
    }
    const worker = newWorker()
    const api = createNodePart('api/main.ts', env, 'Server listening')
    parts.push(api)
    await Promise.all([worker.start(), api.start()])
    return {
      postgres,
      temporal,
      worker,
      api,
      anotherWorker: newWorker,
      run: async (script, args) => {
        const lines: string[] = []
        const { pid, exited } = spawnNode(script, args, env, lines)
        alive.add(pid)
        const exit = await exited.finally(() => alive.delete(pid))
        return { ...exit, lines }
      },
      url: `http://127.0.0.1:${apiPort}`,
      databaseUrl,
      client: new Client({ connection }),
      names: temporalNames(),
      sql: (text, values) => query(db as Database, text, values),
      complaints: () =>
        [...worker.lines, ...api.lines]
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
