import { type Database, query } from '../database.ts'

/** The databases of the two stores, for what is not about one account. */
export type NoteDatabases = { legacy: Database; current: Database | null }

/** A connection of a role that can write notes and is not ours: a process that knows no epochs. */
export interface OldConnection {
  role: string
  pid: number
  application: string
  /** Its last statement. */
  lastSeen: Date
}

// Ours is the owner. Who may log in, and has or inherits rights to write notes, or some of their columns, is an older build. Who may
// only read is not: it cannot lose anything, and may be a backup.
const OLD_ROLES = `
  SELECT r.rolname::text AS role FROM pg_roles r, pg_class c
  WHERE c.oid = 'notes'::regclass AND r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user AND r.oid <> c.relowner
    AND (has_table_privilege(r.oid, c.oid, 'DELETE') OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE'))`

/** Roles that can write notes past the protocol. */
export async function rolesOfOlderBuilds(db: Database): Promise<string[]> {
  return (await query<{ role: string }>(db, `${OLD_ROLES} ORDER BY 1`)).map(({ role }) => role)
}

/** Connections of such roles that were used within `seconds`. Those that slept longer may be of a process that has gone. */
export async function oldConnections(db: Database, seconds: number): Promise<OldConnection[]> {
  return await query<OldConnection>(
    db,
    `SELECT usename::text AS role, pid, application_name AS application, coalesce(state_change, backend_start) AS "lastSeen"
     FROM pg_stat_activity WHERE datname = current_database()
       AND usename IN (SELECT role FROM (${OLD_ROLES}) o)
       AND coalesce(state_change, backend_start) > clock_timestamp() - $1 * interval '1 second'
     ORDER BY pid`,
    [seconds],
  )
}

/** How many notes a store holds of each account; those without any are not in it. */
export async function countNotes(db: Database, accountIds: string[]): Promise<Map<string, number>> {
  const rows = await patiently<{ id: string; count: number }>(
    db,
    'SELECT account_id AS id, count(*) AS count FROM notes WHERE account_id = ANY ($1) GROUP BY 1',
    [accountIds],
  )
  return new Map(rows.map(({ id, count }) => [id, count]))
}

/** Ids that cut an account's notes into so many ranges of about as many each: the last id of each but the last. */
export async function cutRanges(db: Database, accountId: string, ranges: number): Promise<string[]> {
  if (ranges < 2) return []
  const shares = Array.from({ length: ranges - 1 }, (_, n) => (n + 1) / ranges)
  const [row] = await patiently<{ cuts: string[] | null }>(
    db,
    // Ids have no percentile of their own type; as text they sort alike.
    `SELECT percentile_disc($2::float8[]) WITHIN GROUP (ORDER BY id::text COLLATE "C") AS cuts FROM notes WHERE account_id = $1`,
    [accountId, shares],
  )
  return [...new Set(row?.cuts?.filter(Boolean) ?? [])]
}

/** Accounts of which a store holds anything, tombstones included. */
export async function accountsHeld(db: Database, accountIds: string[]): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `SELECT a.id FROM unnest($1::text[]) AS a(id) WHERE EXISTS (SELECT FROM notes n WHERE n.account_id = a.id)
       OR EXISTS (SELECT FROM note_tombstones t WHERE t.account_id = a.id)`,
    [accountIds],
  )
  return rows.map(({ id }) => id)
}

/** Those of the accounts of which a store holds a tombstone that is older than `hours`. */
export async function accountsWithOldTombstones(db: Database, accountIds: string[], hours: number): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `SELECT a.id FROM unnest($1::text[]) AS a(id) WHERE EXISTS (SELECT FROM note_tombstones t
       WHERE t.account_id = a.id AND t.deleted_at < clock_timestamp() - $2 * interval '1 hour')`,
    [accountIds, hours],
  )
  return rows.map(({ id }) => id)
}

/** Reads a whole account, which may take longer than a pool for single notes allows. */
async function patiently<R extends object>(db: Database, text: string, values: unknown[]): Promise<R[]> {
  const client = await db.pool.connect()
  try {
    await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = '60s'`)
    const { rows } = await client.query<R>(text, values)
    await client.query('COMMIT')
    client.release()
    return rows
  } catch (error) {
    client.release(error as Error)
    throw error
  }
}
