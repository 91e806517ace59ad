import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type DataDir, dataDirFrom } from '../../dev/data-dir.ts'
import { createPidsFile, endLeftovers } from '../../dev/leftovers.ts'
import { lockDataDir, removeStale } from '../../dev/lock.ts'
import { identify, isAlive } from '../../dev/processes.ts'
import { temporaryDirectory } from './fake-release.ts'

let dataDir: DataDir

beforeEach(async () => {
  dataDir = dataDirFrom({ INTERLOCK_DATA_DIR: await temporaryDirectory() })
})

afterEach(() => rm(dataDir.path, { recursive: true, force: true }))

async function sleeper() {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  await once(child, 'spawn')
  return { child, pid: child.pid as number, gone: once(child, 'exit') }
}

it('is held by one at a time, and can be given back', async () => {
  const unlock = await lockDataDir(dataDir)
  await expect(lockDataDir(dataDir)).rejects.toThrow(`Another npm start (process ${process.pid}) runs on`)
  await unlock()
  await (await lockDataDir(dataDir))()
  expect(await readdir(dataDir.path)).toEqual([])
})

it.each([
  ['of a process that is gone', { pid: 2 ** 22 - 1, identity: '1' }],
  ['whose process id belongs to another process by now', { pid: process.pid, identity: 'long ago' }],
  ['that cannot be read', 'garbage'],
])('takes over a lock %s, once', async (_, content) => {
  await writeFile(dataDir.lock, JSON.stringify(content))
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => lockDataDir(dataDir)))
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(await readdir(dataDir.path)).toEqual(['lock.json'])
})

it('keeps the lock of a starter that was faster', async () => {
  const unlock = await lockDataDir(dataDir)
  const theirs = await readFile(dataDir.lock, 'utf8')
  await removeStale(dataDir.lock, 'what was there before')
  expect(await readFile(dataDir.lock, 'utf8')).toBe(theirs)
  await removeStale(dataDir.lock, theirs)
  await removeStale(dataDir.lock, theirs)
  expect(await readdir(dataDir.path)).toEqual([])
  await unlock()
})

it('ends what was left running, and nothing that only has the same id', async () => {
  const [mine, other] = [await sleeper(), await sleeper()]
  const file = createPidsFile(dataDir.pids)
  await file.write([
    { name: 'Worker', pid: mine.pid },
    { name: 'gone', pid: 2 ** 22 - 1 },
  ])
  expect(await endLeftovers(dataDir.pids, process.pid + 1)).toEqual([])
  expect(await endLeftovers(dataDir.pids, process.pid)).toEqual(['Worker'])
  await mine.gone

  const stale = { owner: 1, processes: [{ name: 'Worker', pid: other.pid, identity: 'long ago' }] }
  await writeFile(dataDir.pids, JSON.stringify(stale))
  expect(await endLeftovers(dataDir.pids)).toEqual([])
  expect(await isAlive(other.pid)).toBe(true)
  other.child.kill('SIGKILL')
  await other.gone
  expect(await identify(other.pid)).toBeNull()
})

it('forgets the processes when none is left', async () => {
  const file = createPidsFile(dataDir.pids)
  await file.write([{ name: 'Worker', pid: process.pid }])
  await file.write([])
  expect(await readdir(dataDir.path)).toEqual([])
  expect(await endLeftovers(dataDir.pids)).toEqual([])
})
