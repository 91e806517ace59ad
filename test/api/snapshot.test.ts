import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { freePort } from '../../dev/ports.ts'
import { startPostgres } from '../../dev/postgres.ts'
import { editFlag } from '../../store/flags.ts'
import { migrate } from '../../store/migrate.ts'
import { createTestApp, type TestApp } from '../helpers/app.ts'
import { asAlice, createTestDatabase, one } from '../helpers/database.ts'
import { createReader, readThrough } from '../helpers/ofrep.ts'
import { createPart } from '../helpers/parts.ts'

const PATIENCE = 10_000

/** Two processes' worth of API on one database, and a reader of each. */
async function twoProcesses() {
  const url = await createTestDatabase()
  const [first, second] = [await createTestApp(url), await createTestApp(url)]
  const here = await createReader(first)
  return { first, second, here, there: readThrough(second, here.key) }
}

const served = ({ configuration }: TestApp) => configuration.current().revision
const seenBy = (app: TestApp, revision: number) =>
  vi.waitFor(() => expect(served(app)).toBeGreaterThanOrEqual(revision), { timeout: PATIENCE, interval: 5 })

const SWITCH_ALL = `
  WITH next AS (UPDATE configuration_revision SET revision = revision + 1 RETURNING revision)
  UPDATE feature_flags SET enabled = NOT enabled, revision = next.revision FROM next WHERE key LIKE 'torn-%'
  RETURNING next.revision`

describe('two processes on one database', async () => {
  const { first, second, here, there } = await twoProcesses()
  const { db } = first

  it('see what is committed, whoever commits it, and never go back', async () => {
    const keys = Array.from({ length: 20 }, (_, i) => `walk-${i}`)
    for (const key of keys) await first.call('POST', 'flags', { key })
    let writing = true
    const watch = async (app: TestApp) => {
      const seen = [served(app)]
      for (; writing; await wait(1)) if (served(app) !== seen.at(-1)) seen.push(served(app))
      return seen
    }
    const read = async ({ bulk }: typeof here) => {
      const seen: number[] = []
      for (; writing; await wait(5)) seen.push((await bulk()).revision)
      return seen
    }
    const watched = [watch(first), watch(second), read(here), read(there)]
    const last = new Map<string, number>()
    for (let n = 0; n < 1_000; n++) {
      const flagKey = keys[Math.floor(Math.random() * keys.length)] as string
      const rolloutPercentage = n % 101
      const from = n % 2 === 0 ? first : second
      await asAlice(from.db, (tx) => editFlag(tx, { environment: 'production', flagKey }, { rolloutPercentage }))
      last.set(flagKey, rolloutPercentage)
    }
    const { revision } = await one<{ revision: number }>(db, 'SELECT revision FROM configuration_revision')
    await Promise.all([seenBy(first, revision), seenBy(second, revision)])
    writing = false
    for (const seen of await Promise.all(watched)) {
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      expect(new Set(seen).size).toBeGreaterThan(10)
    }
    for (const { configuration } of [first, second]) {
      const flags = configuration.current().environments.get('production')?.flags
      for (const [key, rolloutPercentage] of last) expect(flags?.get(key)).toMatchObject({ rolloutPercentage })
    }
  })

  it('show 50 flags that one transaction switches all as they were, or all switched', async () => {
    for (let i = 0; i < 50; i++) await first.call('POST', 'flags', { key: `torn-${i}` })
    await seenBy(second, (await first.configuration.refresh()).revision)
    let writing = true
    const read = async ({ bulk }: typeof here) => {
      const seen: string[] = []
      for (; writing; await wait(1)) {
        const { values } = await bulk()
        seen.push(
          [...new Set(Object.entries(values).flatMap(([key, on]) => (key.startsWith('torn') ? [on] : [])))].join(),
        )
      }
      return seen
    }
    const reads = [here, here, there, there].map(read)
    let revision = 0
    for (let n = 0; n < 200; n++) ({ revision } = await one(db, SWITCH_ALL))
    await Promise.all([seenBy(first, revision), seenBy(second, revision)])
    writing = false
    const seen = (await Promise.all(reads)).flat()
    expect(new Set(seen)).toEqual(new Set(['true', 'false']))
    expect(seen.length).toBeGreaterThan(100)
  })

  it('a client that was served by one is never served less by the other', async () => {
    await first.call('POST', 'flags', { key: 'sticky' })
    await first.configuration.refresh()
    for (let n = 0; n < 100; n++) {
      await first.call('PATCH', 'flags/sticky', { enabled: n % 2 === 0 })
      await first.configuration.refresh()
      const mine = await here.bulk()
      const other = await there.bulk(undefined, { 'if-none-match': mine.etag })
      // The same answer, byte for byte, as its tag says.
      expect([other.status, other.etag]).toEqual([304, mine.etag])
    }
  })

  it('a tag of a revision that there never was is no reason to refuse', async () => {
    const { etag, status } = await there.bulk(undefined, { 'if-none-match': `"999999999-${'a'.repeat(22)}"` })
    expect([status, etag]).toEqual([200, (await here.bulk()).etag])
  })

  it('take a key that has just been made, and refuse one that was revoked', async () => {
    const fresh = await createReader(first, 'production')
    expect((await readThrough(second, fresh.key).bulk()).status).toBe(200)
    const { body } = await first.call('GET', 'api-keys?limit=1')
    await first.call('DELETE', `api-keys/${body[0].id}`)
    await vi.waitFor(async () => expect((await readThrough(second, fresh.key).bulk()).status).toBe(401), PATIENCE)
  })

  it('follow on when the connection that listens is ended', async () => {
    await first.call('POST', 'flags', { key: 'survivor' })
    for (let n = 0; n < 5; n++) {
      const { ended } = await one<{ ended: number }>(
        db,
        `SELECT count(pg_terminate_backend(pid))::int AS ended FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'interlock-configuration'`,
      )
      const { body } = await first.call('PATCH', 'flags/survivor', { rolloutPercentage: n })
      await Promise.all([seenBy(first, body.revision), seenBy(second, body.revision)])
      expect(ended).toBeGreaterThanOrEqual(2)
    }
  })

  it('follow when nobody is told, as through a pooler that passes no NOTIFY on', async () => {
    await one(db, 'DROP TRIGGER configuration_revision_told ON configuration_revision')
    const { body } = await first.call('PATCH', 'flags/survivor', { enabled: true })
    await Promise.all([seenBy(first, body.revision), seenBy(second, body.revision)])
  })
})

