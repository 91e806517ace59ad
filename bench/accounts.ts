import { setImmediate as turn } from 'node:timers/promises'
import { followAccounts } from '../api/account-follower.ts'
import type { AccountMode } from '../domain/account.ts'
import type { Origin } from '../domain/event.ts'
import { createLog } from '../runtime/log.ts'
import { readState } from '../store/accounts.ts'
import { type Database, openDatabase, prepared, query } from '../store/database.ts'
import { migrate } from '../store/migrate.ts'
import { changeMode, refreshAccount } from '../store/notes/flip.ts'
import { makeAccounts } from '../store/notes/import.ts'
import { openNoteDatabase, openNoteStores } from '../store/notes/postgres.ts'
import { NoteProxy } from '../store/notes/proxy.ts'
import { sweepBatch } from '../store/notes/sweep.ts'
import { watchOthers } from './others.ts'
import { atMost, atMostTimes, type BenchmarkRow } from './row.ts'
import { distribution } from './statistics.ts'

const FULL = { warmUp: 300, each: 3_000, notes: 100_000, flips: 200, processes: 8 }
const QUICK = { warmUp: 30, each: 100, notes: 5_000, flips: 20, processes: 3 }
const log = createLog('bench', 'silent')
const origin: Origin = { actor: 'bench', door: 'http' }

/** What accounts that can move cost: the proxy beside one store, the sweep beside one statement, and how fast a flip is known. */
export const accounts: BenchmarkRow = async (stack, { quick, say }) => {
  const size = quick ? QUICK : FULL
  const url = await stack.createDatabase('accounts')
  const [legacyUrl, currentUrl] = [
    await stack.createDatabase('notes_legacy'),
    await stack.createDatabase('notes_current'),
  ]
  for (const store of [legacyUrl, currentUrl]) await migrate({ url: store, schema: 'notes' })
  const db = openDatabase({ url, name: 'api', log, connections: 4 })
  const opened = openNoteStores({ NOTES_LEGACY_URL: legacyUrl, NOTES_CURRENT_URL: currentUrl }, log)
  if (!opened) throw new Error('no note stores')
  const { stores, databases } = opened
  const followers = Array.from({ length: size.processes }, () => followAccounts({ url, db, stores, log }))
  const plainDb = openNoteDatabase({ url: await stack.createDatabase('notes_plain'), log })
  const others = watchOthers()
  try {
    await makeAccounts(
      db,
      databases,
      [...['off', 'migrating', 'flipped'].map((id) => ({ id, notes: 100 })), { id: 'swept', notes: size.notes }],
      'bench',
    )
    const change = (id: string, mode: AccountMode) => changeMode(db, stores, id, mode, origin)
    for (const mode of ['ready', 'migrating'] as const) await change('migrating', mode)
    for (const store of [databases.legacy, databases.current]) if (store) await query(store, 'VACUUM ANALYZE')

    say('the proxy beside one store')
    const states = new Map(
      await Promise.all(['off', 'migrating'].map(async (id) => [id, (await readState(db, id)).state] as const)),
    )
    const proxy = new NoteProxy(stores, {
      load: async (id) => states.get(id) ?? (await readState(db, id)).state,
      refresh: (refused) => refreshAccount(db, stores, refused),
    })
    const ids = async (account: string) =>
      (await query<{ id: string }>(databases.legacy, 'SELECT id FROM notes WHERE account_id = $1', [account])).map(
        ({ id }) => id,
      )
    const [offIds, migratingIds] = [await ids('off'), await ids('migrating')]
    const plain = createPlainStore(plainDb)
    const plainIds = await plain.fill(100)
    const through = (account: string) => ({
      get: (id: string) => proxy.get(account, id),
      update: (id: string) =>
        proxy.write(account, id, (now) => ({
          ...(now?.note as NonNullable<typeof now>['note'] & object),
          body: 'another body',
        })),
    })
    const kinds = {
      plain: { ops: plain, ids: plainIds },
      off: { ops: through('off'), ids: offIds },
      migrating: { ops: through('migrating'), ids: migratingIds },
    }
    const taken = new Map<string, number[]>()
    for (const operation of ['get', 'update'] as const) {
      for (const kind of Object.keys(kinds)) taken.set(`${operation}, ${kind}`, [])
      for (let n = -size.warmUp; n < size.each; n++) {
        // In turn, one of each, so that a change of the machine's mood hits all alike.
        for (const [kind, { ops, ids: of }] of Object.entries(kinds)) {
          const from = performance.now()
          await ops[operation](of[Math.abs(n) % of.length] as string)
          if (n >= 0) taken.get(`${operation}, ${kind}`)?.push(performance.now() - from)
        }
      }
    }
    const found = new Map([...taken].map(([key, values]) => [key, distribution(values)]))
    const p50 = (key: string) => found.get(key)?.p50 ?? Number.NaN

    say(`a sweep of ${size.notes} notes`)
    await query(databases.legacy, 'CREATE TABLE copied (LIKE notes INCLUDING ALL)')
    const copyFrom = performance.now()
    await query(databases.legacy, `INSERT INTO copied SELECT * FROM notes WHERE account_id = 'swept'`)
    const copyRate = size.notes / ((performance.now() - copyFrom) / 1_000)
    for (const mode of ['ready', 'migrating'] as const) await change('swept', mode)
    const { state } = await readState(db, 'swept')
    const sweepFrom = performance.now()
    for (let after: string | null | undefined; after !== null; ) {
      after = (await sweepBatch(stores, state, { after: after ?? null, limit: 500 })).after
    }
    const sweepRate = size.notes / ((performance.now() - sweepFrom) / 1_000)

    say('flips')
    const seen: number[] = []
    const path: AccountMode[] = ['ready', 'migrating', 'rollback', 'off']
    for (let n = 0; n < size.flips; n++) {
      for (const { load } of followers) await load('flipped')
      const mode = path[n % path.length] as AccountMode
      if (mode === 'rollback' || mode === 'off') {
        const { state: at } = await readState(db, 'flipped')
        await sweepBatch(stores, at, { after: null, limit: 1_000 })
      }
      const { epoch } = (await readState(db, 'flipped')).state
      const from = performance.now()
      const flipped = change('flipped', mode)
      while (followers.some(({ believed }) => (believed('flipped')?.epoch ?? 0) <= epoch)) await turn()
      seen.push(performance.now() - from)
      await flipped
    }
    const flips = distribution(seen)
    return {
      row: 'accounts',
      conditions: [
        `get: one statement; update: read, then compare-and-set; one client, ${size.each} of each, in turn; plain: the same on one table of a database and pool of its own, prepared, without epochs, triggers or tombstones`,
        `sweep of one account of ${size.notes} notes on one connection, batches of 500: ${Math.round(sweepRate)} notes/s; one INSERT … SELECT within one database: ${Math.round(copyRate)} notes/s, ${(copyRate / sweepRate).toFixed(1)} times as many`,
        `flips of one account, ${size.processes} followers, each with a connection of its own: from the order to the last one that believes it, both stores' epochs included`,
      ],
      measurements: [
        ...[...found].map(([name, of]) => ({ name, of: 'call → result', distribution: of, others: undefined })),
        { name: 'flip', of: 'order → known everywhere', distribution: flips, others: others() },
      ],
      verdicts: [
        atMostTimes('accounts: get, off ÷ one store, p50', 1.05, p50('get, off') / p50('get, plain')),
        atMostTimes('accounts: update, off ÷ one store, p50', 1.05, p50('update, off') / p50('update, plain')),
        atMostTimes('accounts: get, migrating ÷ one store, p50', 2.2, p50('get, migrating') / p50('get, plain')),
        atMostTimes(
          'accounts: update, migrating ÷ one store, p50',
          2.2,
          p50('update, migrating') / p50('update, plain'),
        ),
        atMost('accounts: flip → known by all, p99', 50, flips.p99),
      ],
    }
  } finally {
    await Promise.all(followers.map(({ stop }) => stop()))
    await Promise.all([db.pool.end(), plainDb.pool.end(), opened.close()])
  }
}

