import type { ChangeConflict } from '../domain/change-request.ts'
import { differences } from '../domain/change-request-conflicts.ts'
import { Problem } from '../domain/problems.ts'
import { ACTIONS, type Action, type ActionName, wishOf } from './change-request-actions.ts'
import type { ChangeRow, Loaded } from './change-request-rows.ts'
import type { Database } from './database.ts'
import type { FlagAddress } from './flags.ts'
import { ask, type Transaction } from './transaction.ts'

export function actionNamed(name: string): Action {
  return ACTIONS[name as ActionName]
}

export function addressOf(environment: string, { flag_key }: Pick<ChangeRow, 'flag_key'>): FlagAddress {
  return { environment, flagKey: flag_key ?? '' }
}

/**
 * What was changed since the changes of a request were added, each with the field and the other change. All are compared before
 * any is made, so changes of one request never stand against each other.
 */
export async function conflictsOf(from: Database | Transaction, { row, changes }: Loaded): Promise<ChangeConflict[]> {
  const found: ChangeConflict[] = []
  for (const change of changes) {
    const action = actionNamed(change.action)
    const at = addressOf(row.environment, change)
    // As JSON has it, like the snapshot.
    const now = JSON.parse(JSON.stringify(await action.read(from, at, change.payload)))
    for (const difference of differences(change.snapshot, now, wishOf(change))) {
      const target = action.target(at, change.payload)
      const event = await otherChange(from, at, change, difference.field)
      found.push({ changeId: change.id, target, ...difference, event })
    }
  }
  return found
}

/** Only what was changed can be looked at again; what is gone, archived, or there already needs another request. */
export function isHealable({ kind }: ChangeConflict): boolean {
  return kind === 'changed'
}

export function conflictProblem(conflicts: ChangeConflict[]): Problem {
  return new Problem('change-request-conflict', describeConflicts(conflicts), { members: { conflicts } })
}

export function describeConflicts(conflicts: ChangeConflict[]): string {
  const [first, ...others] = conflicts
  if (!first) return ''
  const { target, kind, field, event } = first
  const what = { changed: `${field} of ${target} was changed`, gone: `${target} is gone`, exists: `${target} exists` }
  const said = kind === 'archived' ? `${target} was archived` : what[kind]
  const who = event ? ` by ${event.actor} (${event.type}, event ${event.id})` : ''
  return `${said}${who} since this was asked for${others.length > 0 ? `, and ${others.length} more` : ''}.`
}

/**
 * The event that changed it: of that field where one says so, else the last of the target, or of its flag. It is stamped before
 * it is committed, so the snapshot may be a little younger.
 */
async function otherChange(
  from: Database | Transaction,
  { environment, flagKey }: FlagAddress,
  { action, payload, snapshot_at }: ChangeRow,
  field: string | null,
): Promise<ChangeConflict['event']> {
  const { inEvents } = actionNamed(action)
  const named = inEvents ? JSON.stringify(inEvents(payload)) : null
  const [event] = await ask<{ id: number; type: string; actor: string; createdAt: Date }>(
    from,
    `SELECT id, type, actor, created_at AS "createdAt" FROM events
     WHERE environment = $1 AND created_at >= $2::timestamptz - interval '5 seconds' AND type NOT LIKE 'change-request-%'
       AND (flag_key = $3 OR data @> $4::jsonb)
     ORDER BY created_at >= $2 DESC, (data -> 'before' -> $5 IS DISTINCT FROM data -> 'after' -> $5 AND ($4::jsonb IS NULL OR data @> $4::jsonb)) DESC,
       coalesce(data @> $4::jsonb, true) DESC, id DESC
     LIMIT 1`,
    [environment, snapshot_at, flagKey, named, field === 'archived' ? 'archivedAt' : (field ?? '')],
  )
  return event ? { ...event, createdAt: event.createdAt.toISOString() } : null
}
