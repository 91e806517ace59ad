import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { JWT_SECRET, startStack } from '../test/helpers/processes.ts'
import { exitOf } from './processes.ts'
import { createToken } from './token.ts'

/** From PyPI. Its minor versions bring new ways to look, which then find what this one did not. */
const VERSION = '4.32.5'

/** As the hooks sign with it. */
const WEBHOOK_SECRET = 'the secret of the fuzzer'

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
]

/**
 * Fuzzes the API as its OpenAPI document describes it, with schemathesis, on a Postgres and a Temporal of this run alone:
 * `npm run fuzz`; with `-- --max-examples 25` it takes three minutes. More arguments are schemathesis' own and win over ours:
 * `-- --max-examples 200 --seed 1`.
 */
async function fuzz(args: string[]): Promise<number> {
  const [command, ...prefix] = await schemathesis()
  const stack = await startStack([], { INTERLOCK_GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET })
  try {
    const token = await createToken({ secret: JWT_SECRET, subject: 'fuzz', role: 'admin' })
    const api = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    // The examples of the document name it.
    const body = JSON.stringify({ key: 'new-checkout' })
    await fetch(`${stack.url}/api/admin/flags`, { method: 'POST', headers: api, body })
    const code = await run(command, [
      ...prefix,
      'run',
      `${stack.url}/docs/json`,
      ...['--header', `Authorization: Bearer ${token}`],
      ...['--checks', CHECKS.join(',')],
      // A stream has no end: each request would last until its timeout.
      ...['--exclude-path', '/api/admin/stream'],
      ...['--max-examples', '100', '--request-timeout', '20', '--suppress-health-check', 'all', '--warnings', 'off'],
      ...['--continue-on-failure', ...args],
    ])
    const alive = stack.api.isRunning() && stack.worker.isRunning()
    if (code !== 0 || !alive) console.error(stack.complaints())
    if (!alive) console.error('The API or the worker has ended.')
    return alive ? code : 1
  } finally {
    await stack.stop()
  }
}

/** The command that is schemathesis: by uvx where that is, else in a virtual environment that is kept. */
async function schemathesis(): Promise<[string, ...string[]]> {
  if (await works('uvx', ['--version'])) return ['uvx', `schemathesis@${VERSION}`]
  const directory = join(homedir(), '.cache', 'interlock', `schemathesis-${VERSION}`)
  const command = join(directory, 'bin', 'schemathesis')
  const isThere = await access(command).then(
    () => true,
    () => false,
  )
  if (isThere) return [command]
  if (!(await works('python3', ['-m', 'venv', '--help']))) {
    throw new Error('Fuzzing needs uv (https://docs.astral.sh/uv) or Python 3.10 or newer with venv on the PATH.')
  }
  await must('python3', ['-m', 'venv', directory])
  await must(join(directory, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`])
  return [command]
}

async function must(command: string, args: string[]): Promise<void> {
  const code = await run(command, args)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${code}`)
}

async function works(command: string, args: string[]): Promise<boolean> {
  return await run(command, args, 'ignore').then(
    (code) => code === 0,
    () => false,
  )
}

/** With how to send what the document cannot describe. */
const env = { ...process.env, SCHEMATHESIS_HOOKS: join(import.meta.dirname, 'fuzz-hooks.py'), WEBHOOK_SECRET }

/** Runs a command to its end; its exit code, 1 when a signal ended it. @throws when it could not be started */
async function run(command: string, args: string[], stdio: 'inherit' | 'ignore' = 'inherit'): Promise<number> {
  // What it remembers of a run it leaves in the directory that it is started in.
  return (await exitOf(spawn(command, args, { stdio, env, cwd: tmpdir() }))).code ?? 1
}

try {
  process.exitCode = await fuzz(process.argv.slice(2))
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
}
