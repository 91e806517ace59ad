import { isDeepStrictEqual } from 'node:util'
import type {
  ChangeRequest,
  ChangeRequestEdit,
  ChangeRequestState,
  ChangeRequestSummary,
  NewChangeRequest,
} from '../domain/change-request.ts'
import { Problem } from '../domain/problems.ts'
import { refuseDueTime } from '../domain/schedule-refusals.ts'
import type { NewChange } from './change-request-actions.ts'
import { conflictsOf } from './change-request-conflicts.ts'
import {
  emitRequestEvent,
  isApproved,
  type Loaded,
  loadRequest,
  lockRequest,
  moveRequest,
  type RequestAddress,
  type RequestRow,
  requireState,
  toChange,
  toRequest,
  toRequestSummary,
} from './change-request-rows.ts'
import { snapshotOf } from './change-request-snapshot.ts'
import { type Database, query } from './database.ts'
import { type Page, type PageRequest, page, readCursor, ULID_CURSOR } from './page.ts'
import { newUlid } from './strategy-rows.ts'
import type { Transaction } from './transaction.ts'

/** More, nobody can review. */
const MOST = 100
/** The states in which a request is neither applied nor cancelled. */
export const OPEN = ['draft', 'in-review', 'approved', 'scheduled', 'suspended', 'failed', 'rejected'] as const

export type ChangeAddress = Required<RequestAddress> & { changeId: string }

/** A request with what stands against it now. @throws Problem `change-request-not-found` */
export async function getRequest(db: Database, address: RequestAddress): Promise<ChangeRequest> {
  return await shown(db, await loadRequest(db, address))
}

/** As answers have it; one that is over has no conflicts any more. */
export async function shown(from: Database | Transaction, loaded: Loaded): Promise<ChangeRequest> {
  const over = loaded.row.state === 'applied' || loaded.row.state === 'cancelled'
  return toRequest(loaded, over ? [] : await conflictsOf(from, loaded))
}

export interface RequestFilter extends PageRequest {
  environment: string
  /** Any of them. */
  state?: ChangeRequestState[] | undefined
  createdBy?: string | undefined
  flagKey?: string | undefined
  /** Applied, or else to be applied, at or after. */
  from?: Date | undefined
  /** The same, before. */
  to?: Date | undefined
}

/** Requests of an environment, the newest first. */
export async function listRequests(db: Database, filter: RequestFilter): Promise<Page<ChangeRequestSummary>> {
  const [before] = readCursor(filter.cursor, ULID_CURSOR) ?? []
  const { environment, state, createdBy, flagKey, from, to, limit } = filter
  const rows = await query<RequestRow>(
    db,
    `SELECT * FROM change_requests r
     WHERE environment = $1 AND ($2::text[] IS NULL OR state = ANY ($2)) AND ($3::text IS NULL OR created_by = $3)
       AND ($4::text IS NULL OR EXISTS (SELECT 1 FROM change_request_changes c WHERE c.request_id = r.id AND c.flag_key = $4))
       AND ($5::text IS NULL OR id < $5)
       AND ($6::timestamptz IS NULL OR coalesce(applied_at, scheduled_at) >= $6)
       AND ($7::timestamptz IS NULL OR coalesce(applied_at, scheduled_at) < $7)
     ORDER BY id DESC LIMIT $8`,
    [
      environment,
      state ?? null,
      createdBy ?? null,
      flagKey ?? null,
      before ?? null,
      from ?? null,
      to ?? null,
      limit + 1,
    ],
  )
  return page(rows, limit, toRequestSummary, (row) => [row.id])
}

/** Makes a draft, without changes. @throws Problem `schedule-in-past` */
export async function createRequest(
  tx: Transaction,
  environment: string,
  input: NewChangeRequest,
): Promise<ChangeRequest> {
  const id = newUlid()
  const scheduledAt = input.scheduledAt === null ? null : new Date(input.scheduledAt)
  await tx.query(
    `INSERT INTO change_requests (id, environment, title, description, scheduled_at, late_policy, authors, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, ARRAY[$7], $7)`,
    [id, environment, input.title, input.description, scheduledAt, input.latePolicy, tx.origin.actor],
  )
  const made = await loadRequest(tx, { id })
  refusePast(made, scheduledAt)
  emitRequestEvent(tx, 'change-request-created', made, { before: null, after: seen(made) })
  return await shown(tx, made)
}

