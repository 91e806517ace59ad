import { isDeepStrictEqual } from 'node:util'
import { checkVariants } from '../domain/evaluation/check.ts'
import type { Flag, FlagEdit, NewFlag } from '../domain/flag.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { Problem } from '../domain/problems.ts'
import type { Dependency } from '../domain/strategy.ts'
import { refuseFields, toFields } from '../domain/strategy-content.ts'
import { changeRequestRequired, enterEnvironment, type Gate, isGated, settingsCte } from './change-request-gate.ts'
import { type Database, query } from './database.ts'
import { refuseDependencies } from './flag-dependencies.ts'
import { FLAG_COLUMNS, type FlagRow, toFlag } from './flag-rows.ts'
import { KEY_CURSOR, type Page, type PageRequest, page, readCursor } from './page.ts'
import { bumpRevision, NEXT_REVISION } from './revision.ts'
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
  /** Its environment asks for change requests, and the caller asked to be told. */
  gated: boolean
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

/**
 * Locks a flag, as every write to it or to one of its schedules does first. What only stops something passes where change
 * requests are asked for, with `gated: false`.
 *
 * @throws Problem `flag-not-found`, `change-request-required`
 */
export async function lockFlag(tx: Transaction, address: FlagAddress, gate?: Gate): Promise<LockedFlag> {
  const [row] = await tx.query<FlagRow & { now: Date; gated: boolean | null }>(
    `WITH ${settingsCte('ARRAY[$1::text]', '$3::boolean')}
     SELECT ${FLAG_COLUMNS}, clock_timestamp() AS now, (SELECT change_requests FROM gate) AS gated FROM feature_flags f
     WHERE environment = $1 AND key = $2 FOR NO KEY UPDATE`,
    [address.environment, address.flagKey, isGated(tx, gate)],
  )
  if (!row) throw flagNotFound(address)
  if (row.gated) throw changeRequestRequired(address.environment)
  return toLocked(row)
}

/**
 * Locks flags in the order (environment, key), which is everybody's; those that do not exist are left out. A dry run only
 * reads them. With `each`, flags whose environment asks for change requests are not refused, but marked as `gated`.
 *
 * @throws Problem `change-request-required`, as `lockFlag` does
 */
export async function lockFlags(
  tx: Transaction,
  addresses: FlagAddress[],
  { dryRun = false, each = false, ...gate }: Gate & { dryRun?: boolean; each?: boolean } = {},
): Promise<LockedFlag[]> {
  const rows = await tx.query<FlagRow & { now: Date; gated: boolean | null }>(
    `WITH ${settingsCte('$1::text[]', '$3::boolean')}
     SELECT ${FLAG_COLUMNS}, clock_timestamp() AS now,
       f.environment IN (SELECT environment FROM gate WHERE change_requests) AS gated FROM feature_flags f
     WHERE (environment, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))
     ORDER BY environment, key ${dryRun ? '' : 'FOR NO KEY UPDATE OF f'}`,
    [addresses.map(({ environment }) => environment), addresses.map(({ flagKey }) => flagKey), isGated(tx, gate)],
  )
  const gated = rows.find((row) => row.gated)
  if (gated && !each) throw changeRequestRequired(gated.environment)
  return rows.map(toLocked)
}

function toLocked(row: FlagRow & { now: Date; gated: boolean | null }): LockedFlag {
  const { applied_through_at: at, applied_through_sequence: sequence, now, gated } = row
  const appliedThrough = at && sequence !== null ? { at, sequence } : null
  return { flag: toFlag(row), appliedThrough, now, gated: gated === true }
}

/** @throws Problem `flag-not-found` */
export async function getFlag(db: Database, address: FlagAddress): Promise<Flag> {
  const [row] = await query<FlagRow>(
    db,
    `SELECT ${FLAG_COLUMNS} FROM feature_flags f WHERE environment = $1 AND key = $2`,
    [address.environment, address.flagKey],
  )
  if (!row) throw flagNotFound(address)
  return toFlag(row)
}

/** Flags of an environment by key, those with `search` in their key or description; archived ones only when asked for. */
export async function listFlags(
  db: Database,
  {
    environment,
    archived,
    search,
    limit,
    cursor,
  }: PageRequest & { environment: string; archived: boolean; search?: string | undefined },
): Promise<Page<Flag>> {
  const [after] = readCursor(cursor, KEY_CURSOR) ?? []
  const rows = await query<FlagRow>(
    db,
    `SELECT ${FLAG_COLUMNS} FROM feature_flags f
     WHERE environment = $1 AND (archived_at IS NOT NULL) = $2 AND ($3::text IS NULL OR key > $3)
       AND ($5::text IS NULL OR strpos(lower(key || ' ' || description), lower($5)) > 0) ORDER BY key LIMIT $4`,
    [environment, archived, after ?? null, limit + 1, search ?? null],
  )
  return page(rows, limit, toFlag, (row) => [row.key])
}

