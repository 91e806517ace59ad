import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import { freePort, isPortAnswering, isPortFree } from './ports.ts'
import { describeExit, type Exit, endProcess, exitOf, openLog } from './processes.ts'
import { findTemporalCli } from './temporal-cli.ts'

/** What to start. */
export interface TemporalServerOptions {
  /** gRPC port on 127.0.0.1; 0 = any free one */
  port: number
  /** port of the Web UI; without it there is no UI */
  uiPort?: number
  /** SQLite file that keeps the data over a restart; without it everything is in memory */
  dbFile?: string
  /** where the server's own output is appended */
  logFile: string
  /** registered before the server is reported as started */
  namespace: string
  /** more arguments of `temporal server start-dev`, e.g. dynamic configuration */
  args?: readonly string[]
  /** path of the CLI; default: what `findTemporalCli()` finds */
  cli?: string
  /** how long the server may take to serve; default 60,000 ms */
  startTimeoutMs?: number
  /** told as soon as there is a process, before it serves */
  onSpawn?: (pid: number) => void
}

/** A running server. */
export interface TemporalServer {
  /** `127.0.0.1:<port>` */
  address: string
  /** null without a Web UI */
  uiUrl: string | null
  pid: number
  /** SIGTERM, SIGKILL after 5 s; resolves when the process is gone, and at once when it is gone already */
  stop(): Promise<void>
  /** resolves when the process has ended, for whatever reason */
  exited: Promise<Exit>
}

/**
 * Starts a Temporal dev server and waits until its namespace answers.
 * @throws when it ends or does not serve in time; the message carries the last lines of its log
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const cli = options.cli ?? (await findTemporalCli())
  const port = options.port || (await freePort())
  const address = `127.0.0.1:${port}`
  // The server does not end on a busy port, and whoever holds it would pass for the one that is started here.
  if (!(await isPortFree(port))) throw new Error(`Temporal did not start on ${address}: the port is in use`)
  if (options.dbFile) mkdirSync(dirname(resolve(options.dbFile)), { recursive: true })
  const log = openLog(options.logFile)
  const child = spawn(cli, serverArguments(options, port), {
    // Its own process group: Ctrl-C in a terminal must reach it only through stop(), in order.
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: withoutTemporalVariables(process.env),
  })
  log.close()
  const exited = exitOf(child)
  const pid = await spawned(child.pid, exited)
  options.onSpawn?.(pid)
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    await endProcess(pid, [
      ['SIGTERM', 5_000],
      ['SIGKILL', 5_000],
    ])
    await exited
  }
  try {
    await Promise.race([
      untilServing(port, options.namespace, options.startTimeoutMs ?? 60_000),
      exited.then((exit) => Promise.reject(new Error(`it ended with ${describeExit(exit)}`))),
    ])
  } catch (error) {
    await stop()
    const lines = await log.lastLines()
    throw new Error(`Temporal did not start on ${address}: ${(error as Error).message}\n${lines}`.trimEnd())
  }
  return { address, uiUrl: options.uiPort ? `http://127.0.0.1:${options.uiPort}` : null, pid, stop, exited }
}

function serverArguments(options: TemporalServerOptions, port: number): string[] {
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'warn']
  args.push('--namespace', options.namespace)
  if (options.uiPort) args.push('--ui-port', String(options.uiPort), '--ui-disable-news-fetch')
  else args.push('--headless')
  if (options.dbFile) {
    // The defaults sync the file at every write: 2-3 times slower, and the outbox heals what a power cut takes.
    args.push('--db-filename', resolve(options.dbFile))
    args.push('--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL')
  }
  return [...args, ...(options.args ?? [])]
}

/** Waits until the frontend answers and knows the namespace: it opens its port a little before it serves. */
async function untilServing(port: number, namespace: string, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs
  let last = 'nothing listens'
  for (; Date.now() < deadline; await delay(20)) {
    // gRPC waits a second after a refused connection; a plain connect tells sooner when it is worth to try.
    if (!(await isPortAnswering(port))) continue
    try {
      const connection = await Connection.connect({ address: `127.0.0.1:${port}`, connectTimeout: 2_000 })
      try {
        await connection.withDeadline(Date.now() + 2_000, async () => {
          await connection.workflowService.getSystemInfo({})
          await connection.workflowService.describeNamespace({ namespace })
        })
        return
      } finally {
        await connection.close()
      }
    } catch (error) {
      last = (error as Error).message
    }
  }
  throw new Error(`not serving after ${timeoutMs} ms: ${last}`)
}

async function spawned(pid: number | undefined, exited: Promise<Exit>): Promise<number> {
  if (pid === undefined) await exited
  return pid as number
}

/** The user's TEMPORAL_* describe the server that clients use, not the one that is started here. */
function withoutTemporalVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')))
}
