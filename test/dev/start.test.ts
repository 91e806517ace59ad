import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { dataDirFrom, REPOSITORY } from '../../dev/data-dir.ts'
import { createPidsFile, endLeftovers } from '../../dev/leftovers.ts'
import { freePort, isPortFree } from '../../dev/ports.ts'
import { isAlive } from '../../dev/processes.ts'
import { temporaryDirectory } from './fake-release.ts'
import { notes, type Started, standInRepository, startStack } from './stand-ins.ts'

const READY = /Interlock is ready/
const PATIENT = { timeout: 15_000 }

let root: string
let env: NodeJS.ProcessEnv
let started: Started[]

beforeEach(async () => {
  root = await temporaryDirectory()
  await chmod(root, 0o755)
  await standInRepository(root)
  started = []
  env = {
    PORT: String(await freePort()),
    INTERLOCK_POSTGRES_PORT: String(await freePort()),
    // The stand-ins need no Temporal; the real one is started in temporal-server.test.ts.
    TEMPORAL_ADDRESS: '127.0.0.1:1',
  }
})

afterEach(async () => {
  for (const { child, exit } of started) {
    child.kill('SIGKILL')
    await exit
  }
  await endLeftovers(dataDirFrom({}, root).pids)
  await rm(root, { recursive: true, force: true, maxRetries: 5 })
})

function start(changes: NodeJS.ProcessEnv = {}): Started {
  const stack = startStack(root, { ...env, ...changes })
  started.push(stack)
  return stack
}

async function startAndWait(changes: NodeJS.ProcessEnv = {}): Promise<Started> {
  const stack = start(changes)
  await expect.poll(stack.output, PATIENT).toMatch(READY)
  return stack
}

async function processes(): Promise<Record<string, number>> {
  const { processes } = JSON.parse(await readFile(dataDirFrom({}, root).pids, 'utf8'))
  return Object.fromEntries(processes.map(({ name, pid }: { name: string; pid: number }) => [name, pid]))
}

async function allGone(pids: Record<string, number>): Promise<boolean> {
  const alive = await Promise.all(Object.values(pids).map(isAlive))
  return !alive.includes(true) && (await isPortFree(Number(env.INTERLOCK_POSTGRES_PORT)))
}

it('starts everything in order, stops it in order on Ctrl-C, and finds its data again', async () => {
  const first = await startAndWait()
  const url = `postgres://interlock:interlock@127.0.0.1:${env.INTERLOCK_POSTGRES_PORT}/interlock`
  const secret = (await readFile(join(root, '.interlock', 'jwt-secret'), 'utf8')).trim()
  const begun = await notes(root)
  expect(begun[0]).toBe(`migrate ${url}`)
  expect(begun.slice(1, 3).sort()).toEqual([`api ${secret}`, 'worker 127.0.0.1:1'])
  expect(begun.filter((line) => line.startsWith('POST '))).toHaveLength(11)
  for (const line of [`http://127.0.0.1:${env.PORT}/docs`, url, 'npm run -s token', 'curl -s', '{"message":"the API']) {
    expect(first.output()).toContain(line)
  }

  const pids = await processes()
  expect(Object.keys(pids)).toEqual(['Postgres', 'Worker', 'API'])
  // The terminal and npm each send one; two different ones, because equal ones may melt into one.
  process.kill(first.pid, 'SIGINT')
  process.kill(first.pid, 'SIGTERM')
  expect(await first.exit).toBe(0)
  expect((await notes(root)).slice(-2)).toEqual(['api stops', 'worker stops'])
  expect(await allGone(pids)).toBe(true)

  const second = await startAndWait()
  expect((await notes(root)).filter((line) => line.startsWith('POST '))).toHaveLength(11)
  expect((await notes(root)).at(-1)).toMatch(/^(api|worker) /)
  process.kill(second.pid, 'SIGTERM')
  expect(await second.exit).toBe(0)
})

