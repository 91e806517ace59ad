import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { endProcess, identify } from './processes.ts'

/** A process of the stack, in the order in which they were started. */
export interface StackProcess {
  name: string
  pid: number
}

interface Record {
  owner: number
  processes: (StackProcess & { identity: string })[]
}

/** Writes down which processes belong to the stack of this process, so that a later one can end them. */
export function createPidsFile(file: string): { write(processes: readonly StackProcess[]): Promise<void> } {
  let last = Promise.resolve()
  const write = async (processes: readonly StackProcess[]) => {
    const record: Record = { owner: process.pid, processes: [] }
    for (const { name, pid } of processes) {
      const identity = await identify(pid)
      if (identity) record.processes.push({ name, pid, identity })
    }
    if (record.processes.length === 0) return rm(file, { force: true })
    await writeFile(`${file}.new`, JSON.stringify(record, null, 2))
    await rename(`${file}.new`, file)
  }
  return {
    write(processes) {
      last = last.then(() => write(processes))
      return last
    },
  }
}

/**
 * Ends what a stack that was killed left running, the last started first. A process that only has the same id as
 * one of them is never touched.
 * @param owner when given, only what this process wrote down
 * @returns the names of the processes that were ended
 */
export async function endLeftovers(file: string, owner?: number): Promise<string[]> {
  const record = await readFile(file, 'utf8').then((text) => JSON.parse(text) as Record, nothing)
  if (!record || (owner !== undefined && record.owner !== owner)) return []
  const ended: string[] = []
  for (const { name, pid, identity } of record.processes.reverse()) {
    if ((await identify(pid)) !== identity) continue
    // Postgres: SIGINT is its fast shutdown, SIGTERM would wait for every client to leave.
    await endProcess(pid, [
      [name === 'Postgres' ? 'SIGINT' : 'SIGTERM', 5_000],
      ['SIGKILL', 5_000],
    ])
    ended.push(name)
  }
  return ended
}

/** A process that outlives ours by a few seconds when we are killed, and ends what `file` says that we left running. */
export function startReaper(file: string): ChildProcess {
  const script = join(import.meta.dirname, 'reaper.ts')
  const reaper = spawn(process.execPath, [script, file, String(process.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  reaper.on('error', () => {})
  reaper.unref()
  return reaper
}

function nothing(): null {
  return null
}
