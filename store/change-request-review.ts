import type { ChangeRequest } from '../domain/change-request.ts'
import { Problem } from '../domain/problems.ts'
import { actionNamed, addressOf, conflictProblem, conflictsOf, isHealable } from './change-request-conflicts.ts'
import {
  emitRequestEvent,
  isApproved,
  type Loaded,
  loadRequest,
  lockRequest,
  moveRequest,
  type RequestAddress,
  requireState,
  validApprovals,
} from './change-request-rows.ts'
import { OPEN, refusePast, revokeStale, shown } from './change-requests.ts'
import { refuseFrozen } from './freeze-rows.ts'
import type { Transaction } from './transaction.ts'

type Move = Parameters<typeof moveRequest>[2]

/** Hands a draft to its reviewers. @throws Problem `change-request-not-found`, `-state`, `-empty`, `revision-mismatch` */
export async function submitRequest(
  tx: Transaction,
  address: RequestAddress,
  expected?: number,
): Promise<ChangeRequest> {
  const loaded = await lockRequest(tx, address, expected)
  if (loaded.row.state === 'in-review') return await shown(tx, loaded)
  requireState(loaded, 'draft')
  if (loaded.changes.length === 0) throw new Problem('change-request-empty', 'Add a change first: POST …/changes.')
  return await shown(tx, await moveRequest(tx, loaded, { state: 'in-review' }, 'change-request-submitted'))
}

/**
 * Approves what the request is now, for its time, or for any when it has none. With the last approval that is needed it is approved,
 * and scheduled when it has a time; after that time its late policy decides. `expected` is the caller's If-Match.
 *
 * @throws Problem `change-request-not-found`, `-state`, `revision-mismatch`, `four-eyes`
 */
export async function approveRequest(
  tx: Transaction,
  address: RequestAddress,
  expected?: number,
): Promise<ChangeRequest> {
  const loaded = await lockRequest(tx, address, expected)
  requireState(loaded, 'in-review', 'approved', 'scheduled')
  const { row, hash } = loaded
  const { actor } = tx.origin
  if (row.authors.includes(actor) && !row.self_approval) {
    throw new Problem('four-eyes', `${actor} had a hand in this change request, so somebody else has to approve it.`, {
      members: { authors: row.authors },
    })
  }
  const given = validApprovals(loaded).some(({ approver }) => approver === actor)
  if (!given) {
    await tx.query(
      `INSERT INTO change_request_approvals (request_id, approver, content_hash, scheduled_at, comment) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (request_id, approver) DO UPDATE SET content_hash = excluded.content_hash, scheduled_at = excluded.scheduled_at,
         comment = excluded.comment, revoked_at = NULL, created_at = clock_timestamp()`,
      [row.id, actor, hash, row.scheduled_at, tx.origin.reason ?? null],
    )
  }
  const after = await loadRequest(tx, row)
  const count = { approvals: validApprovals(after).length, required: row.required_approvals }
  if (row.state !== 'in-review' || !isApproved(after)) {
    if (!given) emitRequestEvent(tx, 'change-request-approved', after, count)
    return await shown(tx, after)
  }
  return await shown(tx, await moveRequest(tx, after, onceApproved(after), 'change-request-approved', count))
}

function onceApproved({ row }: Loaded): Move {
  const { scheduled_at: scheduledAt, now, late_policy: policy } = row
  if (!scheduledAt) return { state: 'approved' }
  if (scheduledAt > now || policy === 'apply') return { state: 'scheduled' }
  const late = `It was approved after its time, ${scheduledAt.toISOString()}`
  return policy === 'expire'
    ? { state: 'cancelled', reason: `${late}, and its late policy is expire.` }
    : { state: 'approved', reason: `${late}. Apply it, or schedule it anew.` }
}

/** Final, unless its creator edits it and submits it again. @throws Problem `change-request-not-found`, `-state`, `revision-mismatch` */
export async function rejectRequest(
  tx: Transaction,
  address: RequestAddress,
  expected?: number,
): Promise<ChangeRequest> {
  const loaded = await lockRequest(tx, address, expected)
  requireState(loaded, 'in-review', 'approved', 'scheduled', 'suspended', 'failed')
  await tx.query(
    'UPDATE change_request_approvals SET revoked_at = clock_timestamp() WHERE request_id = $1 AND revoked_at IS NULL',
    [loaded.row.id],
  )
  const moved = { state: 'rejected', reason: tx.origin.reason ?? null } as const
  return await shown(tx, await moveRequest(tx, loaded, moved, 'change-request-rejected'))
}

