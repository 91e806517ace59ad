import type { AccountState } from '../../domain/account.ts'
import type { Copy } from '../../domain/note-copies.ts'
import type { Log } from '../../runtime/log.ts'
import { type Database, openDatabase, prepared, type Row, sqlState } from '../database.ts'
import { Fenced, type NoteStore, type NoteStores, type Summary } from './note-store.ts'
import type { NoteDatabases } from './roles.ts'

const NIL = '00000000-0000-0000-0000-000000000000'
const LAST = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** How many tombstones a page reads for each note it was asked for, before it breaks off. */
const TOMBSTONES_PER_NOTE = 10

// The epoch and what is read are one statement, so that they are of one snapshot. This one is most of what a request costs:
// with the view and JSON, as below, it took 1.5 times as long as a plain SELECT.
const GET = `
  SELECT e.epoch, coalesce(n.version, (SELECT version FROM note_tombstones WHERE account_id = $1 AND id = $2)) AS version,
    n.title, n.body, n.created_at::text, n.updated_at::text
  FROM account_epochs e LEFT JOIN notes n ON n.account_id = $1 AND n.id = $2 WHERE e.account_id = $1`

// Without a row, the epoch is another one.
const FIND = `
  SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'version', c.version, 'note', c.note)), '[]')
      FROM note_copies c WHERE c.account_id = $1 AND c.id = ANY ($3::uuid[])) AS copies
  FROM account_epochs WHERE account_id = $1 AND epoch = $2`

const PAGE = `
  SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('id', n.id, 'version', n.version, 'note',
        jsonb_build_object('title', n.title, 'body', n.body, 'createdAt', n.created_at, 'updatedAt', n.updated_at))
        ORDER BY n.id), '[]')
      FROM (SELECT * FROM notes WHERE account_id = $1 AND id >= $3 AND id IS DISTINCT FROM $4 ORDER BY id LIMIT $5) n) AS notes,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'version', t.version, 'note', NULL) ORDER BY t.id), '[]')
      FROM (SELECT * FROM note_tombstones WHERE account_id = $1 AND id >= $3 AND id IS DISTINCT FROM $4 ORDER BY id LIMIT $6) t) AS tombstones
  FROM account_epochs WHERE account_id = $1 AND epoch = $2`

// Some at a time: 100,000 notes of 20,000 characters took longer than the statement timeout.
const SUMMED_AT_ONCE = 2_000
const SUMMARY = `
  SELECT s.* FROM account_epochs, LATERAL (
    SELECT count(c.note) AS notes, count(*) - count(c.note) AS tombstones,
      coalesce(sum(hashtextextended(jsonb_build_array(c.id, c.version, c.note)::text, 0)), 0)::text AS checksum,
      (array_agg(c.id ORDER BY c.id DESC))[1] AS last
    FROM (SELECT id, version, note FROM note_copies
      WHERE account_id = $1 AND id >= $3 AND id IS DISTINCT FROM $4 AND id <= $5 ORDER BY id LIMIT ${SUMMED_AT_ONCE}) c) s
  WHERE account_id = $1 AND epoch = $2`

const DROP_TOMBSTONES = `
  WITH fence AS MATERIALIZED (SELECT raised_at FROM account_epochs WHERE account_id = $1 AND epoch = $2 FOR SHARE),
  dropped AS (DELETE FROM note_tombstones WHERE account_id = $1 AND id IN (
    SELECT id FROM note_tombstones WHERE account_id = $1 AND deleted_at < (SELECT raised_at FROM fence) - $4 * interval '1 hour'
    LIMIT $3) RETURNING 1)
  SELECT (SELECT count(*) FROM dropped) AS count FROM fence`

const RAISE = `
  INSERT INTO account_epochs AS e (account_id, epoch) VALUES ($1, $2)
  ON CONFLICT (account_id) DO UPDATE SET epoch = excluded.epoch, raised_at = clock_timestamp() WHERE e.epoch < excluded.epoch`

interface GetRow {
  epoch: number
  version: number | null
  title: string | null
  body: string
  created_at: string
  updated_at: string
}

const fencedOff = ({ accountId, epoch }: AccountState) => new Fenced(`the epoch of ${accountId} is not ${epoch}`)

/** A time of a session in UTC, as Postgres writes it into JSON: all ways to read a copy must say the same. */
const asInJson = (text: string) => `${text.replace(' ', 'T')}:00`