it('starts what was killed again, and Postgres with all it had', async () => {
  const stack = await startAndWait({ INTERLOCK_DEMO: '0' })
  const url = /postgres:\S+/.exec(stack.output())?.[0]
  const before = new pg.Client(url)
  before.on('error', () => {})
  await before.connect()
  await before.query('CREATE TABLE t AS SELECT 1 AS n')
  const pids = await processes()
  for (const pid of Object.values(pids)) process.kill(pid, 'SIGKILL')
  for (const name of ['Postgres', 'Worker', 'API']) {
    await expect.poll(stack.output, PATIENT).toContain(`${name} ended (SIGKILL); starting it again`)
    await expect.poll(stack.output, PATIENT).toContain(`${name} runs again`)
  }
  const after = new pg.Client(url)
  await after.connect()
  expect((await after.query('SELECT n FROM t')).rows).toEqual([{ n: 1 }])
  await after.end()
  expect((await notes(root)).filter((line) => line.startsWith('POST '))).toEqual([])
  process.kill(stack.pid, 'SIGINT')
  expect(await stack.exit).toBe(0)
})

it('refuses a second stack on the same data, and the first one does not notice', async () => {
  const first = await startAndWait()
  const pids = await processes()
  const second = start({ PORT: String(await freePort()), INTERLOCK_POSTGRES_PORT: String(await freePort()) })
  expect(await second.exit).toBe(1)
  expect(second.output()).toContain(`Another npm start (process ${first.pid}) runs on ${join(root, '.interlock')}`)
  expect(await processes()).toEqual(pids)
  expect(await Promise.all(Object.values(pids).map(isAlive))).toEqual([true, true, true])
})

it('leaves nothing running when it is killed, and starts again', async () => {
  const first = await startAndWait()
  const pids = await processes()
  process.kill(first.pid, 'SIGKILL')
  await expect.poll(() => allGone(pids), PATIENT).toBe(true)
  await startAndWait()
})

it('is not in the way of itself when it is started at once after it was killed', async () => {
  const first = await startAndWait()
  process.kill(first.pid, 'SIGKILL')
  const pids = await processes()
  await startAndWait()
  const alive = await Promise.all(Object.values(pids).map(isAlive))
  expect(alive).toEqual([false, false, false])
})

it('ends what an earlier run left behind, and says so', async () => {
  const left = spawn('sleep', ['60'], { stdio: 'ignore' })
  const gone = once(left, 'exit')
  const dataDir = dataDirFrom({}, root)
  await mkdir(dataDir.path)
  await createPidsFile(dataDir.pids).write([{ name: 'Worker', pid: left.pid as number }])
  const stack = await startAndWait()
  await gone
  expect(stack.output()).toContain('Ended what an earlier run left behind: Worker\n')
})

it('stops when npm was told to, although npm does not pass it on', async () => {
  const script = `import(${JSON.stringify(join(REPOSITORY, 'dev', 'start.ts'))}).then((m) => m.main(process.argv[1]))`
  const args = ['-c', '"$0" -e "$1" "$2"; true', process.execPath, script, root]
  const shell = spawn('/bin/sh', args, { env: { ...process.env, ...env, npm_lifecycle_event: 'start' } })
  let output = ''
  shell.stdout.on('data', (chunk) => {
    output += chunk
  })
  await expect.poll(() => output, PATIENT).toMatch(READY)
  const pids = await processes()
  shell.kill('SIGTERM')
  await expect.poll(() => allGone(pids), PATIENT).toBe(true)
  await expect.poll(() => notes(root), PATIENT).toContain('worker stops')
})

it.each([
  ['migrate', /could not be brought up to date:\nno such column/],
  ['api', /API ended 5 times in 30 s and is given up\. Its last lines:\na setting is missing/],
])('ends with the reason when %s fails, and leaves nothing behind', async (broken, message) => {
  const stack = start({ BREAK: broken })
  expect(await stack.exit).toBe(1)
  expect(stack.output()).toMatch(message)
  expect(await isPortFree(Number(env.INTERLOCK_POSTGRES_PORT))).toBe(true)
})

it('names a busy port before anything is started', async () => {
  const server = createServer().listen(Number(env.PORT), '127.0.0.1')
  const stack = start()
  expect(await stack.exit).toBe(1)
  server.close()
  expect(stack.output()).toMatch(/^\nPort \d+ for the API is in use.* PORT=\d+ npm start\n$/)
  expect(await notes(root)).toEqual([])
})