describe('without Postgres', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'interlock-snapshot-'))
  const port = await freePort()
  let url = ''
  const postgres = createPart(async (onSpawn) => {
    const started = await startPostgres({ dataDir: join(directory, 'postgres'), port, database: 'interlock', onSpawn })
    url = started.url
    return started
  })
  afterAll(async () => {
    await postgres.stop()
    await rm(directory, { recursive: true, force: true })
  })

  it('is not ready before there is one; serves the last configuration when it goes, says so, and follows on', async () => {
    await postgres.start()
    await migrate({ url })
    await postgres.stop()
    const app = await createTestApp(url)
    const state = async () => (await app.call('GET', '/readyz')).body.checks.configuration
    const age = async () =>
      /^interlock_configuration_age_seconds (.+)$/m.exec((await app.call('GET', '/metrics')).body)?.[1]
    expect(await state()).toEqual({ ok: false, detail: 'has not been read yet' })
    expect(await age()).toBe('+Inf')
    expect((await readThrough(app, `il_production_${'a'.repeat(43)}`).bulk()).status).toBe(503)

    await postgres.start()
    await vi.waitFor(async () => expect(await state()).toMatchObject({ ok: true }), PATIENCE)
    const reader = await createReader(app)
    const { body: flag } = await app.call('POST', 'flags', { key: 'kept', enabled: true })
    await seenBy(app, flag.revision)
    expect(Number(await age())).toBeLessThan(5)
    const before = await reader.bulk()

    await postgres.kill()
    expect(await reader.bulk()).toEqual(before)
    const newer = before.etag.replace(/\d+/, (revision) => String(Number(revision) + 1))
    expect((await reader.bulk(undefined, { 'if-none-match': newer })).status).toBe(503)
    expect((await app.call('POST', 'flags/kept/evaluate', { context: {} })).status).toBe(503)
    await vi.waitFor(
      async () => {
        expect(await state()).toEqual({
          ok: false,
          detail: expect.stringMatching(
            new RegExp(`^serves revision ${flag.revision}, which was current [\\d.]+ s ago$`),
          ),
        })
        expect(Number(await age())).toBeGreaterThan(5)
      },
      { timeout: PATIENCE, interval: 250 },
    )
    expect(await reader.bulk()).toEqual(before)

    await postgres.start()
    await vi.waitFor(async () => expect(await state()).toMatchObject({ ok: true }), PATIENCE)
    const { body: off } = await app.call('PATCH', 'flags/kept', { enabled: false })
    await seenBy(app, off.revision)
    expect((await reader.bulk()).values).toEqual({ kept: false })
  })
})
