import { describe, expect, it, vi } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { createTestNoteStores } from './stores.ts'

const url = await createTestDatabase()
const { legacy, current } = await createTestNoteStores()
const settings = { NOTES_LEGACY_URL: legacy.url, NOTES_CURRENT_URL: current.url }
const here = await createTestApp(url, { settings })
const there = await createTestApp(url, { settings })
const { call } = here

let count = 0
const newAccount = async (body = {}) => {
  const { status, body: account } = await call('POST', 'accounts', { id: `acme-${++count}`, ...body })
  expect(status).toBe(201)
  return { id: account.id as string, path: `accounts/${account.id}`, notes: `/api/accounts/${account.id}/notes` }
}

describe('accounts', () => {
  it('are created, listed, read and changed', async () => {
    const { path } = await newAccount({ name: 'Acme' })
    expect((await call('GET', path)).body).toMatchObject({ name: 'Acme', mode: 'off', isMigrating: false, epoch: 1 })
    const renamed = await call('PATCH', path, { name: 'ACME' }, { 'if-match': '"2"' })
    expect(renamed).toMatchObject({ status: 200, body: { name: 'ACME', version: 3 }, headers: { etag: '"3"' } })
    expect(await call('PATCH', path, { name: 'x' }, { 'if-match': '"2"' })).toMatchObject({ status: 412 })
    expect(await call('PATCH', path, { mode: 'done' })).toMatchObject({ status: 409, body: { next: ['ready'] } })
    expect(await call('PATCH', path, { isMigrating: true, mode: 'ready' })).toMatchObject({ status: 400 })
    expect((await call('PATCH', path, { isMigrating: true })).body).toMatchObject({
      mode: 'migrating',
      isMigrating: true,
    })
    expect((await call('GET', 'accounts?mode=migrating')).body).toHaveLength(1)
    expect((await call('PATCH', path, { isMigrating: false })).body).toMatchObject({ mode: 'rollback' })
    expect(await call('POST', 'accounts', { id: 'acme-1' })).toMatchObject({ status: 409 })
    expect((await newAccount({ isMigrating: true })).id).toBe('acme-2')
    const { revision } = await one<{ revision: number }>(here.db, 'SELECT revision FROM configuration_revision')
    expect(revision).toBe(0)
  })

  it('are not moved again by a request that is repeated', async () => {
    const { id, path } = await newAccount()
    const key = { 'idempotency-key': 'begin' }
    const begin = () => call('PATCH', path, { isMigrating: true }, key)
    expect((await begin()).body).toMatchObject({ mode: 'migrating', epoch: 3 })
    expect((await begin()).body).toMatchObject({ mode: 'migrating', epoch: 3 })
    await call('PATCH', path, { isMigrating: false })
    expect(await begin()).toMatchObject({ status: 200, body: { mode: 'rollback', epoch: 4 } })
    await call('PATCH', path, { mode: 'off' })
    expect((await begin()).body).toMatchObject({ mode: 'off', epoch: 5 })

    const again = () => call('POST', 'accounts', { id: `${id}-2`, isMigrating: true }, { 'idempotency-key': 'made' })
    expect((await again()).body).toMatchObject({ mode: 'migrating', epoch: 3 })
    await call('PATCH', `accounts/${id}-2`, { isMigrating: false })
    expect(await again()).toMatchObject({ status: 201, body: { mode: 'rollback', epoch: 4 } })
  })

  it('lock older builds out when they begin to move, and not by a request that is refused', async () => {
    const { id, path } = await newAccount()
    const role = `older_${crypto.randomUUID().slice(0, 8)}`
    // One that may write a single column could write past the protocol as well.
    await legacy.db.pool.query(`CREATE ROLE ${role} LOGIN; GRANT SELECT, UPDATE (title) ON notes TO ${role}`)
    const reader = `reader_${crypto.randomUUID().slice(0, 8)}`
    await legacy.db.pool.query(`CREATE ROLE ${reader} LOGIN; GRANT SELECT ON notes TO ${reader}`)
    const mayLogIn = async (name: string) =>
      (await one<{ can: boolean }>(legacy.db, 'SELECT rolcanlogin AS can FROM pg_roles WHERE rolname = $1', [name])).can
    const migration = { cohorts: [{ accounts: [id, 'nobody'] }] }
    const refused = await Promise.all([
      call('POST', 'accounts', { id, isMigrating: true }),
      call('PATCH', 'accounts/nobody', { isMigrating: true }),
      call('PATCH', path, { isMigrating: true }, { 'if-match': '"9"' }),
      call('PATCH', path, { mode: 'migrating' }),
      call('POST', 'account-migrations', migration),
    ])
    expect(refused.map(({ status }) => status)).toEqual([409, 404, 412, 409, 422])
    expect(await mayLogIn(role)).toBe(true)
    expect(await call('PATCH', path, { isMigrating: true })).toMatchObject({ status: 200 })
    expect(await mayLogIn(role)).toBe(false)
    expect(await mayLogIn(reader)).toBe(true)
    await legacy.db.pool.query(`REVOKE ALL ON notes FROM ${reader}; DROP ROLE ${reader}; DROP ROLE ${role}`)
  })

  it('are not taken from a migration that moves them', async () => {
    const { id, path } = await newAccount()
    const { body: migration } = await call('POST', 'account-migrations', {
      name: 'first',
      cohorts: [{ accounts: [id] }],
    })
    for (const edit of [{ isMigrating: true }, { mode: 'ready' }]) {
      expect(await call('PATCH', path, edit)).toMatchObject({
        status: 409,
        body: { type: '/problems/account-in-migration', migrationId: migration.id },
      })
    }
    expect(await call('PATCH', path, { name: 'Another' })).toMatchObject({ status: 200, body: { mode: 'off' } })
    await call('POST', `account-migrations/${migration.id}/stop`)
    expect(await call('PATCH', path, { mode: 'ready' })).toMatchObject({ status: 200 })
  })

  it('a change of mode reaches processes that ask for nothing', async () => {
    const { id, path, notes } = await newAccount()
    const reaches = async (state: object) => {
      for (const app of [here, there]) {
        await vi.waitFor(() => expect(app.notes?.accounts.believed(id)).toMatchObject(state))
      }
    }
    for (const app of [here, there]) await app.call('GET', notes)
    await call('PATCH', path, { isMigrating: true })
    await reaches({ mode: 'migrating', epoch: 3 })

    // Also when the connection that tells of them was cut: what was believed is forgotten, and listened for anew.
    const { cut } = await one<{ cut: number }>(
      here.db,
      `SELECT count(pg_terminate_backend(pid)) AS cut FROM pg_stat_activity
       WHERE datname = current_database() AND query LIKE 'LISTEN interlock_accounts%'`,
    )
    expect(cut).toBe(2)
    for (const app of [here, there]) {
      await vi.waitFor(() => expect(app.notes?.accounts.believed(id)).toBeUndefined(), 5_000)
      await app.call('GET', notes)
    }
    await call('PATCH', path, { isMigrating: false })
    await reaches({ mode: 'rollback', epoch: 4 })
  })
})