/** A store in a database of its own. The pool must be one of `openNoteDatabase`. */
export function createNoteStore(db: Database): NoteStore {
  const run = async <R extends object = Row>(text: string, values: unknown[]) => {
    try {
      return (await db.pool.query<R>(prepared(text, values))).rows
    } catch (error) {
      if (sqlState(error) === 'IL001') throw new Fenced((error as Error).message)
      throw error
    }
  }
  /** A statement whose row is there only when the epoch is the account's. */
  const fenced = async <R extends object>(text: string, account: AccountState, ...values: unknown[]) => {
    const [row] = await run<R>(text, [account.accountId, account.epoch, ...values])
    if (!row) throw fencedOff(account)
    return row
  }
  return {
    async get(account, id) {
      const [row] = await run<GetRow>(GET, [account.accountId, id])
      if (row?.epoch !== account.epoch) throw fencedOff(account)
      const { version, title, body, created_at: created, updated_at: updated } = row
      if (version === null) return null
      if (title === null) return { id, version, note: null }
      return { id, version, note: { title, body, createdAt: asInJson(created), updatedAt: asInJson(updated) } }
    },

    find: async (account, ids) => (await fenced<{ copies: Copy[] }>(FIND, account, ids)).copies,

    async page(account, after, limit) {
      const atMost = limit * TOMBSTONES_PER_NOTE
      const { notes, tombstones } = await fenced<{ notes: Copy[]; tombstones: Copy[] }>(
        PAGE,
        account,
        after ?? NIL,
        after,
        limit,
        atMost,
      )
      const ends = [notes.length === limit && notes.at(-1)?.id, tombstones.length === atMost && tombstones.at(-1)?.id]
      const [through = null] = ends.filter((end) => typeof end === 'string').sort()
      const copies = [...notes, ...tombstones].filter(({ id }) => through === null || id <= through)
      return { copies: copies.sort((a, b) => (a.id < b.id ? -1 : 1)), through }
    },

    put: async (account, expected, { id, version, note }) => {
      const [row] = await run<{ written: boolean }>('SELECT note_put($1, $2, $3, $4, $5, $6) AS written', [
        account.accountId,
        account.epoch,
        id,
        expected,
        version,
        note,
      ])
      return row?.written === true
    },

    async merge({ accountId, epoch }, copies) {
      const rows = await run<{ id: string }>('SELECT merged_id AS id FROM note_merge($1, $2, $3::jsonb)', [
        accountId,
        epoch,
        JSON.stringify(copies),
      ])
      return rows.map(({ id }) => id)
    },

    async forget({ accountId, epoch }, copies) {
      const versions = JSON.stringify(copies.map(({ id, version }) => ({ id, version })))
      const [row] = await run<{ count: number }>('SELECT note_forget($1, $2, $3::jsonb) AS count', [
        accountId,
        epoch,
        versions,
      ])
      return row?.count ?? 0
    },

    async summary(account, { after, through }) {
      const sum = { notes: 0, tombstones: 0, checksum: 0n }
      for (let last: string | null = after; ; ) {
        const part: Summary & { last: string } = await fenced(SUMMARY, account, last ?? NIL, last, through ?? LAST)
        sum.notes += part.notes
        sum.tombstones += part.tombstones
        sum.checksum += BigInt(part.checksum)
        if (part.notes + part.tombstones < SUMMED_AT_ONCE) return { ...sum, checksum: String(sum.checksum) }
        last = part.last
      }
    },

    dropTombstones: async (account, limit, hours) =>
      (await fenced<{ count: number }>(DROP_TOMBSTONES, account, limit, hours)).count,

    async raise(accountId, epoch) {
      await run(RAISE, [accountId, epoch])
    },
  }
}

/**
 * Opens a pool on a note store, whose sessions say that they keep versions and tombstones themselves. Their plans are those of
 * a large table, made once: a store that an account moves to was empty when they were made.
 */
export function openNoteDatabase({ url, log }: { url: string; log: Log }): Database {
  const off = ['seqscan', 'hashjoin', 'mergejoin'].map((method) => `enable_${method}=off`)
  const settings = ['interlock.notes=1', ...off, 'plan_cache_mode=force_generic_plan', 'jit=off']
  return openDatabase({ url, name: 'notes', log, connections: 20, settings })
}

/** The stores that are configured, each with a pool of its own; undefined without any. */
export function openNoteStores(
  {
    NOTES_LEGACY_URL: legacyUrl,
    NOTES_CURRENT_URL: currentUrl,
  }: { NOTES_LEGACY_URL?: string | undefined; NOTES_CURRENT_URL?: string | undefined },
  log: Log,
): { stores: NoteStores; databases: NoteDatabases; close(): Promise<void> } | undefined {
  if (!legacyUrl) return undefined
  const legacy = openNoteDatabase({ url: legacyUrl, log })
  const current = currentUrl === undefined ? null : openNoteDatabase({ url: currentUrl, log })
  return {
    stores: { legacy: createNoteStore(legacy), current: current && createNoteStore(current) },
    databases: { legacy, current },
    close: async () => {
      await Promise.all([legacy.pool.end(), current?.pool.end()])
    },
  }
}
