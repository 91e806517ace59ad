import type { ChildProcess } from 'node:child_process'
import { execFile } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** How a process ended: one of the two is null. */
export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** Resolves when the child has ended; rejects when it could not be started. */
export function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
}

/** Says how a process ended, for a log line: `code 1`, `SIGKILL`. */
export function describeExit(exit: Exit): string {
  return exit.signal ?? `code ${exit.code}`
}

/** Says whether a process with this id exists (a zombie does not count). */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return (await identify(pid)) !== null
}

/**
 * Returns a text that is the same for one process all its life and differs for another one that gets the same id
 * (the time it was started), or null when there is no such process.
 */
export async function identify(pid: number): Promise<string | null> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
    // The name (2nd field) may hold anything, blanks and parentheses included: count from its end.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (!fields || fields[0] === 'Z' || fields[0] === 'X') return null
    return fields[19] ?? null
  }
  const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  const line = stdout.trim()
  return line === '' || line.startsWith('Z') ? null : line.slice(line.indexOf(' ')).trim()
}

/** Returns the command line of a process, its arguments joined by blanks, or null when it is gone. */
export async function commandLine(pid: number): Promise<string | null> {
  if (process.platform === 'linux') {
    const raw = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null)
    return raw === null || raw === '' ? null : raw.replaceAll('\0', ' ').trim()
  }
  const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return stdout.trim() || null
}

/**
 * Ends a process: each signal in turn, each with its own patience, until the process is gone.
 * @param steps pairs of a signal and the milliseconds to wait for its effect
 * @returns whether it is gone
 */
export async function endProcess(pid: number, steps: readonly (readonly [NodeJS.Signals, number])[]): Promise<boolean> {
  const identity = await identify(pid)
  if (identity === null) return true
  for (const [signal, patience] of steps) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true
      throw error
    }
    const deadline = Date.now() + patience
    do {
      if ((await identify(pid)) !== identity) return true
      await delay(20)
    } while (Date.now() < deadline)
  }
  return false
}

/** Opens a log file to append to; `lastLines()` returns the end of what came after that. */
export function openLog(file: string): { fd: number; close(): void; lastLines(count?: number): Promise<string> } {
  mkdirSync(dirname(file), { recursive: true })
  const fd = openSync(file, 'a')
  const from = fstatSync(fd).size
  return {
    fd,
    close: () => closeSync(fd),
    lastLines: async (count = 20) => {
      const bytes = await readFile(file).catch(() => Buffer.alloc(0))
      return bytes.subarray(from).toString().trimEnd().split('\n').slice(-count).join('\n')
    },
  }
}
