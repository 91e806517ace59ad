import type {
  Approval,
  Change,
  ChangeRequest,
  ChangeRequestState,
  ChangeRequestSummary,
  LatePolicy,
} from '../domain/change-request.ts'
import { hashOf, touched } from '../domain/change-request-conflicts.ts'
import type { EventType } from '../domain/event.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { Problem } from '../domain/problems.ts'
import { wishOf } from './change-request-actions.ts'
import type { Database } from './database.ts'
import { nudgeChangeRequest } from './tasks.ts'
import { ask, type Transaction } from './transaction.ts'

/** A request by its id alone, as its workflow knows it, or within an environment, as paths name it. */
export interface RequestAddress {
  id: string
  environment?: string
}

export interface RequestRow {
  id: string
  environment: string
  title: string
  description: string
  state: ChangeRequestState
  state_reason: string | null
  problem: Record<string, unknown> | null
  scheduled_at: Date | null
  late_policy: LatePolicy
  override_freeze: boolean
  authors: string[]
  version: number
  applied_at: Date | null
  applied_revision: number | null
  created_by: string
  created_at: Date
  updated_at: Date
  required_approvals: number
  self_approval: boolean
  now: Date
}

export interface ChangeRow {
  id: string
  action: string
  flag_key: string | null
  payload: Record<string, unknown>
  snapshot: Record<string, unknown> | null
  snapshot_at: Date
  created_by: string
  created_at: Date
}

interface ApprovalRow {
  approver: string
  content_hash: string
  scheduled_at: Date | null
  comment: string | null
  revoked_at: Date | null
  created_at: Date
}

/** A request with its parts. */
export interface Loaded {
  row: RequestRow
  changes: ChangeRow[]
  approvals: ApprovalRow[]
  /** Of what would be approved now. */
  hash: string
}

const SELECT_REQUEST = `SELECT r.*, coalesce(s.required_approvals, 1) AS required_approvals,
    coalesce(s.self_approval, false) AS self_approval, clock_timestamp() AS now
  FROM change_requests r LEFT JOIN environment_settings s USING (environment)`

function notFound({ id }: RequestAddress): Problem {
  return new Problem('change-request-not-found', `There is no change request "${id}" here.`)
}

/** @throws Problem `change-request-not-found` */
export async function loadRequest(from: Database | Transaction, address: RequestAddress): Promise<Loaded> {
  const [row] = await ask<RequestRow>(
    from,
    `${SELECT_REQUEST} WHERE r.id = $1 AND ($2::text IS NULL OR r.environment = $2)`,
    [address.id, address.environment ?? null],
  )
  if (!row) throw notFound(address)
  return await withParts(from, row)
}

/**
 * Locks a request; its flags, where it needs their locks, are locked before.
 *
 * @throws Problem `change-request-not-found`, `revision-mismatch` when the caller's If-Match is not its version
 */
export async function lockRequest(tx: Transaction, address: RequestAddress, expected?: number): Promise<Loaded> {
  await tx.query('SELECT 1 FROM change_requests WHERE id = $1 FOR UPDATE', [address.id])
  const loaded = await loadRequest(tx, address)
  requireCurrent('The change request', { version: loaded.row.version }, expected)
  return loaded
}

async function withParts(from: Database | Transaction, row: RequestRow): Promise<Loaded> {
  const changes = await ask<ChangeRow>(from, 'SELECT * FROM change_request_changes WHERE request_id = $1 ORDER BY id', [
    row.id,
  ])
  const approvals = await ask<ApprovalRow>(
    from,
    'SELECT * FROM change_request_approvals WHERE request_id = $1 ORDER BY created_at, approver',
    [row.id],
  )
  return { row, changes, approvals, hash: hashOfRequest(row, changes) }
}

function hashOfRequest({ environment, title, description, late_policy }: RequestRow, changes: ChangeRow[]): string {
  return hashOf({
    environment,
    title,
    description,
    latePolicy: late_policy,
    changes: changes.map((change) => {
      const { action, flag_key: flagKey, payload, snapshot } = change
      const { wanted, whole } = wishOf(change)
      const fields = snapshot && touched(snapshot, wanted, whole).map((field) => [field, snapshot[field] ?? null])
      return { action, flagKey, payload, seen: fields && Object.fromEntries(fields) }
    }),
  })
}

/** Approvals that were given for what the request is now, and for its time or any, by somebody who may approve it as things are. */
export function validApprovals({ row, approvals, hash }: Loaded): ApprovalRow[] {
  return approvals.filter(
    ({ approver, revoked_at, content_hash, scheduled_at }) =>
      (row.self_approval || !row.authors.includes(approver)) &&
      revoked_at === null &&
      content_hash === hash &&
      (scheduled_at === null || scheduled_at.getTime() === row.scheduled_at?.getTime()),
  )
}

export function isApproved(loaded: Loaded): boolean {
  return validApprovals(loaded).length >= loaded.row.required_approvals
}

