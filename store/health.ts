import { type Database, query } from './database.ts'

/** Figures that `/metrics` shows, of all processes together. */
export interface StoreFigures {
  applied: number
  failed: number
  sweeps: number
  latenessSeconds: number
  latenessBuckets: number[]
  /** Schedules that are due and not applied yet. */
  backlog: number
  pending: number
  /** Seconds since the oldest backlog schedule was due; 0 without backlog. */
  backlogAgeSeconds: number
  outboxWaiting: number
  outboxDead: number
  /** Seconds since the oldest waiting outbox row was committed; 0 when none waits. */
  outboxAgeSeconds: number
}

export async function readFigures(db: Database): Promise<StoreFigures> {
  const [row] = await query<StoreFigures>(
    db,
    `SELECT t.applied, t.failed, t.sweeps, t.lateness_seconds AS "latenessSeconds", t.lateness_buckets AS "latenessBuckets",
       due.*, pending.*, waiting.*, dead.*
     FROM schedule_totals t,
       (SELECT count(*) AS backlog, coalesce(extract(epoch FROM clock_timestamp() - min(scheduled_at)), 0)::float8 AS "backlogAgeSeconds"
        FROM feature_flag_schedules WHERE status = 'pending' AND scheduled_at <= (SELECT clock_timestamp())) due,
       (SELECT count(*) AS pending FROM feature_flag_schedules WHERE status = 'pending') pending,
       (SELECT count(*) AS "outboxWaiting", coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS "outboxAgeSeconds"
        FROM outbox WHERE state = 'pending') waiting,
       (SELECT count(*) AS "outboxDead" FROM outbox WHERE state = 'dead') dead`,
  )
  return row as StoreFigures
}
