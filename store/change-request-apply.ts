import type { ChangeConflict, ChangeRequest } from '../domain/change-request.ts'
import { BY_ITSELF, type NewEvent } from '../domain/event.ts'
import { firstFree } from '../domain/freeze.ts'
import { Problem, unless } from '../domain/problems.ts'
import { isRefusedByData } from './apply-due.ts'
import {
  actionNamed,
  addressOf,
  conflictProblem,
  conflictsOf,
  describeConflicts,
  isHealable,
} from './change-request-conflicts.ts'
import {
  type ChangeRow,
  enqueueRequestNudge,
  flagKeysOf,
  isApproved,
  type Loaded,
  loadRequest,
  lockRequest,
  moveRequest,
  type NudgedRequest,
  type RequestAddress,
  requireState,
  validApprovals,
} from './change-request-rows.ts'
import { shown } from './change-requests.ts'
import type { Database } from './database.ts'
import { lockFlags } from './flags.ts'
import { freezesSince, refuseFrozen } from './freeze-rows.ts'
import type { ScheduleGuards } from './schedule-guards.ts'
import { type Transaction, transaction } from './transaction.ts'

export interface ApplyOptions {
  /** Although something was changed since; needs a reason. */
  force?: boolean
  overrideFreeze?: boolean
  guards?: ScheduleGuards
}

/**
 * Applies all changes of an approved request in this transaction, or none: then it has failed, and says which change was
 * refused and why. `expected` is the caller's If-Match.
 *
 * @throws Problem `change-request-not-found`, `-state`, `revision-mismatch`, `approvals-missing`, `frozen`,
 *   `change-request-conflict`, `validation-failed` for an override without a reason, `busy`
 */
export async function applyRequest(
  tx: Transaction,
  address: RequestAddress,
  { force = false, overrideFreeze = false, guards = {} }: ApplyOptions = {},
  expected?: number,
): Promise<ChangeRequest> {
  const loaded = await lockForApply(tx, address, expected)
  requireState(loaded, 'approved', 'scheduled', 'suspended', 'failed')
  if (!isApproved(loaded)) throw approvalsMissing(loaded)
  await refuseFrozen(tx, loaded.row.environment, loaded.row.now, overrideFreeze)
  const conflicts = await conflictsOf(tx, loaded)
  if (force && !tx.origin.reason?.trim()) {
    throw new Problem('validation-failed', 'To apply it although something was changed since, say why.', {
      fields: [{ field: 'query.reason', message: 'is needed with force: true' }],
    })
  }
  const standing = force ? conflicts.filter((conflict) => !isHealable(conflict)) : conflicts
  if (standing.length > 0) throw conflictProblem(standing)
  return await shown(tx, await carryOut(tx, loaded, { guards, overrideFreeze }, { forced: force && conflicts }))
}

function approvalsMissing(loaded: Loaded): Problem {
  const [approvals, required] = [validApprovals(loaded).length, loaded.row.required_approvals]
  return new Problem('approvals-missing', `It has ${approvals} of the ${required} approvals that it needs.`, {
    members: { approvals, required },
  })
}

/** A request as its workflow has to know it. */
export interface RequestProgress {
  requestId: string
  environment: string
  state: ChangeRequest['state']
  flagKeys: string[]
  /** When it is applied: not inside a freeze; null when it is not scheduled. */
  dueAt: Date | null
  dueInMs: number | null
}

/** Undefined when the request is gone. */
export async function readRequestProgress(db: Database, id: string): Promise<RequestProgress | undefined> {
  const loaded = await loadRequest(db, { id }).catch(unless('change-request-not-found'))
  if (!loaded) return undefined
  const { row, changes } = loaded
  const dueAt = await dueAtOf(db, loaded)
  const dueInMs = dueAt && dueAt.getTime() - row.now.getTime()
  return {
    requestId: id,
    environment: row.environment,
    state: row.state,
    flagKeys: flagKeysOf(changes),
    dueAt,
    dueInMs,
  }
}

