import type { Flag, FlagEdit, NewFlag } from '../domain/flag.ts'
import { Problem } from '../domain/problems.ts'
import { type Database, query } from './database.ts'
import { type Page, type PageRequest, page, readCursor } from './page.ts'
import { bumpRevision } from './revision.ts'
import type { Transaction } from './transaction.ts'

export interface FlagAddress {
  environment: string
  flagKey: string
}

/** A flag's row under its lock, with the watermark of what schedules have applied and the database's clock. */
export interface LockedFlag {
  flag: Flag
  appliedThrough: { at: Date; sequence: number } | null
  now: Date
}

const COLUMNS = `f.id, f.environment, f.key, f.description, f.enabled, f.rollout_percentage, f.revision, f.archived_at,
  f.created_at, f.updated_at, f.applied_through_at, f.applied_through_sequence`

interface FlagRow {
  id: string
  environment: string
  key: string
  description: string
  enabled: boolean
  rollout_percentage: number
  revision: number
  archived_at: Date | null
  created_at: Date
  updated_at: Date
  applied_through_at: Date | null
  applied_through_sequence: number | null
}

function toFlag(row: FlagRow): Flag {
  return {
    id: row.id,
    key: row.key,
    environment: row.environment,
    description: row.description,
    enabled: row.enabled,
    rolloutPercentage: row.rollout_percentage,
    revision: row.revision,
    archivedAt: row.archived_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

export function flagNotFound({ environment, flagKey }: FlagAddress): Problem {
  return new Problem('flag-not-found', `There is no flag "${flagKey}" in the environment "${environment}".`)
}

/** @throws Problem `flag-archived` */
export function refuseArchived(flag: Flag): void {
  if (!flag.archivedAt) return
  throw new Problem(
    'flag-archived',
    `The flag was archived at ${flag.archivedAt}. Bring it back first: PATCH {"archived": false}.`,
    {
      fields: [{ field: 'path.flagKey', message: 'must name a flag that is not archived' }],
    },
  )
}

/** Locks a flag, as every write to it or to one of its schedules does first. @throws Problem `flag-not-found` */
export async function lockFlag(tx: Transaction, address: FlagAddress): Promise<LockedFlag> {
  const [row] = await tx.query<FlagRow & { now: Date }>(
    `SELECT ${COLUMNS}, clock_timestamp() AS now FROM feature_flags f
     WHERE environment = $1 AND key = $2 FOR NO KEY UPDATE`,
    [address.environment, address.flagKey],
  )
  if (!row) throw flagNotFound(address)
  return toLocked(row)
}

/**
 * Locks flags in the order (environment, key), which is everybody's; those that do not exist are left out. A dry run only
 * reads them.
 */
export async function lockFlags(
  tx: Transaction,
  addresses: FlagAddress[],
  { dryRun = false } = {},
): Promise<LockedFlag[]> {
  const rows = await tx.query<FlagRow & { now: Date }>(
    `SELECT ${COLUMNS}, clock_timestamp() AS now FROM feature_flags f
     WHERE (environment, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))
     ORDER BY environment, key ${dryRun ? '' : 'FOR NO KEY UPDATE OF f'}`,
    [addresses.map(({ environment }) => environment), addresses.map(({ flagKey }) => flagKey)],
  )
  return rows.map(toLocked)
}

function toLocked(row: FlagRow & { now: Date }): LockedFlag {
  const { applied_through_at: at, applied_through_sequence: sequence } = row
  return { flag: toFlag(row), appliedThrough: at && sequence !== null ? { at, sequence } : null, now: row.now }
}

/** @throws Problem `flag-not-found` */
export async function getFlag(db: Database, address: FlagAddress): Promise<Flag> {
  const [row] = await query<FlagRow>(db, `SELECT ${COLUMNS} FROM feature_flags f WHERE environment = $1 AND key = $2`, [
    address.environment,
    address.flagKey,
  ])
  if (!row) throw flagNotFound(address)
  return toFlag(row)
}

/** Flags of an environment by key; archived ones only when asked for. */
export async function listFlags(
  db: Database,
  { environment, archived, limit, cursor }: PageRequest & { environment: string; archived: boolean },
): Promise<Page<Flag>> {
  const [after] = readCursor(cursor, /^[A-Za-z0-9._-]+$/) ?? []
  const rows = await query<FlagRow>(
    db,
    `SELECT ${COLUMNS} FROM feature_flags f
     WHERE environment = $1 AND (archived_at IS NOT NULL) = $2 AND ($3::text IS NULL OR key > $3) ORDER BY key LIMIT $4`,
    [environment, archived, after ?? null, limit + 1],
  )
  return page(rows, limit, toFlag, (row) => [row.key])
}

/** @throws Problem `flag-exists` */
export async function createFlag(tx: Transaction, environment: string, input: NewFlag): Promise<Flag> {
  const [row] = await tx.query<FlagRow>(
    `WITH next AS (UPDATE configuration_revision SET revision = revision + 1 RETURNING revision)
     INSERT INTO feature_flags AS f (environment, key, description, enabled, rollout_percentage, revision)
     SELECT $1, $2, $3, $4, $5, next.revision FROM next
     ON CONFLICT (environment, key) DO NOTHING RETURNING ${COLUMNS}`,
    [environment, input.key, input.description, input.enabled, input.rolloutPercentage],
  )
  if (!row) {
    throw new Problem('flag-exists', `There is a flag "${input.key}" in the environment "${environment}" already.`, {
      fields: [{ field: 'key', message: 'must be new in its environment, archived flags included' }],
    })
  }
  const flag = toFlag(row)
  emitFlagEvent(tx, 'flag-created', null, flag)
  return flag
}

/**
 * Changes the named fields. `expectedRevision` is the caller's If-Match. An edit that changes nothing leaves the revision.
 *
 * @throws Problem `flag-not-found`, `revision-mismatch`, `flag-archived`
 */
export async function editFlag(
  tx: Transaction,
  address: FlagAddress,
  edit: FlagEdit,
  expectedRevision?: number,
): Promise<Flag> {
  const { flag } = await lockFlag(tx, address)
  refuseStale(flag, expectedRevision)
  const { archived, ...changes } = edit
  if (archived === undefined) refuseArchived(flag)
  const wanted = { ...flag, ...changes, ...(archived === false && { archivedAt: null }) }
  if ((Object.keys(wanted) as (keyof Flag)[]).every((field) => wanted[field] === flag[field])) return flag
  const after = await writeFlag(tx, wanted)
  emitFlagEvent(tx, flag.archivedAt ? 'flag-revived' : 'flag-updated', flag, after)
  return after
}

/** @throws Problem `revision-mismatch` when the caller's If-Match is not the flag's revision */
export function refuseStale(flag: Flag, expectedRevision: number | undefined): void {
  if (expectedRevision === undefined || expectedRevision === flag.revision) return
  throw new Problem('revision-mismatch', `The flag is at revision ${flag.revision}. Read it again, then decide.`, {
    fields: [{ field: 'header.if-match', message: `must be "${flag.revision}", the ETag of the flag as it is now` }],
    members: { revision: flag.revision },
  })
}

/** Writes every field of a locked flag as a new configuration revision. */
export async function writeFlag(tx: Transaction, flag: Flag): Promise<Flag> {
  const revision = await bumpRevision(tx)
  const [row] = await tx.query<FlagRow>(
    `UPDATE feature_flags f SET description = $2, enabled = $3, rollout_percentage = $4, archived_at = $5, revision = $6,
       updated_at = clock_timestamp()
     WHERE id = $1 RETURNING ${COLUMNS}`,
    [flag.id, flag.description, flag.enabled, flag.rolloutPercentage, flag.archivedAt, revision],
  )
  return toFlag(row as FlagRow)
}

export function emitFlagEvent(
  tx: Transaction,
  type: 'flag-created' | 'flag-updated' | 'flag-archived' | 'flag-revived',
  before: Flag | null,
  after: Flag,
): void {
  const { environment, key: flagKey, id: flagId, revision } = after
  tx.emitEvent({
    type,
    environment,
    flagKey,
    flagId,
    revision,
    data: { before: before && seen(before), after: seen(after) },
  })
  tx.invalidateCache(['flag', environment, flagKey])
}

function seen({ description, enabled, rolloutPercentage, archivedAt }: Flag) {
  return { description, enabled, rolloutPercentage, archivedAt }
}
