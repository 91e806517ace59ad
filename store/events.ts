import type { Event, EventType } from '../domain/event.ts'
import { type Database, query } from './database.ts'
import { type Page, type PageRequest, page, readCursor } from './page.ts'

interface EventRow {
  id: number
  type: EventType
  environment: string | null
  flag_key: string | null
  schedule_id: string | null
  policy_version: number | null
  run_id: string | null
  actor: string
  door: Event['door']
  reason: string | null
  request_id: string | null
  revision: number | null
  data: Record<string, unknown>
  created_at: Date
}

function toEvent(row: EventRow): Event {
  return {
    id: row.id,
    type: row.type,
    environment: row.environment,
    flagKey: row.flag_key,
    scheduleId: row.schedule_id,
    policyVersion: row.policy_version,
    runId: row.run_id,
    actor: row.actor,
    door: row.door,
    reason: row.reason,
    requestId: row.request_id,
    revision: row.revision,
    data: row.data,
    createdAt: row.created_at.toISOString(),
  }
}

export interface EventFilter extends PageRequest {
  environment?: string | undefined
  flagKey?: string | undefined
  scheduleId?: string | undefined
  policyVersion?: number | undefined
  runId?: string | undefined
  accountId?: string | undefined
  gameplanId?: string | undefined
  actor?: string | undefined
  type?: EventType[] | undefined
  /** Written at or after. */
  from?: Date | undefined
  /** Written at or before, to the millisecond. */
  to?: Date | undefined
}

/**
 * The audit trail, newest first. A range of time is read in the order of time, by its index: in that of ids, Postgres would
 * leaf through everything that was written since.
 */
export async function listEvents(db: Database, filter: EventFilter): Promise<Page<Event>> {
  const [before] = readCursor(filter.cursor, /^\d{1,15}$/) ?? []
  const values: unknown[] = []
  const conditions: string[] = []
  const where = (condition: (parameter: string) => string, value: unknown) => {
    if (value === undefined) return
    values.push(value)
    conditions.push(condition(`$${values.length}`))
  }
  const types = filter.type ?? []
  const byTime = filter.from !== undefined || filter.to !== undefined
  where((environment) => `environment = ${environment}`, filter.environment)
  where((flagKey) => `flag_key = ${flagKey}`, filter.flagKey)
  where((scheduleId) => `schedule_id = ${scheduleId}`, filter.scheduleId)
  where((version) => `policy_version = ${version}`, filter.policyVersion)
  where((runId) => `run_id = ${runId}`, filter.runId)
  where((accountId) => `data ? 'accountId' AND data ->> 'accountId' = ${accountId}`, filter.accountId)
  where((gameplanId) => `data ? 'gameplanId' AND data ->> 'gameplanId' = ${gameplanId}`, filter.gameplanId)
  where((actor) => `actor = ${actor}`, filter.actor)
  // One by =, which its index has in order; several by = ANY, which it has not.
  if (types.length === 1) where((type) => `type = ${type}`, types[0])
  else if (types.length > 1) where((list) => `type = ANY (${list}::text[])`, types)
  where((from) => `created_at >= ${from}::timestamptz`, filter.from)
  where((to) => `created_at < ${to}::timestamptz + interval '1 millisecond'`, filter.to)
  where(
    (id) =>
      byTime
        ? `(created_at, id) < ((SELECT created_at FROM events WHERE id = ${id}::bigint), ${id}::bigint)`
        : `id < ${id}::bigint`,
    before,
  )
  const rows = await query<EventRow>(
    db,
    `SELECT * FROM events ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
     ORDER BY ${byTime ? 'created_at DESC, id DESC' : 'id DESC'} LIMIT $${values.push(filter.limit + 1)}`,
    values,
  )
  return page(rows, filter.limit, toEvent, (row) => [row.id])
}
