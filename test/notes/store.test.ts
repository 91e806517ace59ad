import { afterAll, describe, expect, it } from 'vitest'
import type { Copy } from '../../domain/note-copies.ts'
import { migrate } from '../../store/migrate.ts'
import { Fenced, type NoteStore } from '../../store/notes/note-store.ts'
import { createNoteStore, openNoteDatabase } from '../../store/notes/postgres.ts'
import { createTestDatabase, quiet } from '../helpers/database.ts'
import { createMemoryStore } from './memory-store.ts'
import { random } from './random.ts'
import { scenarios } from './scenarios.ts'
import { runOnce } from './scheduler.ts'
import { createTestNoteStores, stateOf } from './stores.ts'
import { K1, KEYS, note, type Scenario, tombstone } from './world.ts'

const { legacy, stores } = await createTestNoteStores()

let accounts = 0

describe('a note store', () => {
  it('M5: refuses every call of another epoch, reads included', async () => {
    const accountId = `account-${++accounts}`
    const { store } = legacy
    const calls: ((epoch: number) => Promise<unknown>)[] = [
      (epoch) => store.get(stateOf(accountId, 'off', epoch), K1),
      (epoch) => store.find(stateOf(accountId, 'off', epoch), [K1]),
      (epoch) => store.page(stateOf(accountId, 'off', epoch), null, 10),
      (epoch) => store.put(stateOf(accountId, 'off', epoch), 0, note(K1, 1)),
      (epoch) => store.merge(stateOf(accountId, 'off', epoch), [note(K1, 1)]),
      (epoch) => store.forget(stateOf(accountId, 'off', epoch), [{ id: K1, version: 1 }]),
      (epoch) => store.summary(stateOf(accountId, 'off', epoch), { after: null, through: null }),
      (epoch) => store.dropTombstones(stateOf(accountId, 'off', epoch), 10, 0),
    ]
    for (const call of calls) await expect(call(1)).rejects.toThrow(Fenced)
    await store.raise(accountId, 2)
    await store.raise(accountId, 1)
    for (const call of calls) {
      await expect(call(1)).rejects.toThrow(Fenced)
      await expect(call(3)).rejects.toThrow(Fenced)
      await call(2)
    }
  })

  it('counts and sums up all that it holds, part by part', async () => {
    const accountId = `account-${++accounts}`
    await legacy.store.raise(accountId, 1)
    const { pool } = legacy.db
    await pool.query(
      `INSERT INTO notes (account_id, id, title) SELECT $1, uuidv7(), n::text FROM generate_series(1, 3000) n`,
      [accountId],
    )
    await pool.query(
      'INSERT INTO note_tombstones (account_id, id, version) SELECT $1, uuidv7(), 2 FROM generate_series(1, 1500)',
      [accountId],
    )
    const { rows } = await pool.query(
      `SELECT count(note) AS notes, count(*) - count(note) AS tombstones,
         sum(hashtextextended(jsonb_build_array(id, version, note)::text, 0))::text AS checksum FROM note_copies WHERE account_id = $1`,
      [accountId],
    )
    const summary = await legacy.store.summary(stateOf(accountId, 'off'), { after: null, through: null })
    expect(summary).toEqual(rows[0])
    expect(summary).toMatchObject({ notes: 3_000, tombstones: 1_500 })
  })

  it('waits with a new epoch for a write that began under the one before, and refuses what comes later', async () => {
    const accountId = `account-${++accounts}`
    await legacy.store.raise(accountId, 1)
    const client = await legacy.db.pool.connect()
    try {
      await client.query('BEGIN')
      await client.query('SELECT note_put($1, 1, $2, 0, 1, $3)', [accountId, K1, note(K1, 1).note])
      let raised = false
      const raising = legacy.store.raise(accountId, 2).then(() => (raised = true))
      await expect
        .poll(async () => (await legacy.db.pool.query(`SELECT 1 FROM pg_locks WHERE NOT granted`)).rowCount)
        .toBeGreaterThan(0)
      expect(raised).toBe(false)
      await client.query('COMMIT')
      await raising
    } finally {
      client.release()
    }
    await expect(legacy.store.put(stateOf(accountId, 'off'), 1, note(K1, 2))).rejects.toThrow(Fenced)
    expect(await legacy.store.find(stateOf(accountId, 'off', 2), [K1])).toEqual([note(K1, 1)])
  })

  it('raises the epoch of an account that is written all the time: who writes later waits behind it', async () => {
    const accountId = `account-${++accounts}`
    await legacy.store.raise(accountId, 1)
    const holder = await legacy.db.pool.connect()
    const waiting = (what: string) => async () => {
      const { rowCount } = await legacy.db.pool.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE $1`,
        [`%${what}%`],
      )
      return rowCount
    }
    try {
      await holder.query('BEGIN')
      await holder.query('SELECT note_put($1, 1, $2, 0, 1, $3)', [accountId, K1, note(K1, 1).note])
      const raising = legacy.store.raise(accountId, 2)
      await expect.poll(waiting('INSERT INTO account_epochs')).toBe(1)
      // Were it let past, others like it would keep the raise waiting for ever.
      const late = legacy.store.put(stateOf(accountId, 'off'), 0, note(KEYS[1], 1)).catch((error: Error) => error)
      await expect.poll(waiting('note_put')).toBe(1)
      await holder.query('COMMIT')
      await raising
      expect(await late).toBeInstanceOf(Fenced)
    } finally {
      holder.release()
    }
  })

  it('lets one of many writers of a key win, also where the key has no row, and keeps a note or a tombstone, not both', async () => {
    const accountId = `account-${++accounts}`
    await legacy.store.raise(accountId, 1)
    const account = stateOf(accountId, 'off')
    for (let round = 0; round < 60; round++) {
      const id = crypto.randomUUID()
      for (const expected of [0, 1, 2]) {
        const copies = [0, 1, 2, 3].map((n) =>
          n % 2 === 0 ? note(id, expected + 1, `${n}`) : tombstone(id, expected + 1),
        )
        const written = await Promise.all(copies.map((copy) => legacy.store.put(account, expected, copy)))
        expect(written.filter(Boolean)).toHaveLength(1)
        expect(await legacy.store.find(account, [id])).toEqual([copies[written.indexOf(true)]])
      }
    }
  })

  it('does what the store in memory does, that interleavings are explored with', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const pick = random(seed)
      const accountId = `account-${++accounts}`
      const memory = createMemoryStore({ dense: false })
      const both = [legacy.store, memory] as [NoteStore, NoteStore]
      for (const store of both) await store.raise(accountId, 1)
      for (let n = 0; n < 60; n++) {
        const account = stateOf(accountId, 'off', pick(15) === 0 ? 7 : 1)
        const id = KEYS[pick(3)] as string
        const from = pick(2) === 0 ? null : K1
        const copy = (version: number, of = id): Copy => (pick(2) === 0 ? note(of, version) : tombstone(of, version))
        const calls: ((store: NoteStore) => Promise<unknown>)[] = [
          (store) => store.get(account, id),
          (store) => store.find(account, [id, K1]).then((found) => found.sort((a, b) => (a.id < b.id ? -1 : 1))),
          ...[1, 2].map((limit) => (store: NoteStore) => store.page(account, from, limit)),
          ...[0, 0, 1, 2, 3].map((at) => {
            const written = copy(at + 1)
            return (store: NoteStore) => store.put(account, at, written)
          }),
          (
            (copies) => (store: NoteStore) =>
              store.merge(account, copies).then((ids) => ids.sort())
          )(KEYS.slice(pick(3)).map((key) => copy(pick(4) + 1, key))),
          (
            (version) => (store: NoteStore) =>
              store.forget(account, [{ id, version }])
          )(pick(3) + 1),
        ]
        const chosen = calls[pick(calls.length)] as (typeof calls)[0]
        const answers: unknown[] = []
        for (const store of both) answers.push(await chosen(store).catch((error: Error) => error.name))
        expect(answers[0]).toEqual(answers[1])
      }
    }
  })
})

it('a table of notes that is there already is kept', async () => {
  const url = await createTestDatabase('template1')
  const db = openNoteDatabase({ url, log: quiet })
  afterAll(() => db.pool.end())
  await db.pool.query(`
    CREATE TABLE notes (account_id text NOT NULL, id uuid NOT NULL, title text NOT NULL DEFAULT '', body text NOT NULL DEFAULT '',
      created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (account_id, id));
    INSERT INTO notes (account_id, id, title) VALUES ('acme', '${K1}', 'old')`)
  expect(await migrate({ url, schema: 'notes' })).toEqual(['0001_notes', '0002_fair_fence'])
  expect(await migrate({ url, schema: 'notes' })).toEqual([])
  const store = createNoteStore(db)
  await store.raise('acme', 1)
  expect(await store.find(stateOf('acme', 'off'), [K1])).toMatchObject([{ version: 1, note: { title: 'old' } }])
})

it('interleavings drawn at random, over two Postgres databases, are linearizable', { timeout: 300_000 }, async () => {
  const all = [...scenarios(2, { flips: true }), ...scenarios(3, { flips: false }), ...scenarios(3, { flips: true })]
  const pick = random(42)
  const runs = 500
  for (let run = 0; run < runs; run++) {
    const scenario = all[pick(all.length)] as Scenario
    const accountId = 'acme'
    // One account, so that the world need not know another name: emptied, and under a new epoch.
    const epoch = 2 * run + 1
    for (const name of ['legacy', 'current'] as const) {
      await stores[name].raise(accountId, epoch)
      const account = stateOf(accountId, scenario.mode, epoch)
      await stores[name].forget(account, (await stores[name].page(account, null, 100)).copies)
      await stores[name].merge(account, scenario[name])
    }
    const violation = await runOnce(scenario, stores, epoch, pick)
    expect(violation, JSON.stringify(scenario)).toBeUndefined()
  }
  console.log(`${runs} interleavings over Postgres, of ${all.length} scenarios`)
})
