import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { REPOSITORY } from '../../dev/data-dir.ts'

/** Notes what it was started with, and its end. */
const NOTE = `
import { appendFileSync } from 'node:fs'
const note = (line) => appendFileSync('notes', line + '\\n')
`

const MIGRATE = `${NOTE}
note('migrate ' + process.env.DATABASE_URL)
if (process.env.BREAK === 'migrate') { console.error('no such column'); process.exit(1) }
`

const WORKER = `${NOTE}
note('worker ' + process.env.TEMPORAL_ADDRESS)
process.on('SIGTERM', () => { note('worker stops'); process.exit(0) })
setInterval(() => {}, 1000)
`

const API = `${NOTE}
import { createServer } from 'node:http'
if (process.env.BREAK === 'api') { console.error('a setting is missing'); process.exit(1) }
note('api ' + process.env.INTERLOCK_JWT_SECRET)
process.on('SIGTERM', () => { note('api stops'); process.exit(0) })
createServer((request, response) => {
  if (request.method === 'POST') note(request.method + ' ' + request.url)
  const made = '{"id": "made", "status": "running"}'
  const READS = [
    [/\\/(flags|release-plan)/, '[]'],
    [/\\/gameplans\\?/, '[{"id": "made", "title": "watch-later"}]'],
    [/\\/gameplans\\/made/, '{"status": "paused"}'],
  ]
  const read = READS.find(([path]) => path.test(request.url))?.[1] ?? ''
  response.writeHead(request.method === 'POST' ? 201 : 200).end(request.method === 'POST' ? made : read)
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('{"message":"the API listens"}'))
`

/** Makes a directory with a worker, an API and migrations that only note that they were run. */
export async function standInRepository(root: string): Promise<void> {
  await writeFile(join(root, 'package.json'), '{"type":"module"}')
  for (const [path, code] of Object.entries({
    'store/migrate.ts': MIGRATE,
    'worker/main.ts': WORKER,
    'api/main.ts': API,
  })) {
    await mkdir(join(root, path, '..'), { recursive: true })
    await writeFile(join(root, path), code)
  }
}

/** What the stand-ins have noted, in order. */
export async function notes(root: string): Promise<string[]> {
  const text = await readFile(join(root, 'notes'), 'utf8').catch(() => '')
  return text.split('\n').filter(Boolean)
}

/** A running `npm start`. */
export interface Started {
  child: ChildProcess
  pid: number
  /** everything it has printed so far, errors included */
  output(): string
  /** resolves with its exit code, -1 when a signal ended it */
  exit: Promise<number>
}

/** Runs dev/start.ts, as npm does, for another repository. */
export function startStack(root: string, env: NodeJS.ProcessEnv): Started {
  const script = `import(${JSON.stringify(join(REPOSITORY, 'dev', 'start.ts'))}).then((m) => m.main(process.argv[1]))`
  const child = spawn(process.execPath, ['-e', script, root], { env: { PATH: process.env.PATH, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const exit = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
  return { child, pid: child.pid as number, output: () => output, exit }
}