/**
 * Changes what is asked for. Approvals that were given for something else, or for another time, are revoked, and the request is
 * reviewed again.
 *
 * @throws Problem `change-request-not-found`, `change-request-state`, `revision-mismatch`, `schedule-in-past`
 */
export async function editRequest(
  tx: Transaction,
  address: RequestAddress,
  edit: ChangeRequestEdit,
  expected?: number,
): Promise<ChangeRequest> {
  const before = await openRequest(tx, address, expected)
  const { row } = before
  const { title = row.title, description = row.description, latePolicy = row.late_policy } = edit
  const asked = edit.scheduledAt === undefined ? row.scheduled_at : edit.scheduledAt
  const scheduledAt = asked === null ? null : new Date(asked)
  if (edit.scheduledAt) refusePast(before, scheduledAt)
  await tx.query(
    'UPDATE change_requests SET title = $2, description = $3, late_policy = $4, scheduled_at = $5 WHERE id = $1',
    // One that is scheduled has a time until it is not any more, which the next statement sees to.
    [row.id, title, description, latePolicy, scheduledAt ?? (row.state === 'scheduled' ? row.scheduled_at : null)],
  )
  return await settle(tx, before, { scheduledAt })
}

/** @throws Problem `change-request-not-found`, `change-request-state` unless it is a draft, `revision-mismatch` */
export async function deleteRequest(
  tx: Transaction,
  address: RequestAddress,
  expected?: number,
): Promise<ChangeRequest> {
  const loaded = await lockRequest(tx, address, expected)
  requireState(loaded, 'draft')
  const request = await shown(tx, loaded)
  await tx.query('DELETE FROM change_requests WHERE id = $1', [loaded.row.id])
  emitRequestEvent(tx, 'change-request-deleted', loaded, { before: seen(loaded), after: null })
  return request
}

/**
 * Adds a change at the end, with a snapshot of what it is about.
 *
 * @throws Problem `change-request-not-found`, `change-request-state`, `revision-mismatch`, `too-many-changes`,
 *   `validation-failed`, and that what it is about is not there: `flag-not-found`, `flag-archived`, `strategy-not-found` …
 */
export async function addChange(
  tx: Transaction,
  address: RequestAddress,
  change: NewChange,
  expected?: number,
): Promise<ChangeRequest> {
  const before = await openRequest(tx, address, expected)
  if (before.changes.length >= MOST) {
    throw new Problem('too-many-changes', `A change request may have ${MOST} changes at most.`, {
      members: { limit: MOST },
    })
  }
  const snapshot = await snapshotOf(tx, before, change)
  await tx.query(
    `INSERT INTO change_request_changes (id, request_id, action, flag_key, payload, snapshot, snapshot_at, created_by)
     VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, clock_timestamp(), $7)`,
    [newUlid(), before.row.id, ...written(change), snapshot && JSON.stringify(snapshot), tx.origin.actor],
  )
  return await settle(tx, before)
}

/** Replaces a change, in its place. @throws Problem `change-not-found`, and those of `addChange` */
export async function replaceChange(
  tx: Transaction,
  { changeId, ...address }: ChangeAddress,
  change: NewChange,
  expected?: number,
): Promise<ChangeRequest> {
  const before = await openRequest(tx, address, expected)
  const at = placeOf(before, changeId)
  const snapshot = await snapshotOf(tx, { ...before, changes: before.changes.slice(0, at) }, change)
  await tx.query(
    `UPDATE change_request_changes SET action = $2, flag_key = $3, payload = $4::jsonb, snapshot = $5::jsonb,
       snapshot_at = clock_timestamp() WHERE id = $1`,
    [changeId, ...written(change), snapshot && JSON.stringify(snapshot)],
  )
  return await settle(tx, before)
}

