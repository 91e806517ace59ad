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
  /** Policy version that the public sees; 0 before the first promotion. */
  activePolicyVersion: number
  /** Versions that every writer of an item evaluates. */
  evaluatedVersions: number
  runsRunning: number
  /** Running runs in which batches fail. */
  runsFailing: number
  /** Items that runs have evaluated, and those of them that were errors. */
  evaluations: number
  evaluationErrors: number
}

export async function readFigures(db: Database): Promise<StoreFigures> {
  const [row] = await query<StoreFigures>(
    db,
    `SELECT t.applied, t.failed, t.sweeps, t.lateness_seconds AS "latenessSeconds", t.lateness_buckets AS "latenessBuckets",
       due.*, pending.*, waiting.*, dead.*, runs.*,
       coalesce((SELECT version FROM catalog_policies WHERE is_active), 0) AS "activePolicyVersion",
       (SELECT count(*) FROM evaluated_versions) AS "evaluatedVersions"
     FROM schedule_totals t,
       (SELECT count(*) AS backlog, coalesce(extract(epoch FROM clock_timestamp() - min(scheduled_at)), 0)::float8 AS "backlogAgeSeconds"
        FROM feature_flag_schedules WHERE status = 'pending' AND scheduled_at <= (SELECT clock_timestamp())) due,
       (SELECT count(*) AS pending FROM feature_flag_schedules WHERE status = 'pending') pending,
       (SELECT count(*) AS "outboxWaiting", coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS "outboxAgeSeconds"
        FROM outbox WHERE state = 'pending') waiting,
       (SELECT count(*) AS "outboxDead" FROM outbox WHERE state = 'dead') dead,
       (SELECT count(*) FILTER (WHERE status = 'running') AS "runsRunning",
          count(*) FILTER (WHERE status = 'running' AND failing_since IS NOT NULL) AS "runsFailing",
          coalesce(sum(processed), 0)::bigint AS evaluations, coalesce(sum(errors), 0)::bigint AS "evaluationErrors"
        FROM catalog_evaluation_runs) runs`,
  )
  return row as StoreFigures
}