async function dueAtOf(from: Database | Transaction, { row }: Loaded): Promise<Date | null> {
  const { state, scheduled_at: at, environment, override_freeze: override, now } = row
  if (state !== 'scheduled' || !at) return null
  if (override) return at
  // Overdue, it is held by a freeze of now, not by one that is over.
  const earliest = new Date(Math.max(at.getTime(), now.getTime()))
  const free = firstFree(await freezesSince(from, [environment], earliest), earliest.getTime())
  return free === earliest.getTime() ? at : new Date(free)
}

/**
 * Applies a scheduled request if it is due by the database's clock; suspends it when something was changed since, or approvals
 * are missing. What has already been decided stays.
 *
 * @returns whether anything was done
 */
export async function applyDueRequest(db: Database, id: string, guards: ScheduleGuards = {}): Promise<boolean> {
  const apply = async (tx: Transaction) => {
    const loaded = await lockForApply(tx, { id })
    const dueAt = await dueAtOf(tx, loaded)
    if (!dueAt || dueAt > loaded.row.now) return false
    const suspended = await suspendIfMust(tx, loaded)
    if (!suspended) await carryOut(tx, loaded, { guards, overrideFreeze: loaded.row.override_freeze })
    return true
  }
  return (await transaction(db, apply, { origin: BY_ITSELF })).result
}

/** Suspends a scheduled request that something stands against, before its time. @returns whether it did */
export async function suspendIfConflicted(db: Database, id: string): Promise<boolean> {
  const look = async (tx: Transaction) => {
    const loaded = await lockRequest(tx, { id })
    return loaded.row.state === 'scheduled' && (await suspendIfMust(tx, loaded))
  }
  return (await transaction(db, look, { origin: BY_ITSELF })).result
}

async function suspendIfMust(tx: Transaction, loaded: Loaded): Promise<boolean> {
  const conflicts = await conflictsOf(tx, loaded)
  const missing = isApproved(loaded) ? undefined : approvalsMissing(loaded).message
  if (conflicts.length === 0 && !missing) return false
  const reason = missing ?? describeConflicts(conflicts)
  const moved = { state: 'suspended', reason, problem: { conflicts } } as const
  await moveRequest(tx, loaded, moved, 'change-request-suspended', { conflicts })
  return true
}

/**
 * Locks the flags of a request by key, then its segments, then the request: what its changes are about stays as it is. Which they
 * are is read before; when that has changed meanwhile, the caller tries again.
 */
async function lockForApply(tx: Transaction, address: RequestAddress, expected?: number): Promise<Loaded> {
  const before = await loadRequest(tx, address)
  const { environment } = before.row
  const named = [...flagKeysOf(before.changes), ...before.changes.flatMap(dependenciesOf)]
  const addresses = [...new Set(named)].map((flagKey) => ({ environment, flagKey }))
  await lockFlags(tx, addresses, { gated: false })
  const segments = before.changes.flatMap(({ payload }) => (payload.segmentKey ? [String(payload.segmentKey)] : []))
  if (segments.length > 0) {
    await tx.query('SELECT 1 FROM segments WHERE environment = $1 AND key = ANY ($2::text[]) ORDER BY key FOR UPDATE', [
      environment,
      segments,
    ])
  }
  const loaded = await lockRequest(tx, address, expected)
  if (loaded.hash !== before.hash) {
    throw new Problem('busy', 'The change request is being changed. Send the request again in a moment.')
  }
  return loaded
}

function dependenciesOf({ payload }: ChangeRow): string[] {
  const { dependencies } = payload as { dependencies?: { flagKey: string }[] }
  return dependencies?.map(({ flagKey }) => flagKey) ?? []
}

class Refused extends Error {
  readonly change: ChangeRow
  readonly refusal: Error

