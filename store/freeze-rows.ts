import { type Freeze, firstFree, freezeAt } from '../domain/freeze.ts'
import { type FieldProblem, Problem } from '../domain/problems.ts'
import type { Database } from './database.ts'
import { ask, type Transaction } from './transaction.ts'

export const FREEZE_COLUMNS =
  'id, environment, from_at, to_at, reason, mode, version, created_by, created_at, updated_at'

export interface FreezeRow {
  id: string
  environment: string
  from_at: Date
  to_at: Date
  reason: string
  mode: Freeze['mode']
  version: number
  created_by: string
  created_at: Date
  updated_at: Date
}

export function toFreeze(row: FreezeRow): Freeze {
  return {
    id: row.id,
    environment: row.environment,
    from: row.from_at.toISOString(),
    to: row.to_at.toISOString(),
    reason: row.reason,
    mode: row.mode,
    version: row.version,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

/** Freezes of environments that are not over at `since`, the earliest first. */
export async function freezesSince(
  from: Database | Transaction,
  environments: string[],
  since: Date,
): Promise<Freeze[]> {
  const rows = await ask<FreezeRow>(
    from,
    `SELECT ${FREEZE_COLUMNS} FROM freezes WHERE environment = ANY ($1) AND to_at > $2 ORDER BY from_at, id`,
    [environments, since],
  )
  return rows.map(toFreeze)
}

/**
 * @returns the freeze around `at` that the change is let into, if any
 * @throws Problem `frozen`, `validation-failed` for an override without a reason
 */
export async function refuseFrozen(
  tx: Transaction,
  environment: string,
  at: Date,
  override: boolean,
): Promise<Freeze | null> {
  requireReason(tx, override)
  const freezes = await freezesSince(tx, [environment], at)
  const freeze = freezeAt(freezes, at.getTime())
  if (!freeze || override) return freeze ?? null
  const firstFreeAt = new Date(firstFree(freezes, at.getTime())).toISOString()
  throw frozen(freeze, firstFreeAt, {
    field: 'query.overrideFreeze',
    message: `must be true, with a reason; else wait until ${firstFreeAt}`,
  })
}

/** @throws Problem `validation-failed` for an override without a reason */
export function requireReason(tx: Transaction, override: boolean): void {
  if (!override || tx.origin.reason?.trim()) return
  throw new Problem('validation-failed', 'To change something inside a freeze, say why.', {
    fields: [{ field: 'query.reason', message: 'is needed with overrideFreeze=true' }],
  })
}

/** `firstFreeAt`: the first instant behind it that lies in no freeze; `fault`: what to ask for instead. */
export function frozen(
  { id: freezeId, environment, reason, to: until }: Freeze,
  firstFreeAt: string,
  fault: FieldProblem,
): Problem {
  return new Problem('frozen', `The environment "${environment}" is frozen until ${until}: ${reason}`, {
    fields: [fault],
    members: { freezeId, until, firstFreeAt },
  })
}
