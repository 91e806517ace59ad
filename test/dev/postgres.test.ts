import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Postgres, startPostgres } from '../../dev/postgres.ts'
import { isAlive } from '../../dev/processes.ts'
import { temporaryDirectory } from './fake-release.ts'

let home: string
let dataDir: string
let started: Postgres[]

beforeEach(async () => {
  home = await temporaryDirectory()
  await chmod(home, 0o755)
  dataDir = join(home, 'pg')
  started = []
})

afterEach(async () => {
  for (const postgres of started) await postgres.stop()
  await rm(home, { recursive: true, force: true })
})

async function start(changes: Partial<Parameters<typeof startPostgres>[0]> = {}): Promise<Postgres> {
  const postgres = await startPostgres({ dataDir, port: 0, database: 'app', settings: { fsync: 'off' }, ...changes })
  started.push(postgres)
  return postgres
}

async function query(postgres: Postgres, sql: string): Promise<unknown[][]> {
  const client = new pg.Client(postgres.url)
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

it('keeps its data over a stop, and over a SIGKILL of the postmaster', async () => {
  const first = await start()
  await query(first, 'CREATE TABLE t AS SELECT 1 AS n')
  await first.stop()
  await first.stop()
  expect(await first.exited).toEqual({ code: 0, signal: null })

  const second = await start()
  await query(second, 'INSERT INTO t VALUES (2)')
  process.kill(second.pid, 'SIGKILL')
  expect(await second.exited).toEqual({ code: null, signal: 'SIGKILL' })

  const third = await start()
  expect(await query(third, 'SELECT n FROM t ORDER BY n')).toEqual([[1], [2]])
})

it('starts again although a backend of the killed postmaster is busy for minutes', async () => {
  const first = await start()
  const client = new pg.Client(first.url)
  client.on('error', () => {})
  await client.connect()
  const pid = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid
  const lost = expect(client.query('DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$')).rejects.toThrow()
  await expect.poll(() => query(first, `SELECT state FROM pg_stat_activity WHERE pid = ${pid}`)).toEqual([['active']])
  process.kill(first.pid, 'SIGKILL')
  await first.exited
  const second = await start({ startTimeoutMs: 10_000 })
  await lost
  expect(await isAlive(pid)).toBe(false)
  expect(await query(second, 'SELECT 1')).toEqual([[1]])
})

it('ends the postmaster that an earlier run left on its directory', async () => {
  const first = await start()
  const second = await start()
  expect(await first.exited).toEqual({ code: 0, signal: null })
  expect(await query(second, 'SELECT 1')).toEqual([[1]])
})

it('leaves a process alone that only has the id of an old postmaster', async () => {
  await (await start()).stop()
  // Of the same user: Postgres itself would take it for its own and refuse to start.
  const { uid, gid } = await stat(dataDir)
  const other = spawn('sleep', ['60'], { uid, gid, cwd: '/', stdio: 'ignore' })
  await once(other, 'spawn')
  await writeFile(join(dataDir, 'postmaster.pid'), `${other.pid}\n${dataDir}\n`)
  expect(await query(await start(), 'SELECT 1')).toEqual([[1]])
  expect(await isAlive(other.pid as number)).toBe(true)
  other.kill('SIGKILL')
})

it('listens on 127.0.0.1 only, in UTF-8 and UTC, with the settings it was given', async () => {
  const postgres = await start({ database: 'of "mine"', settings: { fsync: 'off', max_connections: '17' } })
  const names = ['listen_addresses', 'unix_socket_directories', 'max_connections', 'server_encoding', 'TimeZone']
  const values = names.map((name) => `current_setting('${name}')`)
  expect(await query(postgres, `SELECT current_database(), ${values.join(', ')}`)).toEqual([
    ['of "mine"', '127.0.0.1', '', '17', 'UTF8', 'UTC'],
  ])
})

it('recovers from an initdb that was interrupted', async () => {
  await mkdir(join(home, 'pg.initdb-1', 'cluster', 'base'), { recursive: true })
  await mkdir(dataDir)
  await start()
  expect((await readdir(home)).sort()).toEqual(['pg', 'pg.log'])
})

it('does not touch a directory that holds something else, or a cluster of another version', async () => {
  await mkdir(join(dataDir, 'global'), { recursive: true })
  await expect(start()).rejects.toThrow(`${dataDir} is not empty and holds no Postgres cluster`)
  await writeFile(join(dataDir, 'PG_VERSION'), '16\n')
  await expect(start()).rejects.toThrow('was made by Postgres 16, this is 18')
  expect(await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).toBe('16\n')
})

it('shows the end of its log when it cannot start', async () => {
  await expect(start({ settings: { bogus: '1' } })).rejects.toThrow('unrecognized configuration parameter "bogus"')
})

it('does not take another Postgres on the same port for itself', async () => {
  const other = await start()
  const port = other.port
  await expect(start({ dataDir: join(home, 'second'), port })).rejects.toThrow(`did not start on port ${port}`)
  expect(await query(other, 'SELECT 1')).toEqual([[1]])
})
