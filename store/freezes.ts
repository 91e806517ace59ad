import type { FlagSchedule } from '../domain/flag-schedule.ts'
import { type Freeze, type FreezeEdit, type FreezeWithAffected, firstFree, type NewFreeze } from '../domain/freeze.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { Problem } from '../domain/problems.ts'
import { type Database, query } from './database.ts'
import { moveRelease } from './flag-releases.ts'
import { FREEZE_COLUMNS, type FreezeRow, freezesSince, toFreeze } from './freeze-rows.ts'
import { type Page, type PageRequest, page, readCursor, UUID_CURSOR } from './page.ts'
import { firstFreeOf } from './release-place.ts'
import { membersOf, type ReleaseRow, readRelease, toRelease } from './release-rows.ts'
import { keepAskedOrder } from './schedule-guards.ts'
import { emitScheduleEvent, enqueueNudge, SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './schedule-rows.ts'
import type { Transaction } from './transaction.ts'

/** Affected schedules that an answer shows. */
const SHOWN = 50
/** Schedules that one statement moves. */
const MOVED_AT_ONCE = 500

function freezeNotFound(id: string): Problem {
  return new Problem('freeze-not-found', `There is no freeze "${id}".`)
}

/** @throws Problem `freeze-not-found` */
export async function getFreeze(db: Database, id: string): Promise<Freeze> {
  const [row] = await query<FreezeRow>(db, `SELECT ${FREEZE_COLUMNS} FROM freezes WHERE id = $1`, [id])
  if (!row) throw freezeNotFound(id)
  return toFreeze(row)
}

export interface FreezeFilter extends PageRequest {
  environment?: string | undefined
  /** Does it hold now? */
  active?: boolean | undefined
}

/** Freezes, the newest first. */
export async function listFreezes(db: Database, filter: FreezeFilter): Promise<Page<Freeze>> {
  const [before] = readCursor(filter.cursor, UUID_CURSOR) ?? []
  const rows = await query<FreezeRow>(
    db,
    `SELECT ${FREEZE_COLUMNS} FROM freezes
     WHERE ($1::text IS NULL OR environment = $1) AND ($3::uuid IS NULL OR id < $3)
       AND ($2::boolean IS NULL OR (from_at <= clock_timestamp() AND clock_timestamp() < to_at) = $2)
     ORDER BY id DESC LIMIT $4`,
    [filter.environment ?? null, filter.active ?? null, before ?? null, filter.limit + 1],
  )
  return page(rows, filter.limit, toFreeze, (row) => [row.id])
}

/**
 * Freezes an environment for a time. What is pending inside is moved to the end, or only reported, by the freeze's mode.
 *
 * @throws Problem `freeze-in-past`
 */
export async function createFreeze(tx: Transaction, input: NewFreeze): Promise<FreezeWithAffected> {
  await lockFlagsOf(tx, input.environment)
  const [row] = await tx.query<FreezeRow & { over: boolean }>(
    `INSERT INTO freezes (environment, from_at, to_at, reason, mode, created_by) VALUES ($1, $2, $3, $4, $5, $6)
     RETURNING ${FREEZE_COLUMNS}, to_at <= clock_timestamp() AS over`,
    [input.environment, new Date(input.from), new Date(input.to), input.reason, input.mode, tx.origin.actor],
  )
  const freeze = toFreeze(row as FreezeRow)
  if (row?.over) {
    throw new Problem('freeze-in-past', `It would have ended at ${freeze.to}.`, {
      fields: [{ field: 'to', message: 'must be after now' }],
    })
  }
  return await hold(tx, 'freeze-created', null, freeze, freeze.from)
}

/**
 * Changes the end or the reason. Where the end moves ahead, the time that is added is frozen as by a new freeze; schedules
 * that were put off stay where they are when the end moves back.
 *
 * @throws Problem `freeze-not-found`, `revision-mismatch`, `validation-failed` when it would end before it begins
 */
export async function editFreeze(
  tx: Transaction,
  id: string,
  edit: FreezeEdit,
  expectedVersion?: number,
): Promise<FreezeWithAffected> {
  const { environment } = await findFreeze(tx, id)
  await lockFlagsOf(tx, environment)
  const before = await findFreeze(tx, id, 'FOR UPDATE')
  requireCurrent('The freeze', { version: before.version }, expectedVersion)
  const to = edit.to ? new Date(edit.to) : new Date(before.to)
  if (to.getTime() <= Date.parse(before.from)) {
    throw new Problem('validation-failed', 'The freeze would end before it begins.', {
      fields: [{ field: 'to', message: `must be after ${before.from}` }],
    })
  }
  const [row] = await tx.query<FreezeRow>(
    `UPDATE freezes SET to_at = $2, reason = $3, version = version + 1, updated_at = clock_timestamp() WHERE id = $1
     RETURNING ${FREEZE_COLUMNS}`,
    [id, to, edit.reason ?? before.reason],
  )
  return await hold(tx, 'freeze-updated', before, toFreeze(row as FreezeRow), before.to)
}

/** Ends a freeze; schedules that it put off stay where they are. @throws Problem `freeze-not-found` */
export async function deleteFreeze(tx: Transaction, id: string): Promise<Freeze> {
  const [row] = await tx.query<FreezeRow>(`DELETE FROM freezes WHERE id = $1 RETURNING ${FREEZE_COLUMNS}`, [id])
  if (!row) throw freezeNotFound(id)
  const freeze = toFreeze(row)
  tx.emitEvent({ type: 'freeze-deleted', environment: freeze.environment, data: { before: seen(freeze), after: null } })
  return freeze
}

async function findFreeze(tx: Transaction, id: string, lock = ''): Promise<Freeze> {
  const [row] = await tx.query<FreezeRow>(`SELECT ${FREEZE_COLUMNS} FROM freezes WHERE id = $1 ${lock}`, [id])
  if (!row) throw freezeNotFound(id)
  return toFreeze(row)
}

/**
 * All flags of the environment: whoever schedules holds one, and looks for freezes only then, so nothing comes in between unseen.
 * And the others of its releases, which move as a whole: again, until no release has come while this waited for a lock.
 */
async function lockFlagsOf(tx: Transaction, environment: string): Promise<void> {
  const locked = new Set<string>()
  for (let more = true; more; ) {
    const rows = await tx.query<{ id: string }>(
      `SELECT id FROM feature_flags WHERE environment = $1 OR id IN (
         SELECT other.flag_id FROM feature_flags f
         JOIN feature_flag_schedules s ON s.flag_id = f.id AND s.status = 'pending' AND s.release_id IS NOT NULL
         JOIN feature_flag_schedules other ON other.release_id = s.release_id WHERE f.environment = $1)
       ORDER BY environment, key FOR NO KEY UPDATE`,
      [environment],
    )
    more = rows.some(({ id }) => !locked.has(id))
    for (const { id } of rows) locked.add(id)
  }
}

/** Moves or reports what is pending between `from` and the freeze's end. */
async function hold(
  tx: Transaction,
  type: 'freeze-created' | 'freeze-updated',
  before: Freeze | null,
  freeze: Freeze,
  from: string,
): Promise<FreezeWithAffected> {
  const { environment, mode } = freeze
  const inside = async () =>
    mode === 'defer' ? await deferPending(tx, freeze, from) : (await pendingBetween(tx, freeze, from)).map(toSchedule)
  const met = new Map((await inside()).map((schedule) => [schedule.id, schedule]))
  // A flag that was made meanwhile was not locked. The revision is what its maker has to wait for; held only for this.
  await tx.query('SELECT 1 FROM configuration_revision FOR NO KEY UPDATE')
  await lockFlagsOf(tx, environment)
  for (const schedule of await inside()) met.set(schedule.id, schedule)
  const data = { before: before && seen(before), after: seen(freeze), affected: met.size }
  tx.emitEvent({ type, environment, data })
  return { ...freeze, affected: { count: met.size, schedules: [...met.values()].slice(0, SHOWN) } }
}

async function pendingBetween(tx: Transaction, { environment, to }: Freeze, from: string): Promise<ScheduleRow[]> {
  return await tx.query<ScheduleRow>(
    `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE f.environment = $1 AND s.status = 'pending' AND s.scheduled_at >= $2 AND s.scheduled_at < $3
     ORDER BY s.scheduled_at, s.sequence FOR UPDATE OF s`,
    [environment, from, to],
  )
}

async function deferPending(tx: Transaction, freeze: Freeze, from: string): Promise<FlagSchedule[]> {
  const inside = await pendingBetween(tx, freeze, from)
  if (inside.length === 0) return []
  const before = inside.filter((row) => !row.release_id)
  const freezes = await freezesSince(tx, [freeze.environment], new Date(freeze.from))
  const free = new Date(firstFree(freezes, Date.parse(freeze.to)))
  const moved: FlagSchedule[] = []
  for (let at = 0; at < before.length; at += MOVED_AT_ONCE) {
    const batch = before.slice(at, at + MOVED_AT_ONCE)
    const rows = await tx.query<ScheduleRow>(
      `WITH s AS (UPDATE feature_flag_schedules SET scheduled_at = $2, deferred_from = coalesce(deferred_from, scheduled_at),
           freeze_id = $3, version = version + 1, updated_at = clock_timestamp()
         WHERE id = ANY ($1::uuid[]) RETURNING *)
       SELECT ${SCHEDULE_COLUMNS} FROM s JOIN feature_flags f ON f.id = s.flag_id`,
      [batch.map(({ id }) => id), free, freeze.id],
    )
    const after = new Map(rows.map((row) => [row.id, toSchedule(row)]))
    for (const row of batch) {
      const schedule = after.get(row.id) as FlagSchedule
      emitScheduleEvent(tx, 'schedule-updated', row.flag_id, toSchedule(row), schedule)
      enqueueNudge(tx, schedule.id, schedule)
      moved.push(schedule)
    }
  }
  await keepAskedOrder(tx, [...new Set(before.map(({ flag_id }) => flag_id))], free)
  const asked = ({ deferred_from, scheduled_at }: ScheduleRow) => (deferred_from ?? scheduled_at).getTime()
  const inOrder = inside.toSorted((one, other) => asked(one) - asked(other))
  for (const releaseId of new Set(inOrder.flatMap(({ release_id }) => release_id ?? [])))
    moved.push(...(await deferRelease(tx, freeze, releaseId)))
  return moved
}

/** Moves a release to the first instant that is free in all its environments; returns its schedules as they are then. */
async function deferRelease(tx: Transaction, freeze: Freeze, releaseId: string): Promise<FlagSchedule[]> {
  const members = await membersOf(tx, releaseId)
  const release = toRelease((await readRelease(tx, releaseId, 'FOR UPDATE OF r')) as ReleaseRow)
  const scheduledAt = await firstFreeOf(tx, release.changes, new Date(freeze.to))
  const deferredFrom = new Date(release.deferredFrom ?? release.scheduledAt)
  await moveRelease(tx, release, members, { scheduledAt, deferredFrom, freezeId: freeze.id, note: {} })
  return (await membersOf(tx, releaseId)).map(toSchedule)
}

function seen({ from, to, reason, mode, version }: Freeze) {
  return { from, to, reason, mode, version }
}
