import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { cpus, loadavg, platform, release, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { RowResult } from './row.ts'
import type { Stack } from './stack.ts'

/** Neighbours that take more than this share of the CPU spoil a figure. */
const BUSY = 0.05

/** Everything that a run found, as it is written to `results/`. */
export interface Report {
  date: string
  quick: boolean
  machine: { cpu: string; cores: number; memoryGiB: number; os: string; loadBefore: number; loadAfter?: number }
  versions: Record<'node' | 'postgres' | 'temporal' | 'temporalSdk' | 'graphileWorker', string>
  rows: RowResult[]
}

/** The machine and the versions, with no rows yet. */
export async function beginReport(stack: Stack, quick: boolean): Promise<Report> {
  return {
    date: new Date().toISOString(),
    quick,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      os: `${platform()} ${release().split('.').slice(0, 2).join('.')}`,
      loadBefore: loadavg()[0] ?? 0,
    },
    versions: {
      node: process.versions.node,
      ...stack.versions,
      temporalSdk: await packageVersion('@temporalio/client'),
      graphileWorker: await packageVersion('graphile-worker'),
    },
    rows: [],
  }
}

async function packageVersion(name: string): Promise<string> {
  const directories = createRequire(import.meta.url).resolve.paths(name) ?? []
  for (const directory of directories) {
    const text = await readFile(join(directory, name, 'package.json'), 'utf8').catch(() => undefined)
    if (text) return (JSON.parse(text) as { version: string }).version
  }
  return '?'
}

/** The report for people: where and with what, what was measured beside what, and each goal beside its result. */
export function render({ machine, versions, rows, quick, date }: Report): string {
  const lines = [
    `Interlock benchmark, ${date}`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.os}; load before ${machine.loadBefore.toFixed(2)}`,
    `Node ${versions.node}, Postgres ${versions.postgres}, Temporal ${versions.temporal} (dev server), SDK ${versions.temporalSdk}, graphile-worker ${versions.graphileWorker}`,
  ]
  for (const { row, conditions, measurements } of rows) {
    lines.push('', row, ...conditions.map((condition) => `  - ${condition}`), '')
    const body = measurements.map(({ name, of, distribution: d, others, computed }) => [
      computed ? `${name} (computed)` : name,
      of,
      String(d.samples),
      ...[d.p50, d.p90, d.p99, d.max].map(milliseconds),
      others === undefined ? '' : `${(others * 100).toFixed(0)} %`,
    ])
    lines.push(...table([['', 'ms', 'samples', 'p50', 'p90', 'p99', 'max', 'others'], ...body]))
  }
  const verdicts = rows.flatMap((row) => row.verdicts)
  const body = verdicts.map(({ what, goal, result, pass }) => [what, goal, result, judge(pass, quick)])
  lines.push('', ...table([['', 'goal', 'result', ''], ...body]))
  if (rows.some((row) => row.measurements.some(({ others = 0 }) => others > BUSY))) {
    lines.push('', `Others took over ${BUSY * 100} % of the CPU during some of it: measure again on a quiet machine.`)
  }
  if (quick) lines.push('', 'Small sizes (--quick): the figures show that it runs, nothing else.')
  return lines.join('\n')
}

function judge(pass: boolean, quick: boolean): string {
  if (quick) return '-'
  return pass ? 'PASS' : 'MISS'
}

function milliseconds(value: number): string {
  return value.toFixed(value < 100 ? 2 : 0)
}

function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      /^-?[\d.]+$/.test(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    )
    return `  ${cells.join('  ')}`.trimEnd()
  })
}

/** Writes `<date>.json` and `latest.json`; a quick or partial run leaves `latest.json` alone. Returns the file's path. */
export async function writeReport(report: Report, directory: string, latest: boolean): Promise<string> {
  const json = `${JSON.stringify(report, null, 2)}\n`
  const file = join(directory, `${report.date.replaceAll(':', '-')}.json`)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, json)
  if (latest) await writeFile(join(directory, 'latest.json'), json)
  return file
}
