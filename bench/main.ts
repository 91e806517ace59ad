import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { accounts } from './accounts.ts'
import { burst } from './burst.ts'
import { effect } from './effect.ts'
import { evaluation } from './evaluation.ts'
import { firing } from './firing.ts'
import { policy } from './policy.ts'
import { policyCancel } from './policy-cancel.ts'
import { policyWrites } from './policy-writes.ts'
import { beginReport, render, writeReport } from './report.ts'
import type { BenchmarkRow } from './row.ts'
import { startStack } from './stack.ts'

const ROWS: Record<string, BenchmarkRow> = {
  firing,
  burst,
  effect,
  policy,
  'policy-writes': policyWrites,
  'policy-cancel': policyCancel,
  evaluation,
  accounts,
}
const USAGE = `npm run bench -- [--only ${Object.keys(ROWS).join(',')}] [--quick]`

const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } } })
const quick = values.quick
const chosen = values.only?.split(',') ?? Object.keys(ROWS)
const unknown = chosen.filter((name) => !Object.hasOwn(ROWS, name))
if (unknown.length > 0) {
  console.error(`There is no row ${unknown.join(', ')}.\nUsage: ${USAGE}`)
  process.exit(2)
}

const stack = await startStack()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stack.stop().finally(() => process.exit(1)))
}
try {
  const report = await beginReport(stack, quick)
  for (const name of chosen) {
    const say = (line: string) => console.error(`[${name}] ${line}`)
    report.rows.push(await (ROWS[name] as BenchmarkRow)(stack, { quick, say }))
  }
  report.machine.loadAfter = loadavg()[0] ?? 0
  console.log(`\n${render(report)}\n`)
  const complete = !quick && chosen.length === Object.keys(ROWS).length
  console.log(`Written to ${await writeReport(report, join(import.meta.dirname, 'results'), complete)}`)
  const missed = report.rows.flatMap((row) => row.verdicts).some(({ pass }) => !pass)
  if (missed && !quick) process.exitCode = 1
} finally {
  await stack.stop()
}
