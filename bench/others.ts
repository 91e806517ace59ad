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

function machineCpuMs(): { busy: number; total: number } {
  let busy = 0
  let total = 0
  for (const { times } of cpus()) {
    busy += times.user + times.nice + times.sys + times.irq
    total += times.user + times.nice + times.sys + times.irq + times.idle
  }
  return { busy, total }
}

/** CPU time of this process and all that descend from it, those that have ended included: their parents count them. */
function ownCpuMs(): number | undefined {
  const processes = readProcesses()
  if (!processes) return undefined
  let sum = 0
  for (const [pid, { ms }] of processes) {
    let ancestor: number | undefined = pid
    while (ancestor !== undefined && ancestor !== process.pid) ancestor = processes.get(ancestor)?.parent
    if (ancestor === process.pid) sum += ms
  }
  return sum
}

function readProcesses(): Map<number, { parent: number; ms: number }> | undefined {
  const processes = new Map<number, { parent: number; ms: number }>()
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
