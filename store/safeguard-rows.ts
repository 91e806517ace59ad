import type { Safeguard } from '../domain/safeguard.ts'
import { isBad } from '../domain/safeguard.ts'
import type { Transaction } from './transaction.ts'

export interface SafeguardRow {
  id: string
  plan_id: string
  metric: string
  operator: '>' | '<'
  threshold: number
  action: 'pause' | 'rollback'
  fresh_seconds: number | null
  last_value: number | null
  last_at: Date | null
  triggered_at: Date | null
  created_by: string
  created_at: Date
}

export function toSafeguard(row: SafeguardRow): Safeguard {
  return {
    id: row.id,
    planId: row.plan_id,
    metric: row.metric,
    operator: row.operator,
    threshold: row.threshold,
    action: row.action,
    freshSeconds: row.fresh_seconds,
    lastValue: row.last_value,
    lastAt: row.last_at?.toISOString() ?? null,
    triggeredAt: row.triggered_at?.toISOString() ?? null,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
  }
}

/** Somebody has looked and goes on: safeguards that have triggered may do so again. */
export async function rearmSafeguards(tx: Transaction, planId: string): Promise<void> {
  await tx.query(
    'UPDATE release_plan_safeguards SET triggered_at = NULL WHERE plan_id = $1 AND triggered_at IS NOT NULL',
    [planId],
  )
}

/**
 * Whether a plan may go on by itself, as its safeguards with `freshSeconds` see it: each has a value that is good and not
 * older. No data, no progress.
 */
export async function mayGoOn(tx: Transaction, planId: string, now: Date): Promise<boolean> {
  const rows = await tx.query<SafeguardRow>(
    'SELECT * FROM release_plan_safeguards WHERE plan_id = $1 AND fresh_seconds IS NOT NULL',
    [planId],
  )
  return rows.every(
    ({ last_value: value, last_at: at, fresh_seconds: seconds, operator, threshold }) =>
      value !== null &&
      at !== null &&
      now.getTime() - at.getTime() <= (seconds as number) * 1000 &&
      !isBad({ operator, threshold }, value),
  )
}
