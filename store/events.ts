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
  type?: EventType | undefined
}

/** The audit trail, newest first. */
export async function listEvents(db: Database, filter: EventFilter): Promise<Page<Event>> {
  const [before] = readCursor(filter.cursor, /^\d{1,15}$/) ?? []
  const rows = await query<EventRow>(
    db,
    `SELECT * FROM events
     WHERE ($1::text IS NULL OR environment = $1) AND ($2::text IS NULL OR flag_key = $2)
       AND ($3::uuid IS NULL OR schedule_id = $3) AND ($4::text IS NULL OR type = $4) AND ($5::bigint IS NULL OR id < $5)
       AND ($6::integer IS NULL OR policy_version = $6) AND ($7::uuid IS NULL OR run_id = $7)
     ORDER BY id DESC LIMIT $8`,
    [
      filter.environment ?? null,
      filter.flagKey ?? null,
      filter.scheduleId ?? null,
      filter.type ?? null,
      before ?? null,
      filter.policyVersion ?? null,
      filter.runId ?? null,
      filter.limit + 1,
    ],
  )
  return page(rows, filter.limit, toEvent, (row) => [row.id])
}
