import type { EventType } from '../domain/event.ts'
import { type Database, query } from './database.ts'

/** What is told of an event while it happens: enough to know what to read again. */
export interface EventNotice {
  id: number
  type: EventType
  environment: string | null
  flagKey: string | null
  scheduleId: string | null
  policyVersion: number | null
  runId: string | null
  revision: number | null
}

export interface RunProgress {
  runId: string
  policyVersion: number
  processed: number
  totalReadySnapshot: number | null
}

const NOTICE = `id, type, environment, flag_key AS "flagKey", schedule_id AS "scheduleId",
  policy_version AS "policyVersion", run_id AS "runId", revision`

/** Up to `limit` events after the id `after`, and those of `missing` that there are now, in the order of their ids. */
export async function readNotices(
  db: Database,
  { after, missing = [], limit }: { after: number; missing?: number[]; limit: number },
): Promise<EventNotice[]> {
  return await query<EventNotice>(
    db,
    `(SELECT ${NOTICE} FROM events WHERE id = ANY ($2::bigint[]))
     UNION ALL (SELECT ${NOTICE} FROM events WHERE id > $1 ORDER BY id LIMIT $3) ORDER BY id`,
    [after, missing, limit],
  )
}

/** Id of the newest event; 0 before the first. */
export async function lastEventId(db: Database): Promise<number> {
  const [row] = await query<{ id: number }>(db, 'SELECT coalesce(max(id), 0) AS id FROM events')
  return row?.id ?? 0
}

/** How far the runs are that are running now. */
export async function readRunProgress(db: Database): Promise<RunProgress[]> {
  return await query<RunProgress>(
    db,
    `SELECT id AS "runId", target_policy_version AS "policyVersion", processed, total_ready_snapshot AS "totalReadySnapshot"
     FROM catalog_evaluation_runs WHERE status = 'running' ORDER BY id`,
  )
}
