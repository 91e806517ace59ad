import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findTemporalCli } from '../dev/temporal-cli.ts'

/**
 * `npm test`: types, lint and dead code, then all tests against a real Postgres and a real Temporal. Arguments go to
 * Vitest (`npm test -- test/store`). The last line counts everything.
 */
const directory = await mkdtemp(join(tmpdir(), 'interlock-run-'))
const report = join(directory, 'report.json')
let passed = 0
let failed = 0

try {
  await findTemporalCli()
  for (const [name, command] of [
    ['types', ['tsc']],
    ['types of the UI', ['tsc', '-p', 'web']],
    ['format and lint', ['biome', 'check', '.']],
    ['dead code', ['knip']],
  ] as const) {
    const code = await run([...command])
    console.log(`${code === 0 ? '✓' : '✗'} ${name}`)
    if (code === 0) passed++
    else failed++
  }
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const code = await run(['vitest', 'run', ...reporters, ...process.argv.slice(2)])
  const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(await readFile(report, 'utf8'))
  passed += numPassedTests
  // A file that cannot be loaded fails without a test, and an unhandled error fails the run without either.
  failed += numFailedTests || numFailedTestSuites || (code === 0 ? 0 : 1)
} catch (error) {
  console.error(error)
  failed++
} finally {
  await rm(directory, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

function run([command = '', ...args]: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
