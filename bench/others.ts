import { readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'

// What /proc counts in, on every Linux that Node runs on.
const MS_PER_TICK = 10

/**
 * Begins to watch the machine; the returned function tells which share of its CPU time (0 to 1) has since gone to
 * processes that are not ours, undefined where there is no /proc. A figure taken beside busy neighbours says little.
 */
export function watchOthers(): () => number | undefined {
  const before = { ours: ownCpuMs(), all: machineCpuMs() }
  return () => {
    const after = { ours: ownCpuMs(), all: machineCpuMs() }
    if (before.ours === undefined || after.ours === undefined) return undefined
    const busy = after.all.busy - before.all.busy
    const total = after.all.total - before.all.total
    return Math.max(0, busy - (after.ours - before.ours)) / total
  }
}

/** Where the CPU time of a while went: to our own processes by program, in milliseconds, and how busy the machine was. */
export interface CpuTime {
  ours: Map<string, number>
  /** Share of the machine's CPU time that was not idle, 0 to 1. */
  busy: number
}

/** Begins to watch our own processes; the returned function tells where their CPU time went since; none without /proc. */
export function watchCpuTime(): () => CpuTime {
  const before = { ours: ownCpuMsByProgram(), all: machineCpuMs() }
  return () => {
    const after = { ours: ownCpuMsByProgram(), all: machineCpuMs() }
    const ours = new Map([...after.ours].map(([program, ms]) => [program, ms - (before.ours.get(program) ?? 0)]))
    return { ours, busy: (after.all.busy - before.all.busy) / (after.all.total - before.all.total) }
  }
}

const PROGRAMS = { Temporal: /temporal\S* server/, Postgres: /postgres/, worker: /worker\/main/, API: /api\/main/ }

function ownCpuMsByProgram(): Map<string, number> {
  const sums = new Map<string, number>()
  for (const [pid, { ms }] of ownProcesses(readProcesses() ?? new Map())) {
    const command = readOrNothing(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
    const program = Object.entries(PROGRAMS).find(([, pattern]) => pattern.test(command))?.[0]
    if (program) sums.set(program, (sums.get(program) ?? 0) + ms)
  }
  return sums
}

function machineCpuMs(): { busy: number; total: number } {
  let busy = 0
  let total = 0
  for (const { times } of cpus()) {
    busy += times.user + times.nice + times.sys + times.irq
    total += times.user + times.nice + times.sys + times.irq + times.idle
  }
  return { busy, total }
}

type Processes = Map<number, { parent: number; ms: number }>

/** CPU time of this process and all that descend from it, those that have ended included: their parents count them. */
function ownCpuMs(): number | undefined {
  const processes = readProcesses()
  return processes && ownProcesses(processes).reduce((sum, [, { ms }]) => sum + ms, 0)
}

/** This process and all that descend from it. */
function ownProcesses(processes: Processes): [pid: number, { ms: number }][] {
  return [...processes].filter(([pid]) => {
    let ancestor: number | undefined = pid
    while (ancestor !== undefined && ancestor !== process.pid) ancestor = processes.get(ancestor)?.parent
    return ancestor === process.pid
  })
}

function readProcesses(): Processes | undefined {
  const processes: Processes = new Map()
  const names = readdirOrNothing('/proc').filter((name) => /^\d+$/.test(name))
  for (const name of names) {
    const stat = readOrNothing(`/proc/${name}/stat`)
    // The name (2nd field) may hold anything, blanks and parentheses included: count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    if (fields.length > 15) processes.set(Number(name), { parent: Number(fields[1]), ms: ticks * MS_PER_TICK })
  }
  return processes.size > 0 ? processes : undefined
}

function readdirOrNothing(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
