import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { endProcess, exitOf } from './processes.ts'
import type { Running, Service } from './supervisor.ts'

export interface NodeServiceOptions {
  name: string
  /** relative to `root` */
  script: string
  root: string
  env: NodeJS.ProcessEnv
  /** takes each line of its output, without the newline */
  print: (line: string) => void
  /** its output is appended here as well */
  logFile: string
  /** how long it may take to stop when asked, before SIGKILL */
  stopMs: number
}

const LAST_LINES = 20

/** A script of ours that runs under this same Node, as a service for the supervisor. */
export function nodeService(options: NodeServiceOptions): Service {
  let last: string[] = []
  const take = (line: string) => {
    last = [...last.slice(1 - LAST_LINES), line]
    options.print(line)
  }
  return {
    name: options.name,
    start: async (onSpawn) => {
      const running = await startNode(options, take)
      onSpawn(running.pid)
      return running
    },
    lastLines: async () => last.join('\n'),
  }
}

/**
 * Runs a script of ours to its end.
 * @returns its exit and everything that it printed
 */
export async function runNode(options: NodeServiceOptions & { onSpawn?: (running: Running) => void }): Promise<{
  code: number | null
  output: string
}> {
  const lines: string[] = []
  const running = await startNode(options, (line) => lines.push(line))
  options.onSpawn?.(running)
  const { code } = await running.exited
  return { code, output: lines.join('\n') }
}

async function startNode(options: NodeServiceOptions, take: (line: string) => void): Promise<Running> {
  mkdirSync(dirname(options.logFile), { recursive: true })
  const log = createWriteStream(options.logFile, { flags: 'a' }).on('error', () => {})
  const child = spawn(process.execPath, [join(options.root, options.script)], {
    cwd: options.root,
    env: options.env,
    // Its own process group: Ctrl-C in a terminal must reach it only through stop(), in order.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      log.write(`${line}\n`)
      take(line)
    })
  }
  // Ended only when its output is read to the end: the last line is the one that says why.
  const exited = exitOf(child).then(async (exit) => {
    await Promise.race([closed, delay(1_000, undefined, { ref: false })])
    log.end()
    return exit
  })
  if (child.pid === undefined) await exited
  const pid = child.pid as number
  return {
    pid,
    exited,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        await endProcess(pid, [
          ['SIGTERM', options.stopMs],
          ['SIGKILL', 5_000],
        ])
      }
      await exited
    },
  }
}
