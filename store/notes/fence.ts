import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { type Database, query } from '../database.ts'

/** How long to wait for the connections of a fenced role to end. */
const ENDED_WITHIN_MS = 5_000

/**
 * Shuts a database role out of a note store: that of builds that know no epochs, and so are not refused by them. It may not
 * log in, has no rights on notes, and its connections are ended, whatever they were in the middle of: when this resolves, nothing
 * that it began can still commit. The pool's own role must own `notes` and may end others' connections.
 *
 * @throws Error when a connection of the role outlives 5 s
 */
export async function fenceRole(db: Database, role: string): Promise<void> {
  const name = pg.escapeIdentifier(role)
  await query(db, `ALTER ROLE ${name} NOLOGIN`)
  await query(db, `REVOKE ALL ON notes FROM ${name}`)
  const deadline = performance.now() + ENDED_WITHIN_MS
  for (;;) {
    const still = await query<{ pid: number }>(
      db,
      `SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE usename = $1 AND datname = current_database() AND pid <> pg_backend_pid()`,
      [role],
    )
    if (still.length === 0) return
    if (performance.now() > deadline) {
      throw new Error(`Connections of ${role} do not end: ${still.map(({ pid }) => pid).join(', ')}`)
    }
    await wait(20)
  }
}

/** Lets a role in again: when all accounts are back in the mode off, older builds may write. */
export async function admitRole(db: Database, role: string): Promise<void> {
  const name = pg.escapeIdentifier(role)
  await query(db, `GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO ${name}`)
  await query(db, `ALTER ROLE ${name} LOGIN`)
}

/** Whether nothing of a role can write: for a gate to look at before each step. */
export async function isFenced(db: Database, role: string): Promise<boolean> {
  const [row] = await query<{ fenced: boolean }>(
    db,
    `SELECT NOT rolcanlogin AND NOT has_table_privilege(rolname, 'notes', 'DELETE')
       AND NOT has_any_column_privilege(rolname, 'notes', 'INSERT, UPDATE, SELECT')
       AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = $1 AND datname = current_database()) AS fenced
     FROM pg_roles WHERE rolname = $1`,
    [role],
  )
  return row?.fenced ?? true
}
