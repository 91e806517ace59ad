import { parseArgs } from 'node:util'
import { readConfig } from '../runtime/config.ts'
import { createLog } from '../runtime/log.ts'
import { type Database, openDatabase, query } from './database.ts'
import { admitRole, fenceRole } from './notes/fence.ts'
import { openNoteStores } from './notes/postgres.ts'
import type { NoteDatabases } from './notes/roles.ts'

/**
 * Lets older builds in again, under the role that they had: possible while every account is off. Somebody may begin to move
 * one at that moment, who has passed the gate already; so it is looked again afterwards, and the role is shut out if so.
 *
 * @throws Error with an account that is not off, or is about to be
 */
export async function admitOlderBuilds(db: Database, notes: NoteDatabases, role: string): Promise<void> {
  await refuseUnlessAllAreOff(db)
  const stores = [notes.legacy, notes.current].filter((store) => store !== null)
  for (const store of stores) await admitRole(store, role)
  await query(db, 'UPDATE note_protocol SET minimal = 0')
  try {
    await refuseUnlessAllAreOff(db)
  } catch (error) {
    for (const store of stores) await fenceRole(store, role)
    throw error
  }
}

async function refuseUnlessAllAreOff(db: Database): Promise<void> {
  const [account] = await query<{ id: string; mode: string }>(
    db,
    `SELECT id, coalesce(next_mode, mode) AS mode FROM accounts WHERE mode <> 'off' OR next_mode <> 'off' ORDER BY id LIMIT 1`,
  )
  if (account) {
    throw new Error(`The account ${account.id} is ${account.mode}: older builds may write when every account is off`)
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { role: { type: 'string' } } })
  const config = readConfig()
  const log = createLog('admit', 'warn')
  const notes = openNoteStores(config, log)
  if (!values.role || !notes) {
    console.error(
      'Usage: npm run admit -- --role <role of the older builds>   (with NOTES_LEGACY_URL, NOTES_CURRENT_URL)',
    )
    process.exit(2)
  }
  const db = openDatabase({ url: config.DATABASE_URL, name: 'api', log, connections: 1 })
  try {
    await admitOlderBuilds(db, notes.databases, values.role)
    console.log(`${values.role} may log in and write notes again`)
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  } finally {
    await Promise.all([db.pool.end(), notes.close()])
  }
}