/** One store as it would be without all this: a table, a version against lost updates. */
function createPlainStore({ pool }: Database) {
  const run = async (text: string, values: unknown[]) => (await pool.query(prepared(text, values))).rows
  const get = async (id: string) => {
    const [row] = await run(
      'SELECT version, title, body, created_at::text, updated_at::text FROM notes WHERE account_id = $1 AND id = $2',
      ['plain', id],
    )
    return row
  }
  return {
    async fill(notes: number): Promise<string[]> {
      await pool.query(`CREATE TABLE notes (account_id text COLLATE "C" NOT NULL, id uuid NOT NULL, title text NOT NULL, body text NOT NULL,
        version bigint NOT NULL DEFAULT 1, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (account_id, id))`)
      const made = await run(
        `INSERT INTO notes (account_id, id, title, body)
         SELECT 'plain', uuidv7(), 'Note ' || n, 'Note ' || n || ' of plain' FROM generate_series(1, $1::integer) AS n RETURNING id`,
        [notes],
      )
      return made.map(({ id }) => id)
    },
    get,
    async update(id: string) {
      const { version, title } = await get(id)
      await run(
        `UPDATE notes SET title = $4, body = $5, version = version + 1, updated_at = clock_timestamp()
         WHERE account_id = $1 AND id = $2 AND version = $3`,
        ['plain', id, version, title, 'another body'],
      )
    },
  }
}
