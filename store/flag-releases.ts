import type { Flag } from '../domain/flag.ts'
import { type FlagRelease, type NewRelease, ofChange, type ReleaseEdit } from '../domain/flag-release.ts'
import type { FlagSchedule, ScheduleStatus } from '../domain/flag-schedule.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { Problem } from '../domain/problems.ts'
import { refuseDueTime, refuseFinal } from '../domain/schedule-refusals.ts'
import type { Gate } from './change-request-gate.ts'
import { type Database, query } from './database.ts'
import { insertSchedules, refuseNewSchedule } from './flag-schedules.ts'
import { type FlagAddress, flagNotFound, type LockedFlag, lockFlags } from './flags.ts'
import { type Page, type PageRequest, page, readCursor, UUID_CURSOR } from './page.ts'
import { keepOrderOfRelease, placeRelease } from './release-place.ts'
import {
  type Change,
  emitReleaseEvent,
  membersOf,
  type ReleaseRow,
  readRelease,
  SELECT_RELEASE,
  toRelease,
} from './release-rows.ts'
import type { ScheduleGuards } from './schedule-guards.ts'
import { emitScheduleEvent, enqueueNudge, SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './schedule-rows.ts'
import type { Transaction } from './transaction.ts'

function releaseNotFound(id: string): Problem {
  return new Problem('release-not-found', `There is no release "${id}".`)
}

/** @throws Problem `release-not-found` */
export async function getRelease(db: Database, id: string): Promise<FlagRelease> {
  const [row] = await query<ReleaseRow>(db, `${SELECT_RELEASE} WHERE r.id = $1`, [id])
  if (!row) throw releaseNotFound(id)
  return toRelease(row)
}

/** Releases, the newest first. */
export async function listReleases(
  db: Database,
  { status, limit, cursor }: PageRequest & { status?: ScheduleStatus | undefined },
): Promise<Page<FlagRelease>> {
  const [before] = readCursor(cursor, UUID_CURSOR) ?? []
  const rows = await query<ReleaseRow>(
    db,
    `${SELECT_RELEASE} WHERE ($1::text IS NULL OR r.status = $1) AND ($2::uuid IS NULL OR r.id < $2) ORDER BY r.id DESC LIMIT $3`,
    [status ?? null, before ?? null, limit + 1],
  )
  return page(rows, limit, toRelease, (row) => [row.id])
}

/**
 * Makes a release: its row, and a schedule for each flag.
 *
 * @param environment of changes that name none
 * @throws Problem `validation-failed` for a flag that is named twice; those of `createSchedule`, naming the flag
 */
export async function createRelease(
  tx: Transaction,
  input: NewRelease,
  environment: string,
  guards: ScheduleGuards = {},
): Promise<FlagRelease> {
  const asked = input.changes.map((change) => ({ ...change, environment: change.environment ?? environment }))
  refuseTwice(asked)
  const flags = await lockFlags(tx, asked)
  const changes: Change[] = []
  for (const [i, change] of asked.entries()) {
    const locked = flags.find(({ flag }) => flag.key === change.flagKey && flag.environment === change.environment)
    if (!locked) throw ofChange(flagNotFound(change), change, i)
    await refuseAs(change, i, () => refuseNewSchedule(tx, locked, { ...input, updates: change.updates }))
    changes.push({ ...change, locked })
  }
  const place = await placeRelease(tx, changes, new Date(input.scheduledAt), guards)
  const { scheduledAt, deferredFrom, freezeId, note } = place
  const [made] = await tx.query<{ id: string }>(
    'INSERT INTO flag_releases (scheduled_at, comment, size, created_by) VALUES ($1, $2, $3, $4) RETURNING id',
    [scheduledAt, input.comment ?? null, changes.length, tx.origin.actor],
  )
  const { id: releaseId } = made as { id: string }
  await insertSchedules(
    tx,
    changes.map(({ updates, locked: { flag } }) => {
      const due = { scheduledAt: scheduledAt.toISOString(), deferredFrom, freezeId }
      return { ...due, flagId: flag.id, updates, releaseId, note }
    }),
    ({ id }) => id,
  )
  if (deferredFrom) await keepOrderOfRelease(tx, releaseId)
  return warned(await emitReleaseEvent(tx, 'release-created', releaseId, null, note), place)
}

/**
 * Moves a pending release with all its schedules, or changes its comment. `expectedVersion` is the caller's If-Match.
 *
 * @throws Problem `release-not-found`, `-applied`, `-failed`, `-cancelled`, `revision-mismatch`; those of `editSchedule`, naming the flag
 */
export async function editRelease(
  tx: Transaction,
  id: string,
  edit: ReleaseEdit,
  expectedVersion?: number,
  guards: ScheduleGuards = {},
): Promise<FlagRelease> {
  const { release, members, changes } = await lockRelease(tx, id)
  const before = toRelease(release)
  refuseFinal('release', before)
  requireCurrent('The release', { version: before.version }, expectedVersion)
  const wanted = edit.scheduledAt ? new Date(edit.scheduledAt) : release.scheduled_at
  const moved = wanted.getTime() !== release.scheduled_at.getTime()
  await tx.query('UPDATE flag_releases SET comment = $2 WHERE id = $1', [id, edit.comment ?? release.comment])
  if (!moved) return await touch(tx, before)
  for (const [i, change] of changes.entries())
    await refuseAs(change, i, () => refuseDueTime(wanted, members[i]?.sequence ?? 0, change.locked))
  const place = await placeRelease(tx, changes, wanted, guards)
  return warned(await moveRelease(tx, before, members, place), place)
}

function warned(release: FlagRelease, { warnings }: Pick<FlagRelease, 'warnings'>): FlagRelease {
  return warnings && warnings.length > 0 ? { ...release, warnings } : release
}

/** Where a release goes: see `placeRelease`. */
interface Place {
  scheduledAt: Date
  deferredFrom: Date | null
  freezeId: string | null
  note: Record<string, unknown>
}

/** Moves all of a pending release, whose flags the caller has locked. */
export async function moveRelease(
  tx: Transaction,
  before: FlagRelease,
  members: ScheduleRow[],
  { scheduledAt, deferredFrom, freezeId, note }: Place,
): Promise<FlagRelease> {
  const moved = await changeMembers(tx, before.id, 'pending', scheduledAt, { deferredFrom, freezeId })
  for (const row of members) {
    const after = moved.get(row.id) as FlagSchedule
    emitScheduleEvent(tx, 'schedule-updated', row.flag_id, toSchedule(row), after, undefined, note)
    enqueueNudge(tx, after.id, after)
  }
  await tx.query('UPDATE flag_releases SET scheduled_at = $2 WHERE id = $1', [before.id, scheduledAt])
  if (deferredFrom) await keepOrderOfRelease(tx, before.id)
  return await touch(tx, before, note)
}

async function touch(tx: Transaction, before: FlagRelease, note = {}): Promise<FlagRelease> {
  await tx.query('UPDATE flag_releases SET version = version + 1, updated_at = clock_timestamp() WHERE id = $1', [
    before.id,
  ])
  return await emitReleaseEvent(tx, 'release-updated', before.id, before, note)
}

/**
 * Cancels a pending release: when this returns, none of its changes will ever be made.
 *
 * @throws Problem `release-not-found`, `release-applied` (with when and at which revision), `-failed`, `-cancelled`
 */
export async function cancelRelease(tx: Transaction, id: string): Promise<FlagRelease> {
  const { release, members } = await lockRelease(tx, id, { gated: false })
  const before = toRelease(release)
  refuseFinal('release', before)
  const cancelled = await changeMembers(tx, id, 'cancelled', release.scheduled_at)
  for (const row of members) {
    const after = cancelled.get(row.id) as FlagSchedule
    emitScheduleEvent(tx, 'schedule-cancelled', row.flag_id, toSchedule(row), after)
    enqueueNudge(tx, after.id, after)
  }
  await tx.query(
    `UPDATE flag_releases SET status = 'cancelled', version = version + 1, updated_at = clock_timestamp() WHERE id = $1`,
    [id],
  )
  return await emitReleaseEvent(tx, 'release-cancelled', id, before)
}

/** Writes all pending members of a release; returns them by id. */
async function changeMembers(
  tx: Transaction,
  releaseId: string,
  status: ScheduleStatus,
  scheduledAt: Date,
  put?: Pick<Place, 'deferredFrom' | 'freezeId'>,
): Promise<Map<string, FlagSchedule>> {
  const rows = await tx.query<ScheduleRow>(
    `WITH s AS (UPDATE feature_flag_schedules SET status = $2, scheduled_at = $3,
         deferred_from = CASE WHEN $4 THEN $5 ELSE deferred_from END, freeze_id = CASE WHEN $4 THEN $6 ELSE freeze_id END,
         version = version + 1, updated_at = clock_timestamp()
       WHERE release_id = $1 AND status = 'pending' RETURNING *)
     SELECT ${SCHEDULE_COLUMNS} FROM s JOIN feature_flags f ON f.id = s.flag_id`,
    [releaseId, status, scheduledAt, put !== undefined, put?.deferredFrom ?? null, put?.freezeId ?? null],
  )
  return new Map(rows.map((row) => [row.id, toSchedule(row)]))
}

/** Locks a release's flags, then its schedules, then the release itself. @throws Problem `release-not-found` */
async function lockRelease(tx: Transaction, id: string, gate?: Gate) {
  const addresses = await tx.query<FlagAddress>(
    `SELECT f.environment, f.key AS "flagKey" FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE s.release_id = $1`,
    [id],
  )
  const flags = new Map((await lockFlags(tx, addresses, gate)).map((locked) => [locked.flag.id, locked]))
  const members = await membersOf(tx, id)
  const release = await readRelease(tx, id, 'FOR UPDATE OF r')
  if (!release) throw releaseNotFound(id)
  const changes = members.map(({ id, flag_id, flag_key: flagKey, environment, updates }): Change => {
    return { id, flagKey, environment, updates, locked: flags.get(flag_id) as LockedFlag }
  })
  return { release, members, changes }
}

/** @throws Problem `flag-in-release` for a flag, locked by the caller, of a pending release */
export async function refuseFlagInRelease(tx: Transaction, { id }: Flag): Promise<void> {
  const [member] = await tx.query<{ releaseId: string; scheduledAt: Date }>(
    `SELECT release_id AS "releaseId", scheduled_at AS "scheduledAt" FROM feature_flag_schedules
     WHERE flag_id = $1 AND status = 'pending' AND release_id IS NOT NULL ORDER BY scheduled_at, sequence LIMIT 1`,
    [id],
  )
  if (!member) return
  const { releaseId } = member
  const why = `The release ${releaseId}, due ${member.scheduledAt.toISOString()}, changes it. Cancel that first: DELETE /api/admin/releases/${releaseId}.`
  throw new Problem('flag-in-release', why, { members: { releaseId } })
}

function refuseTwice(changes: FlagAddress[]): void {
  const seen = new Set<string>()
  changes.forEach(({ environment, flagKey }, i) => {
    const name = `${environment}/${flagKey}`
    if (seen.has(name)) {
      throw new Problem('validation-failed', `The flag "${flagKey}" (${environment}) is named twice.`, {
        fields: [{ field: `changes.${i}.flagKey`, message: 'must name each flag of an environment once' }],
      })
    }
    seen.add(name)
  })
}

async function refuseAs(change: FlagAddress, index: number, check: () => void | Promise<void>): Promise<void> {
  try {
    await check()
  } catch (error) {
    if (error instanceof Problem) throw ofChange(error, change, index)
    throw error
  }
}
