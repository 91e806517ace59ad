import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { REPOSITORY } from '../../dev/data-dir.ts'
import { describeExit, type Exit, endProcess, exitOf } from '../../dev/processes.ts'

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
export interface NodePart extends Part {
  /** What it has printed, of all its lives. */
  lines: string[]
  /** Tells it something, if it runs and was started with a preload that listens. */
  send(message: object): void
  /** Hears what its preload says. */
  onMessage: (message: unknown) => void
}

export interface Preloaded {
  /** Script of ours that it loads before its own; the two talk over a channel. */
  preload?: string
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

export function createPart(launch: (onSpawn: (pid: number) => void) => Promise<Running>): Part {
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

export function createNodePart(
  script: string,
  env: NodeJS.ProcessEnv,
  readyWhen: string,
  { preload }: Preloaded = {},
): NodePart {
  const lines: string[] = []
  let send: NodePart['send'] = () => {}
  const launch = async (onSpawn: (pid: number) => void): Promise<Running> => {
    const from = lines.length
    const { pid, exited, child } = spawnNode(script, [], env, lines, { preload })
    onSpawn(pid)
    child.on('message', (message) => part.onMessage(message))
    send = (message) => {
      // It may die in between.
      if (child.connected) child.send(message, () => {})
    }
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
  const part: NodePart = {
    ...createPart(launch),
    lines,
    send: (message) => send(message),
    onMessage: () => {},
  }
  return part
}

function spawnNode(
  script: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  lines: string[],
  { preload }: Preloaded = {},
) {
  const preloads = preload ? ['--import', pathToFileURL(join(REPOSITORY, preload)).href] : []
  const child = spawn(process.execPath, [...preloads, join(REPOSITORY, script), ...args], {
    cwd: REPOSITORY,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(preload ? (['ipc'] as const) : [])],
  })
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream as Readable }).on('line', (line) => lines.push(line))
  }
  return { pid: child.pid as number, exited: exitOf(child), child }
}

/** Runs a script of ours to its end. */
export async function runNode(script: string, args: string[], env: NodeJS.ProcessEnv) {
  const lines: string[] = []
  const { pid, exited } = spawnNode(script, args, env, lines)
  alive.add(pid)
  const exit = await exited.finally(() => alive.delete(pid))
  return { ...exit, lines }
}