/** @throws Problem `change-request-state` unless it is in one of `states` */
export function requireState({ row }: Loaded, ...states: ChangeRequestState[]): void {
  if (states.includes(row.state)) return
  const { state, applied_at: at, applied_revision: appliedRevision } = row
  const appliedAt = at?.toISOString()
  const truth = appliedAt
    ? `It was applied at ${appliedAt}${appliedRevision === null ? '' : `, as configuration revision ${appliedRevision}`}.`
    : `It is ${state}; this needs one that is ${states.join(' or ')}.`
  throw new Problem('change-request-state', truth, {
    members: { state, ...(appliedAt && { appliedAt, appliedRevision }) },
  })
}

export interface Moved {
  state: ChangeRequestState
  reason?: string | null
  problem?: Record<string, unknown> | null
  scheduledAt?: Date | null
  overrideFreeze?: boolean
  /** When it is applied now: which configuration that made, if any. */
  appliedRevision?: number | null
}

/** Moves a locked request on, with its event, and tells its workflow where there is one, or has to be. */
export async function moveRequest(
  tx: Transaction,
  { row }: Loaded,
  moved: Moved,
  type: Extract<EventType, `change-request-${string}`>,
  data: Record<string, unknown> = {},
): Promise<Loaded> {
  const { state, reason = null, problem = null, scheduledAt = row.scheduled_at, appliedRevision } = moved
  await tx.query(
    `UPDATE change_requests SET state = $2, state_reason = $3, problem = $4::jsonb, scheduled_at = $5, override_freeze = $6,
       applied_at = CASE WHEN $2 = 'applied' THEN clock_timestamp() END, applied_revision = $7, version = version + 1,
       updated_at = clock_timestamp()
     WHERE id = $1`,
    [
      row.id,
      state,
      reason,
      problem && JSON.stringify(problem),
      scheduledAt,
      moved.overrideFreeze ?? row.override_freeze,
      appliedRevision ?? null,
    ],
  )
  const after = await loadRequest(tx, row)
  emitRequestEvent(tx, type, after, {
    before: { state: row.state, scheduledAt: row.scheduled_at?.toISOString() ?? null },
    after: { state, scheduledAt: scheduledAt?.toISOString() ?? null },
    ...(reason !== null && { why: reason }),
    ...data,
  })
  if (waits(row.state) || waits(state)) enqueueRequestNudge(tx, after.row, flagKeysOf(after.changes))
  return after
}

function waits(state: ChangeRequestState): boolean {
  return state === 'scheduled' || state === 'suspended'
}

/** What its workflow is told of a request, and started with. */
export type NudgedRequest = Pick<RequestRow, 'id' | 'environment' | 'scheduled_at' | 'version'>

/** Sends a request's workflow on its way again; `because` tells one repair from another. */
export function enqueueRequestNudge(tx: Transaction, row: NudgedRequest, flagKeys: string[], because = ''): void {
  const { id: requestId, environment, scheduled_at, version } = row
  const [flagKey = null, ...others] = flagKeys
  tx.enqueueTriggerTask(
    `${requestId}/${version}`,
    nudgeChangeRequest,
    {
      requestId,
      environment,
      flagKey: others.length === 0 ? flagKey : null,
      dueAt: scheduled_at?.toISOString() ?? null,
    },
    { idempotencyKey: `change-request/${requestId}/${version}${because}` },
  )
}

export function flagKeysOf(changes: ChangeRow[]): string[] {
  return [...new Set(changes.flatMap(({ flag_key }) => flag_key ?? []))].sort()
}

export function emitRequestEvent(
  tx: Transaction,
  type: Extract<EventType, `change-request-${string}`>,
  { row, hash }: Loaded,
  data: Record<string, unknown>,
): void {
  const { environment, applied_revision: revision } = row
  tx.emitEvent({ type, environment, revision, data: { changeRequestId: row.id, contentHash: hash, ...data } })
}

export function toChange(row: ChangeRow): Change {
  const { id, action, flag_key: flagKey, payload, snapshot, created_by: createdBy } = row
  const times = { snapshotAt: row.snapshot_at.toISOString(), createdAt: row.created_at.toISOString() }
  return { id, action, flagKey, payload, snapshot, createdBy, ...times }
}

export function toRequestSummary(
  row: Omit<RequestRow, 'required_approvals' | 'self_approval' | 'now'>,
): ChangeRequestSummary {
  return {
    id: row.id,
    environment: row.environment,
    title: row.title,
    description: row.description,
    state: row.state,
    stateReason: row.state_reason,
    scheduledAt: row.scheduled_at?.toISOString() ?? null,
    latePolicy: row.late_policy,
    authors: row.authors,
    version: row.version,
    appliedAt: row.applied_at?.toISOString() ?? null,
    appliedRevision: row.applied_revision,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

function toApproval(row: ApprovalRow): Approval {
  return {
    approver: row.approver,
    comment: row.comment,
    scheduledAt: row.scheduled_at?.toISOString() ?? null,
    contentHash: row.content_hash,
    revokedAt: row.revoked_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
  }
}

export function toRequest(loaded: Loaded, conflicts: ChangeRequest['conflicts']): ChangeRequest {
  const { row, changes, approvals, hash } = loaded
  return {
    ...toRequestSummary(row),
    contentHash: hash,
    changes: changes.map(toChange),
    requiredApprovals: row.required_approvals,
    approvals: approvals.map(toApproval),
    conflicts,
    problem: row.problem,
  }
}