/** @throws Problem `change-request-required`, `flag-exists`, `dependency-refused`, `validation-failed` */
export async function createFlag(tx: Transaction, environment: string, input: NewFlag): Promise<Flag> {
  await enterEnvironment(tx, environment)
  const { variants = [], dependencies = [] } = input
  refuseFields(toFields(checkVariants(variants), ['variants']))
  const parents = await lockFlags(tx, addressesOf(environment, dependencies))
  await refuseDependencies(
    tx,
    { environment, key: input.key },
    dependencies,
    parents.map(({ flag }) => flag),
  )
  const [row] = await tx.query<FlagRow>(
    `WITH next AS (${NEXT_REVISION})
     INSERT INTO feature_flags AS f (environment, key, description, enabled, rollout_percentage, variants, dependencies, revision)
     SELECT $1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, next.revision FROM next
     ON CONFLICT (environment, key) DO NOTHING RETURNING ${FLAG_COLUMNS}`,
    [
      environment,
      input.key,
      input.description,
      input.enabled,
      input.rolloutPercentage,
      JSON.stringify(variants),
      JSON.stringify(dependencies),
    ],
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
 * @throws Problem `flag-not-found`, `revision-mismatch`, `flag-archived`, `dependency-refused`, `validation-failed`
 */
export async function editFlag(
  tx: Transaction,
  address: FlagAddress,
  edit: FlagEdit,
  expectedRevision?: number,
): Promise<Flag> {
  const { flag, parents } = await lockWithParents(tx, address, edit)
  requireCurrent('The flag', { revision: flag.revision }, expectedRevision)
  const { archived, ...changes } = edit
  if (archived === undefined) refuseArchived(flag)
  const wanted = { ...flag, ...changes, ...(archived === false && { archivedAt: null }) }
  if (isDeepStrictEqual(wanted, flag)) return flag
  refuseFields(toFields(checkVariants(wanted.variants), ['variants']))
  if (edit.dependencies || flag.archivedAt) await refuseDependencies(tx, flag, wanted.dependencies, parents)
  const after = await writeFlag(tx, wanted)
  emitFlagEvent(tx, flag.archivedAt ? 'flag-revived' : 'flag-updated', flag, after)
  return after
}

/** Locks a flag that is to be changed, and in the same order those that it will depend on when that is changed, too. */
async function lockWithParents(
  tx: Transaction,
  address: FlagAddress,
  { dependencies, archived }: FlagEdit,
): Promise<{ flag: Flag; parents: Flag[] }> {
  const before = async () => {
    const [row] = await tx.query<{ dependencies: Dependency[] }>(
      'SELECT dependencies FROM feature_flags WHERE environment = $1 AND key = $2 AND archived_at IS NOT NULL',
      [address.environment, address.flagKey],
    )
    return row?.dependencies ?? []
  }
  const parents = dependencies ?? (archived === false ? await before() : [])
  const locked = await lockFlags(tx, [address, ...addressesOf(address.environment, parents)])
  const flag = locked.find((one) => one.flag.key === address.flagKey)?.flag
  if (!flag) throw flagNotFound(address)
  // Revived, edited and archived again since it was read.
  if (!dependencies && flag.archivedAt && archived === false && !isDeepStrictEqual(flag.dependencies, parents)) {
    throw new Problem('busy', 'The flag is being changed. Send the request again in a moment.')
  }
  return { flag, parents: locked.map((one) => one.flag).filter(({ key }) => key !== flag.key) }
}

function addressesOf(environment: string, dependencies: Dependency[]): FlagAddress[] {
  return dependencies.map(({ flagKey }) => ({ environment, flagKey }))
}

/** Writes every field of a locked flag as a new configuration revision. */
export async function writeFlag(tx: Transaction, flag: Flag): Promise<Flag> {
  const revision = await bumpRevision(tx)
  const [row] = await tx.query<FlagRow>(
    `UPDATE feature_flags f SET description = $2, enabled = $3, rollout_percentage = $4, archived_at = $5, revision = $6,
       variants = $7::jsonb, dependencies = $8::jsonb, updated_at = clock_timestamp()
     WHERE id = $1 RETURNING ${FLAG_COLUMNS}`,
    [
      flag.id,
      flag.description,
      flag.enabled,
      flag.rolloutPercentage,
      flag.archivedAt,
      revision,
      JSON.stringify(flag.variants),
      JSON.stringify(flag.dependencies),
    ],
  )
  return toFlag(row as FlagRow)
}

/** Makes what changed beside a locked flag's row, in its strategies, a new configuration. @returns its revision */
export async function reviseFlag(tx: Transaction, { id, environment, key }: Flag): Promise<number> {
  const revision = await bumpRevision(tx)
  await tx.query('UPDATE feature_flags SET revision = $2, updated_at = clock_timestamp() WHERE id = $1', [id, revision])
  tx.invalidateCache(['flag', environment, key])
  return revision
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

function seen({ description, enabled, rolloutPercentage, variants, dependencies, archivedAt }: Flag) {
  return { description, enabled, rolloutPercentage, variants, dependencies, archivedAt }
}
