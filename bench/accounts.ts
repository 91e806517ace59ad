import { setImmediate as turn } from 'node:timers/promises'
import { followAccounts } from '../api/account-follower.ts'
import type { AccountMode } from '../domain/account.ts'
import type { Origin } from '../domain/event.ts'
import { createLog } from '../runtime/log.ts'
import { readState } from '../store/accounts.ts'
import { openDatabase, prepared, query } from '../store/database.ts'
import { migrate } from '../store/migrate.ts'
import { changeMode, refreshAccount } from '../store/notes/flip.ts'
import { makeAccounts } from '../store/notes/import.ts'
import { openNoteStores } from '../store/notes/postgres.ts'
import { NoteProxy } from '../store/notes/proxy.ts'
import { sweepBatch } from '../store/notes/sweep.ts'
import { watchOthers } from './others.ts'
import { atMost, atMostTimes, type BenchmarkRow } from './row.ts'
import { distribution } from './statistics.ts'

const FULL = { rounds: 10, perRound: 200, notes: 100_000, flips: 200, processes: 8 }
const QUICK = { rounds: 2, perRound: 50, notes: 5_000, flips: 20, processes: 3 }
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
  const others = watchOthers()
  try {
    await makeAccounts(
      db,
      databases,
      [
        ...['plain', 'off', 'migrating', 'flipped'].map((id) => ({ id, notes: 100 })),
        { id: 'swept', notes: size.notes },
      ],
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
    const [plainIds, offIds, migratingIds] = [await ids('plain'), await ids('off'), await ids('migrating')]
    const { pool } = databases.legacy
    const plain = {
      get: (id: string) => pool.query(prepared('SELECT * FROM notes WHERE account_id = $1 AND id = $2', ['plain', id])),
      async update(id: string) {
        const { rows } = await this.get(id)
        await pool.query(
          prepared(
            `UPDATE notes SET body = $4, version = version + 1, updated_at = clock_timestamp()
             WHERE account_id = $1 AND id = $2 AND version = $3`,
            ['plain', id, rows[0].version, 'another body'],
          ),
        )
      },
    }
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
    for (let round = -1; round < size.rounds; round++) {
      // In turn, so that a change of the machine's mood hits all alike; the first round warms up.
      for (const [kind, { ops, ids: of }] of Object.entries(kinds)) {
        for (const operation of ['get', 'update'] as const) {
          const key = `${operation}, ${kind}`
          if (round <= 0) taken.set(key, [])
          for (let n = 0; n < size.perRound; n++) {
            const from = performance.now()
            await ops[operation](of[n % of.length] as string)
            taken.get(key)?.push(performance.now() - from)
          }
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
        `get: one statement; update: read, then compare-and-set; one client, ${size.rounds} rounds of ${size.perRound} in turn; plain: the same statements without epochs in one store`,
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
    await Promise.all([db.pool.end(), opened.close()])
  }
}
