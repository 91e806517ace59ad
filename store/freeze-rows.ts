import type { Freeze } from '../domain/freeze.ts'
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