/** @throws Problem `change-not-found`, and those of `addChange` */
export async function removeChange(
  tx: Transaction,
  { changeId, ...address }: ChangeAddress,
  expected?: number,
): Promise<ChangeRequest> {
  const before = await openRequest(tx, address, expected)
  placeOf(before, changeId)
  await tx.query('DELETE FROM change_request_changes WHERE id = $1', [changeId])
  return await settle(tx, before)
}

function placeOf({ changes }: Loaded, changeId: string): number {
  const at = changes.findIndex(({ id }) => id === changeId)
  if (at < 0) throw new Problem('change-not-found', `The change request has no change "${changeId}".`)
  return at
}

function written({ action, flagKey, payload }: NewChange) {
  const made = action === 'createFlag' ? String(payload.key) : null
  return [action, flagKey ?? made, JSON.stringify(payload)] as const
}

/** Locks a request that is to be edited. One that was rejected is its creator's to take up again. */
async function openRequest(tx: Transaction, address: RequestAddress, expected?: number): Promise<Loaded> {
  const loaded = await lockRequest(tx, address, expected)
  requireState(loaded, ...OPEN)
  const { state, created_by: createdBy } = loaded.row
  if (state === 'rejected' && createdBy !== tx.origin.actor) {
    throw new Problem(
      'change-request-state',
      `It was rejected: only ${createdBy}, who made it, can take it up again.`,
      {
        members: { state },
      },
    )
  }
  return loaded
}

/** The end of every edit: its author is noted, what was approved before is not any more, and it goes back to be reviewed. */
async function settle(tx: Transaction, before: Loaded, { scheduledAt = before.row.scheduled_at } = {}) {
  const { id, state, authors } = before.row
  const { actor } = tx.origin
  if (!authors.includes(actor)) {
    await tx.query('UPDATE change_requests SET authors = authors || $2::text WHERE id = $1', [id, actor])
  }
  const now = await loadRequest(tx, { id })
  const timed: Loaded = { ...now, row: { ...now.row, scheduled_at: scheduledAt } }
  if (isDeepStrictEqual(seen(before), seen(timed))) return await shown(tx, now)
  const revoked = await revokeStale(tx, timed)
  const wasApproved = state === 'approved' || state === 'scheduled' || state === 'suspended' || state === 'failed'
  const approved = wasApproved && isApproved(timed)
  const review = state === 'draft' || state === 'rejected' ? 'draft' : 'in-review'
  const next = !approved ? review : scheduledAt ? 'scheduled' : 'approved'
  const data = { changed: { before: seen(before), after: seen(timed) }, revoked }
  return await shown(tx, await moveRequest(tx, before, { state: next, scheduledAt }, 'change-request-updated', data))
}

/** Revokes the approvals of something else than the request is now, or of another time. @returns whose they were */
export async function revokeStale(tx: Transaction, { row, hash }: Loaded): Promise<string[]> {
  const revoked = await tx.query<{ approver: string }>(
    `UPDATE change_request_approvals SET revoked_at = clock_timestamp()
     WHERE request_id = $1 AND revoked_at IS NULL
       AND (content_hash <> $2 OR (scheduled_at IS NOT NULL AND scheduled_at IS DISTINCT FROM $3::timestamptz))
     RETURNING approver`,
    [row.id, hash, row.scheduled_at],
  )
  return revoked.map(({ approver }) => approver).sort()
}

export function refusePast({ row }: Loaded, scheduledAt: Date | null): void {
  if (scheduledAt) refuseDueTime(scheduledAt, 0, { now: row.now, appliedThrough: null })
}

function seen({ row, changes }: Loaded) {
  const { title, description, late_policy: latePolicy, scheduled_at } = row
  const asked = changes.map(toChange).map(({ id, action, flagKey, payload }) => ({ id, action, flagKey, payload }))
  return { title, description, latePolicy, scheduledAt: scheduled_at?.toISOString() ?? null, changes: asked }
}