describe('notes', () => {
  it('are created, read, changed and deleted in every mode, with the same answers', async () => {
    const { path, notes } = await newAccount()
    const round = async () => {
      const created = await call('POST', notes, { title: 'a', body: 'b' })
      expect(created).toMatchObject({
        status: 201,
        body: { title: 'a', body: 'b', version: 1 },
        headers: { etag: '"1"' },
      })
      const one = created.headers.location as string
      expect(await there.call('GET', one)).toMatchObject({ status: 200, body: created.body })
      const changed = await there.call('PATCH', one, { title: 'c' }, { 'if-match': '"1"' })
      expect(changed).toMatchObject({ status: 200, body: { title: 'c', body: 'b', version: 2 } })
      expect(changed.body.createdAt).toBe(created.body.createdAt)
      expect(await call('PATCH', one, { title: 'd' }, { 'if-match': '"1"' })).toMatchObject({
        status: 412,
        body: { version: 2 },
      })
      expect(await call('DELETE', one, undefined, { 'if-match': '"1"' })).toMatchObject({ status: 412 })
      expect(await call('DELETE', one)).toMatchObject({ status: 200, body: { title: 'c' } })
      for (const app of [here, there]) expect(await app.call('GET', one)).toMatchObject({ status: 404 })
      expect(await call('PATCH', one, { title: 'd' })).toMatchObject({ status: 404 })
      expect(await call('DELETE', one)).toMatchObject({ status: 404 })
      await call('POST', notes, { title: 'stays' })
    }
    await round()
    for (const mode of ['ready', 'migrating', 'rollback']) {
      await call('PATCH', path, { mode })
      await round()
    }
    expect((await call('GET', notes)).body.map(({ title }: { title: string }) => title)).toEqual(Array(4).fill('stays'))
  })

  it('are listed page by page, in the order of creation, while they move', async () => {
    const { path, notes } = await newAccount()
    const made: string[] = []
    for (let n = 0; n < 7; n++) made.push((await call('POST', notes, { title: `${n}` })).body.id)
    const seen: string[] = []
    for (let next: string | undefined = `${notes}?limit=2`, pages = 0; next; pages++) {
      const { body, headers } = await call('GET', next)
      seen.push(...body.map(({ id }: { id: string }) => id))
      next = /<(.*)>/.exec(headers.link ?? '')?.[1]
      if (pages === 0) await call('PATCH', path, { isMigrating: true })
      if (pages === 1) for (const id of made) await call('PATCH', `${notes}/${id}`, { body: 'moved' })
      if (pages === 2) await call('PATCH', path, { isMigrating: false })
    }
    expect(new Set(seen)).toEqual(new Set(made))
    expect(seen).toHaveLength(7)
    expect(seen).toEqual([...seen].sort())
    expect(await call('GET', `${notes}?cursor=x`)).toMatchObject({ status: 400 })
  })

  it('are created once for an Idempotency-Key', async () => {
    const { notes } = await newAccount()
    const key = { 'idempotency-key': 'k' }
    const [first, second] = await Promise.all([
      call('POST', notes, { title: 'a' }, key),
      there.call('POST', notes, { title: 'a' }, key),
    ])
    expect(first).toMatchObject({ status: 201 })
    expect(second).toMatchObject({ status: 201, body: first.body })
    expect((await call('GET', notes)).body).toHaveLength(1)
    expect(await call('POST', notes, { title: 'b' }, key)).toMatchObject({
      status: 422,
      body: { type: '/problems/idempotency-key-reused', errors: [{ field: 'header.idempotency-key' }] },
    })
    await call('DELETE', first.headers.location as string)
    expect(await call('POST', notes, { title: 'a' }, key)).toMatchObject({ status: 422 })
  })

  it('that were there before, of other ids and longer than ours may be, are served, changed and deleted', async () => {
    const { id, notes } = await newAccount()
    await legacy.db.pool.query(
      `INSERT INTO notes (account_id, id, title, body) VALUES ($1, md5($1)::uuid, repeat('t', 300), repeat('b', 30000))`,
      [id],
    )
    const { status, body } = await call('GET', notes)
    expect(status).toBe(200)
    expect(body).toMatchObject([{ title: 't'.repeat(300), body: 'b'.repeat(30_000) }])
    const path = `${notes}/${body[0].id}`
    expect((await call('GET', path)).body).toEqual(body[0])
    const changed = await call('PATCH', path, { title: 'short' })
    expect(changed).toMatchObject({ status: 200, body: { title: 'short', body: 'b'.repeat(30_000) } })
    expect((await call('DELETE', path)).status).toBe(200)
  })

  it('are read by viewers and written by admins, of accounts that exist', async () => {
    const { notes } = await newAccount()
    const viewer = { authorization: `Bearer ${await here.token('viewer')}` }
    expect(await call('GET', notes, undefined, viewer)).toMatchObject({ status: 200, body: [] })
    expect(await call('POST', notes, {}, viewer)).toMatchObject({ status: 403 })
    expect(await call('GET', notes, undefined, { authorization: '' })).toMatchObject({ status: 401 })
    expect(await call('GET', '/api/accounts/nobody/notes')).toMatchObject({
      status: 404,
      body: { type: '/problems/account-not-found' },
    })
    expect(await call('POST', notes, { title: 'x'.repeat(201) })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'title' }] },
    })
    expect(await call('GET', `${notes}/x`)).toMatchObject({ status: 400 })
  })
})

it('without a note store, and with one, the API says what to set', async () => {
  const none = await createTestApp(url)
  for (const [method, path, body] of [
    ['GET', '/api/accounts/acme-1/notes'],
    ['POST', 'accounts', { id: 'x' }],
  ] as const) {
    const answer = await none.call(method, path, body)
    expect(answer).toMatchObject({ status: 503, body: { detail: expect.stringContaining('NOTES_LEGACY_URL') } })
  }
  const single = await createTestApp(url, { settings: { NOTES_LEGACY_URL: legacy.url } })
  await single.call('POST', 'accounts', { id: 'single' })
  expect(await single.call('POST', '/api/accounts/single/notes', {})).toMatchObject({ status: 201 })
  expect(await single.call('PATCH', 'accounts/single', { isMigrating: true })).toMatchObject({
    status: 422,
    body: { type: '/problems/one-note-store', detail: expect.stringContaining('NOTES_CURRENT_URL') },
  })
})
