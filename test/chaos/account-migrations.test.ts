import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { load } from '../../dev/load.ts'
import { freePort } from '../../dev/ports.ts'
import { createToken } from '../../dev/token.ts'
import type { AccountMigration } from '../../domain/account-migration.ts'
import { openDatabase } from '../../store/database.ts'
import { makeAccounts } from '../../store/notes/import.ts'
import { openNoteStores } from '../../store/notes/postgres.ts'
import { contentOfAccount } from '../helpers/accounts.ts'
import { quiet } from '../helpers/database.ts'
import type { NodePart } from '../helpers/parts.ts'
import { JWT_SECRET, type Servers, startServers } from '../helpers/processes.ts'
import { SWEEP_POINTS, type SweepPoint } from './sweep-points.ts'

let servers: Servers
let worker: NodePart
let url: string
let token: string
let close = async () => {}
let stores: NonNullable<ReturnType<typeof openNoteStores>>
let older: ChildProcess
const children: ChildProcess[] = []

beforeAll(async () => {
  servers = await startServers()
  const settings = await servers.createNoteStores()
  stores = openNoteStores(settings, quiet) as typeof stores
  const db = openDatabase({ url: servers.databaseUrl, name: 'api', log: quiet })
  close = async () => void (await Promise.all([stores.close(), db.pool.end()]))
  const accounts = Array.from({ length: 12 }, (_, n) => ({ id: `account-${n}`, notes: n === 0 ? 6_000 : 20 }))
  await makeAccounts(db, stores.databases, [...accounts, { id: 'still', notes: 50 }], 'test')
  const port = await freePort()
  worker = servers.another('worker', settings, { preload: 'test/chaos/sweep-preload.ts' })
  const api = servers.another('api', { ...settings, PORT: String(port) })
  await Promise.all([worker.start(), api.start()])
  url = `http://127.0.0.1:${port}`
  token = await createToken({ secret: JWT_SECRET, subject: 'test', role: 'admin' })
  await stores.databases.legacy.pool.query(
    `CREATE ROLE older_build LOGIN PASSWORD 'older'; GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO older_build`,
  )
  const asOlder = Object.assign(new URL(settings.NOTES_LEGACY_URL), { username: 'older_build', password: 'older' }).href
  older = fork(join(import.meta.dirname, 'older-build.ts'), [asOlder], { stdio: 'ignore' })
  children.push(older)
  await new Promise((resolve) => older.once('message', resolve))
}, 60_000)
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await close()
  await servers?.stop()
})

async function call(method: string, path: string, body?: object) {
  const answer = await fetch(`${url}/api/admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  // biome-ignore lint/suspicious/noExplicitAny: bodies of several routes, looked at field by field
  return { status: answer.status, body: (await answer.json()) as any }
}
const read = async (id: string): Promise<AccountMigration> => (await call('GET', `account-migrations/${id}`)).body
const becomes = (id: string, expected: object) =>
  expect.poll(() => read(id), { timeout: 60_000, interval: 100 }).toMatchObject(expected)
const writeAsOlder = (note: { accountId: string; id: string; body: string }) => {
  const answer = new Promise<{ written: boolean; error?: string }>((resolve) =>
    older.once('message', resolve as () => void),
  )
  older.send(note)
  return answer
}

/** Kills the worker at a point, and starts it again; its workflow is nudged, so that nobody waits for a heartbeat. */
async function killAt(point: SweepPoint, id: string): Promise<void> {
  const there = new Promise<void>((resolve) => {
    worker.onMessage = () => resolve()
  })
  worker.send({ hold: point })
  const over = new Promise<'over'>((resolve) => {
    const timer = setInterval(async () => {
      if ((await read(id)).status === 'running') return
      clearInterval(timer)
      resolve('over')
    }, 200)
  })
  expect(await Promise.race([there, over]), `the sweep got to ${point}`).toBe(undefined)
  await worker.kill()
  await worker.start()
  await call('POST', `account-migrations/${id}/pause`)
  await call('POST', `account-migrations/${id}/resume`)
}

// Three of them, another three each time; SWEEP_KILLS=6 for all.
const chosen = [...SWEEP_POINTS]
  .map((point) => ({ point, at: Math.random() }))
  .sort((a, b) => a.at - b.at)
  .slice(0, Number(process.env.SWEEP_KILLS ?? 3))
  .map(({ point }) => point)

describe('accounts that move, in real processes', () => {
  it('lose nothing: an older build that sleeps and wakes, a worker killed at every point, stop and rollback, under load', async () => {
    const untouched = (await contentOfAccount(stores.databases, 'still')).legacy
    const everybody = Array.from({ length: 12 }, (_, n) => `account-${n}`)
    const first = { accountId: 'account-1', id: crypto.randomUUID(), body: 'before' }
    expect(await writeAsOlder(first)).toMatchObject({ written: true })
    const body = { cohorts: [{ accounts: [...everybody, 'still'] }], batchSize: 50, delayMs: 20, parallelism: 2 }
    const refused = await call('POST', 'account-migrations', body)
    expect(refused).toMatchObject({ status: 409, body: { type: '/problems/old-instances' } })
    expect(refused.body.detail).toContain('notes-api 1.4.2')

    older.kill('SIGSTOP')
    const ending = new AbortController()
    const loading = load({ urls: [url], token, accountIds: everybody, clients: 4, signal: ending.signal })
    // It sleeps for longer than a lease: nobody waits for it any more.
    let begun = await call('POST', 'account-migrations', body)
    await expect
      .poll(
        async () => {
          if (begun.status !== 202) begun = await call('POST', 'account-migrations', body)
          return begun.status
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBe(202)
    const { id } = begun.body as AccountMigration
    const late = writeAsOlder({ accountId: 'account-1', id: first.id, body: 'after' })
    for (const point of chosen.slice(1)) await killAt(point, id)
    await call('PATCH', `account-migrations/${id}`, { batchSize: 500, delayMs: 0 })
    await becomes(id, { status: 'done' })
    older.kill('SIGCONT')
    expect(await late).toMatchObject({ written: false, error: expect.any(String) })

    // Back, and stopped and killed on the way.
    await call('POST', `account-migrations/${id}/rollback`)
    await killAt(chosen[0] as SweepPoint, id)
    await becomes(id, { status: 'rolled-back' })
    ending.abort()
    const result = await loading
    expect(result).toMatchObject({ lost: 0, wrong: 0 })
    expect(result.acknowledged).toBeGreaterThan(100)
    console.log(
      `killed at ${chosen.join(', ')}: acknowledged ${result.acknowledged}, lost ${result.lost}, wrong ${result.wrong}, ${result.failed} failed`,
    )
    expect(await contentOfAccount(stores.databases, 'still')).toEqual({ legacy: untouched, current: [] })
    const { rows } = await stores.databases.legacy.pool.query('SELECT body FROM notes WHERE id = $1', [first.id])
    expect(rows).toEqual([{ body: 'before' }])
    expect((await call('POST', `account-migrations/${id}/verify`)).body).toMatchObject({ complete: true, findings: [] })
  }, 170_000)
})
