import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from './ports.ts'
import { ensureCluster, PASSWORD, USER } from './postgres-cluster.ts'
import { launchFor, type PostgresLaunch } from './postgres-launch.ts'
import { clearStalePostmaster, endOrphanedBackends } from './postgres-stale.ts'
import { describeExit, type Exit, endProcess, exitOf, openLog } from './processes.ts'

/** What to start. */
export interface PostgresOptions {
  /** created with `initdb` on first use, kept afterwards */
  dataDir: string
  /** port on 127.0.0.1; 0 = any free one */
  port: number
  /** created when missing */
  database: string
  /** server settings, e.g. `{ fsync: 'off' }`; they win over the defaults below */
  settings?: Readonly<Record<string, string>>
  /** where the server's output is appended; default `<dataDir>.log` */
  logFile?: string
  /** how long crash recovery and start may take; default 120,000 ms */
  startTimeoutMs?: number
  /** told as soon as there is a postmaster, long before it is ready */
  onSpawn?: (pid: number) => void
}

/** A running server. */
export interface Postgres {
  /** connection string of the database, as a superuser */
  url: string
  port: number
  /** of the postmaster */
  pid: number
  /** fast shutdown, then immediate, then SIGKILL; resolves when it is gone, and at once when it is gone already */
  stop(): Promise<void>
  /** resolves when the postmaster has ended, for whatever reason */
  exited: Promise<Exit>
}

const DEFAULTS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // No socket file: two clusters then can't meet in /tmp, and nothing is left behind by a SIGKILL.
  unix_socket_directories: '',
  max_connections: '200',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
}

/**
 * Starts Postgres from the npm package's binaries and waits until its database accepts queries. What an earlier run
 * left behind is handled: an unfinished `initdb`, a stale `postmaster.pid`, a crash to recover from, and a postmaster
 * that still runs on this directory (it is stopped first).
 * @throws when it can't be started; the message carries the last lines of its log
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const dataDir = resolve(options.dataDir)
  const logFile = resolve(options.logFile ?? `${dataDir}.log`)
  await mkdir(dirname(dataDir), { recursive: true })
  const launch = await launchFor(dataDir)
  await clearStalePostmaster(dataDir)
  await ensureCluster(dataDir, launch, options.settings?.fsync === 'off')

  const port = options.port || (await freePort())
  const deadline = Date.now() + (options.startTimeoutMs ?? 120_000)
  for (;;) {
    const log = openLog(logFile)
    const { child, exited } = spawnPostmaster(launch, dataDir, port, log.fd, options.settings)
    log.close()
    if (child.pid) options.onSpawn?.(child.pid)
    const stop = () => stopPostmaster(child, exited)
    try {
      await Promise.race([
        untilReady(port, dataDir, options.database, deadline),
        exited.then((exit) => Promise.reject(new Error(`it ended with ${describeExit(exit)}`))),
      ])
      const url = connectionString(port, options.database)
      return { url, port, pid: child.pid as number, stop, exited }
    } catch (error) {
      await stop()
      const lines = await log.lastLines()
      // Backends of a postmaster that was killed bar the way by the memory they share, until they notice.
      const wait = /pre-existing shared memory block/.test(lines.slice(lines.lastIndexOf('FATAL')))
      if (!wait || Date.now() > deadline) {
        throw new Error(`Postgres did not start on port ${port}: ${(error as Error).message}\n${lines}`.trimEnd())
      }
      await endOrphanedBackends(dataDir)
      await delay(50)
    }
  }
}

function spawnPostmaster(
  launch: PostgresLaunch,
  dataDir: string,
  port: number,
  log: number,
  settings: PostgresOptions['settings'],
): { child: ChildProcess; exited: Promise<Exit> } {
  const flags = Object.entries({ ...DEFAULTS, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const [command, ...args] = launch.command('postgres', ['-D', dataDir, '-p', String(port), ...flags])
  const child = spawn(command as string, args, {
    ...launch.identity,
    env: launch.env,
    // Its own process group: Ctrl-C in a terminal must reach it only through stop(), in order.
    detached: true,
    stdio: ['ignore', log, log],
  })
  return { child, exited: exitOf(child) }
}

async function stopPostmaster(child: ChildProcess, exited: Promise<Exit>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  await endProcess(child.pid, [
    ['SIGINT', 10_000],
    ['SIGQUIT', 3_000],
    ['SIGKILL', 3_000],
  ])
  await exited
}

/** Waits until *this* cluster answers (not another one on the same port), then makes sure of the database. */
async function untilReady(port: number, dataDir: string, database: string, deadline: number): Promise<void> {
  for (;;) {
    const client = new pg.Client({ connectionString: connectionString(port, 'postgres') })
    client.on('error', () => {})
    let identified = false
    try {
      await client.connect()
      const { rows } = await client.query("SELECT current_setting('data_directory') AS directory")
      if (rows[0].directory !== dataDir) throw new Error(`another Postgres listens on port ${port}`)
      identified = true
      const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database])
      if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`)
      return
    } catch (error) {
      if (identified || Date.now() > deadline) throw error
    } finally {
      await client.end().catch(() => {})
    }
    await delay(25)
  }
}

/**
 * Makes databases beside the one that was started with.
 *
 * @returns their connection strings, by name
 */
export async function ensureDatabases<Name extends string>(url: string, names: Name[]): Promise<Record<Name, string>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const urls = {} as Record<Name, string>
    for (const name of names) {
      const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
      if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
      urls[name] = Object.assign(new URL(url), { pathname: `/${name}` }).href
    }
    return urls
  } finally {
    await client.end()
  }
}

function connectionString(port: number, database: string): string {
  return `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/${encodeURIComponent(database)}`
}
