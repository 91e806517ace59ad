import { BY_ITSELF } from '../domain/event.ts'
import { pauseMigration } from './account-migration-control.ts'
import { enqueueMigrationNudge, lockMigration, type MigrationRow } from './account-migration-rows.ts'
import { type Database, query } from './database.ts'
import { transaction } from './transaction.ts'

/** Migrations that are not at their end, without a message under way. They are few, so each is looked at every time. */
export async function migrationsToCheck(db: Database): Promise<MigrationRow[]> {
  return await query<MigrationRow>(
    db,
    `SELECT * FROM account_migrations m
     WHERE (status = 'running' OR (status IN ('done', 'rolled-back') AND cleaned_at IS NULL))
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.state <> 'dispatched' AND o.payload ->> 'migrationId' = m.id::text)
     ORDER BY id`,
  )
}

/** Sends a migration's workflow on its way again. @returns false, and does nothing, when it has changed since it was picked */
export async function nudgeMigration(db: Database, { id, version }: MigrationRow, because: string): Promise<boolean> {
  const nudge = async (tx: Parameters<Parameters<typeof transaction>[1]>[0]) => {
    const row = await lockMigration(tx, id)
    if (row.version !== version) return false
    enqueueMigrationNudge(tx, row, `/${because}`)
    return true
  }
  return (await transaction(db, nudge, { origin: BY_ITSELF })).result
}

/**
 * Pauses a migration whose workflow an operator terminated: that is meant to stop it, and it can be resumed.
 *
 * @returns false, and does nothing, when it has changed since it was picked
 */
export async function pauseTerminated(
  db: Database,
  { id, version }: MigrationRow,
  by: { identity: string; reason?: string },
): Promise<boolean> {
  const reason = `its workflow was terminated by ${by.identity}${by.reason ? `: ${by.reason}` : ''}`
  const pause = async (tx: Parameters<Parameters<typeof transaction>[1]>[0]) => {
    if ((await lockMigration(tx, id)).version !== version) return false
    await pauseMigration(tx, id)
    return true
  }
  return (await transaction(db, pause, { origin: { actor: by.identity, door: 'temporal', reason } })).result
}
