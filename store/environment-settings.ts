import type {
  EnvironmentSettings,
  EnvironmentSettingsEdit,
  EnvironmentSettingsWithDrift,
} from '../domain/environment-settings.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { makeSettings } from './change-request-gate.ts'
import { type Database, query } from './database.ts'
import { KEY_CURSOR, type Page, type PageRequest, page, readCursor } from './page.ts'
import { countDrift } from './strategy-drift.ts'
import type { Transaction } from './transaction.ts'

interface SettingsRow {
  environment: string
  release_plan_sync: boolean | null
  change_requests: boolean | null
  required_approvals: number | null
  self_approval: boolean | null
  version: number | null
  updated_at: Date | null
}

/** An environment that was never set up has the defaults: in a row of version 0 when something was made in it, else in none. */
function toSettings(row: SettingsRow): EnvironmentSettings {
  return {
    environment: row.environment,
    releasePlanSync: row.release_plan_sync ?? true,
    changeRequests: row.change_requests ?? false,
    requiredApprovals: row.required_approvals ?? 1,
    selfApproval: row.self_approval ?? false,
    version: row.version ?? 0,
    updatedAt: (row.version && row.updated_at?.toISOString()) || null,
  }
}

/** What an environment is asked to keep to; the defaults, also when nothing lives in it yet. */
export async function getSettings(db: Database, environment: string): Promise<EnvironmentSettings> {
  const [row] = await query<SettingsRow>(
    db,
    'SELECT s.*, asked.environment FROM (SELECT $1::text AS environment) asked LEFT JOIN environment_settings s USING (environment)',
    [environment],
  )
  return toSettings(row as SettingsRow)
}

/** Environments by name: those that have settings, flags or segments. */
export async function listSettings(db: Database, { limit, cursor }: PageRequest): Promise<Page<EnvironmentSettings>> {
  const [after] = readCursor(cursor, KEY_CURSOR) ?? []
  const rows = await query<SettingsRow>(
    db,
    `SELECT s.*, known.environment
     FROM (SELECT environment FROM environment_settings UNION SELECT environment FROM feature_flags
       UNION SELECT environment FROM segments) known LEFT JOIN environment_settings s USING (environment)
     WHERE $1::text IS NULL OR known.environment > $1 ORDER BY known.environment LIMIT $2`,
    [after ?? null, limit + 1],
  )
  return page(rows, limit, toSettings, (row) => [row.environment])
}

/**
 * Changes the named settings; `drift` says how many strategies differ from their other copy, which turning the sync on again
 * leaves as they are.
 *
 * @throws Problem `revision-mismatch`
 */
export async function editSettings(
  tx: Transaction,
  environment: string,
  edit: EnvironmentSettingsEdit,
  expectedVersion?: number,
): Promise<EnvironmentSettingsWithDrift> {
  // Made first, so that there is a row to lock: two that set it up at once see one another.
  await makeSettings(tx, environment)
  const [locked] = await tx.query<SettingsRow>('SELECT * FROM environment_settings WHERE environment = $1 FOR UPDATE', [
    environment,
  ])
  const before = toSettings(locked as SettingsRow)
  requireCurrent('The environment', { version: before.version }, expectedVersion)
  const wanted = { ...before, ...edit }
  const [row] = await tx.query<SettingsRow>(
    `UPDATE environment_settings SET release_plan_sync = $2, change_requests = $3, required_approvals = $4, self_approval = $5,
       version = version + 1, updated_at = clock_timestamp()
     WHERE environment = $1 RETURNING *`,
    [environment, wanted.releasePlanSync, wanted.changeRequests, wanted.requiredApprovals, wanted.selfApproval],
  )
  const after = toSettings(row as SettingsRow)
  const drift = await countDrift(tx, environment)
  tx.emitEvent({
    type: 'environment-updated',
    environment,
    data: { before: seen(before), after: seen(after), drift },
  })
  return { ...after, drift }
}

/**
 * Whether both copies of an active milestone's strategy change together. Held until this transaction ends: once somebody is
 * told that the sync is on, no change of a single copy is still under way.
 */
export async function isSynced(tx: Transaction, environment: string): Promise<boolean> {
  const [row] = await tx.query<{ release_plan_sync: boolean }>(
    'SELECT release_plan_sync FROM environment_settings WHERE environment = $1 FOR SHARE',
    [environment],
  )
  return row?.release_plan_sync ?? true
}

function seen({ releasePlanSync, changeRequests, requiredApprovals, selfApproval }: EnvironmentSettings) {
  return { releasePlanSync, changeRequests, requiredApprovals, selfApproval }
}