/** When this returns, none of it will ever be applied. @throws Problem `change-request-not-found`, `-state`, `revision-mismatch` */
export async function cancelRequest(
  tx: Transaction,
  address: RequestAddress,
  expected?: number,
): Promise<ChangeRequest> {
  const loaded = await lockRequest(tx, address, expected)
  requireState(loaded, ...OPEN)
  const moved = { state: 'cancelled', reason: tx.origin.reason ?? null } as const
  return await shown(tx, await moveRequest(tx, loaded, moved, 'change-request-cancelled'))
}

/**
 * Gives an approved request a time. One that was approved for another time is reviewed again, with the new one.
 *
 * @throws Problem `change-request-not-found`, `-state`, `revision-mismatch`, `schedule-in-past`, `frozen`,
 *   `change-request-conflict`, `validation-failed` without a time, or for an override without a reason
 */
export async function scheduleRequest(
  tx: Transaction,
  address: RequestAddress,
  { scheduledAt: asked, overrideFreeze = false }: { scheduledAt?: string | undefined; overrideFreeze?: boolean },
  expected?: number,
): Promise<ChangeRequest> {
  const loaded = await lockRequest(tx, address, expected)
  requireState(loaded, 'approved', 'scheduled', 'suspended')
  const { row } = loaded
  const scheduledAt = asked === undefined ? row.scheduled_at : new Date(asked)
  if (!scheduledAt) {
    throw new Problem('validation-failed', 'It has no time yet.', {
      fields: [{ field: 'scheduledAt', message: 'is needed: an instant with its zone' }],
    })
  }
  refusePast(loaded, scheduledAt)
  await refuseFrozen(tx, row.environment, scheduledAt, overrideFreeze)
  const conflicts = await conflictsOf(tx, loaded)
  if (conflicts.length > 0) throw conflictProblem(conflicts)
  const timed: Loaded = { ...loaded, row: { ...row, scheduled_at: scheduledAt } }
  const revoked = await revokeStale(tx, timed)
  const state = isApproved({ ...timed, approvals: (await loadRequest(tx, row)).approvals }) ? 'scheduled' : 'in-review'
  const moved = { state, scheduledAt, overrideFreeze } as const
  return await shown(tx, await moveRequest(tx, loaded, moved, 'change-request-scheduled', { revoked }))
}

/**
 * Takes new snapshots of what the changes are about. Where reviewers now see something else than they approved, their approvals
 * are revoked and the request is reviewed again.
 *
 * @throws Problem `change-request-not-found`, `-state`, `revision-mismatch`, `change-request-conflict` for what cannot be healed
 */
export async function rebaseRequest(
  tx: Transaction,
  address: RequestAddress,
  expected?: number,
): Promise<ChangeRequest> {
  const loaded = await lockRequest(tx, address, expected)
  requireState(loaded, 'draft', 'in-review', 'approved', 'scheduled', 'suspended', 'failed')
  const { row, changes } = loaded
  const lasting = (await conflictsOf(tx, loaded)).filter((conflict) => !isHealable(conflict))
  if (lasting.length > 0) throw conflictProblem(lasting)
  for (const change of changes) {
    const snapshot = await actionNamed(change.action).read(tx, addressOf(row.environment, change), change.payload)
    await tx.query(
      'UPDATE change_request_changes SET snapshot = $2::jsonb, snapshot_at = clock_timestamp() WHERE id = $1',
      [change.id, snapshot && JSON.stringify(snapshot)],
    )
  }
  const revoked = await revokeStale(tx, await loadRequest(tx, row))
  const again = await loadRequest(tx, row)
  const inReview = row.state === 'draft' ? 'draft' : 'in-review'
  const approved = row.scheduled_at && row.scheduled_at > row.now ? 'scheduled' : 'approved'
  const state = row.state !== 'draft' && row.state !== 'in-review' && isApproved(again) ? approved : inReview
  return await shown(tx, await moveRequest(tx, again, { state }, 'change-request-rebased', { revoked }))
}