  constructor(change: ChangeRow, refusal: Error) {
    super(refusal.message)
    this.change = change
    this.refusal = refusal
  }
}

interface CarryOut {
  guards: ScheduleGuards
  overrideFreeze: boolean
}

/** Makes the changes of a locked request, in order, all or none. */
async function carryOut(
  tx: Transaction,
  loaded: Loaded,
  options: CarryOut,
  { forced }: { forced?: false | ChangeConflict[] } = {},
): Promise<Loaded> {
  const { row, changes } = loaded
  const part = asPart(tx, row.id)
  try {
    await tx.savepoint(async () => {
      for (const change of changes) await make(part, row.environment, change, options)
    })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const { change, refusal } = error
    const code = refusal instanceof Problem ? refusal.code : 'internal'
    const members = refusal instanceof Problem ? { errors: refusal.fields, ...refusal.members } : {}
    const problem = { changeId: change.id, action: change.action, code, detail: refusal.message, ...members }
    const reason = `${change.action} (${change.id}) was refused: ${refusal.message}`
    return await moveRequest(tx, loaded, { state: 'failed', reason, problem }, 'change-request-failed', { problem })
  }
  const [made] = await tx.query<{ revision: number }>(
    'SELECT revision FROM configuration_revision WHERE made_by = pg_current_xact_id()',
  )
  const approvers = validApprovals(loaded).map(({ approver }) => approver)
  const data = { createdBy: row.created_by, approvers, ...(forced && { forced }) }
  const moved = { state: 'applied', appliedRevision: made?.revision ?? null } as const
  const applied = await moveRequest(tx, loaded, moved, 'change-request-applied', data)
  await nudgeNeighbours(tx, applied)
  return applied
}

/** Validated again: what was a valid payload when it was added may not be one for this build. */
async function make(part: Transaction, environment: string, change: ChangeRow, options: CarryOut): Promise<void> {
  const action = actionNamed(change.action)
  try {
    const parsed = action.payload.safeParse(change.payload)
    if (!parsed.success) {
      const fields = parsed.error.issues.map(({ path, message }) => ({
        field: ['payload', ...path].join('.'),
        message,
      }))
      throw new Problem('validation-failed', 'The payload is not valid any more.', { fields })
    }
    await action.execute(part, addressOf(environment, change), parsed.data, options)
  } catch (error) {
    if (error instanceof Problem ? error.code !== 'busy' : isRefusedByData(error))
      throw new Refused(change, error as Error)
    throw error
  }
}

/** The transaction as the changes of a request see it: their events say which request they are part of. */
function asPart(tx: Transaction, changeRequestId: string): Transaction {
  return {
    ...tx,
    origin: { ...tx.origin, door: 'change-request' },
    emitEvent: (event: NewEvent) =>
      tx.emitEvent({ ...event, door: 'change-request', data: { ...event.data, changeRequestId } }),
  }
}

/** Other scheduled requests about the same flags: their workflows look whether this stands against them. */
async function nudgeNeighbours(tx: Transaction, { row, changes }: Loaded): Promise<void> {
  const neighbours = await tx.query<NudgedRequest & { flagKeys: string[] }>(
    `SELECT r.id, r.environment, r.scheduled_at, r.version, (SELECT array_agg(DISTINCT c.flag_key)
       FROM change_request_changes c WHERE c.request_id = r.id AND c.flag_key IS NOT NULL) AS "flagKeys"
     FROM change_requests r WHERE r.environment = $1 AND r.state = 'scheduled' AND r.id <> $2 AND EXISTS (
       SELECT 1 FROM change_request_changes c WHERE c.request_id = r.id AND c.flag_key = ANY ($3::text[]))
     ORDER BY r.id LIMIT 100`,
    [row.environment, row.id, flagKeysOf(changes)],
  )
  for (const { flagKeys, ...neighbour } of neighbours) enqueueRequestNudge(tx, neighbour, flagKeys, `/beside/${row.id}`)
}
