import type { ScheduleHealth } from '../domain/schedule-health.ts'
import { type Database, query } from './database.ts'

type Figures = Omit<ScheduleHealth['environments'][number], 'environment'>

// One pass over what is pending, over what failed and over what was applied within a day. The last by its events, which have an
// index by time: one by applied_at would cost every sweep. The grouping without an environment is the sum of all.
const FIGURES = `
  WITH open AS (
    SELECT f.environment, count(*) AS pending, count(*) FILTER (WHERE s.scheduled_at <= (SELECT clock_timestamp())) AS backlog
    FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
    WHERE s.status = 'pending' GROUP BY GROUPING SETS ((), (f.environment))
  ), failed AS (
    SELECT f.environment, count(*) AS failed
    FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
    WHERE s.status = 'failed' AND s.updated_at > (SELECT clock_timestamp()) - interval '1 day'
    GROUP BY GROUPING SETS ((), (f.environment))
  ), late AS (
    SELECT f.environment, extract(epoch FROM s.applied_at - s.scheduled_at)::float8 AS lateness,
      s.applied_at > (SELECT clock_timestamp()) - interval '1 hour' AS recent
    FROM events e JOIN feature_flag_schedules s ON s.id = e.schedule_id JOIN feature_flags f ON f.id = s.flag_id
    WHERE e.created_at > (SELECT clock_timestamp()) - interval '1 day' AND e.type = 'schedule-applied' AND s.status = 'applied'
  ), lateness AS (
    SELECT environment, count(*) AS day, percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY lateness) AS of_day,
      count(*) FILTER (WHERE recent) AS hour,
      percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY lateness) FILTER (WHERE recent) AS of_hour
    FROM late GROUP BY GROUPING SETS ((), (environment))
  ), named AS (
    SELECT environment FROM open UNION SELECT environment FROM failed UNION SELECT environment FROM lateness
  )
  SELECT named.environment, coalesce(pending, 0) AS pending, coalesce(backlog, 0) AS backlog,
    coalesce(failed, 0) AS "failedLastDay", coalesce(hour, 0) AS hour, coalesce(day, 0) AS day, of_hour, of_day
  FROM named
    LEFT JOIN open ON open.environment IS NOT DISTINCT FROM named.environment
    LEFT JOIN failed ON failed.environment IS NOT DISTINCT FROM named.environment
    LEFT JOIN lateness ON lateness.environment IS NOT DISTINCT FROM named.environment
  ORDER BY named.environment NULLS FIRST`

const REST = `
  SELECT now.at, oldest.*, waiting.*, (SELECT count(*) FROM outbox WHERE state = 'dead') AS dead
  FROM (SELECT clock_timestamp() AS at) now,
    LATERAL (SELECT (SELECT to_jsonb(one) FROM (
        SELECT s.id AS "scheduleId", f.key AS "flagKey", f.environment, s.scheduled_at AS "scheduledAt",
          extract(epoch FROM now.at - s.scheduled_at) AS "ageSeconds"
        FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
        WHERE s.status = 'pending' AND s.scheduled_at <= now.at ORDER BY s.scheduled_at, s.sequence LIMIT 1) one) AS "oldestDue",
      (SELECT to_jsonb(one) FROM (
        SELECT s.id AS "scheduleId", f.key AS "flagKey", f.environment, s.scheduled_at AS "scheduledAt"
        FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
        WHERE s.status = 'pending' AND s.scheduled_at > now.at ORDER BY s.scheduled_at, s.sequence LIMIT 1) one) AS "nextDue") oldest,
    LATERAL (SELECT count(*) AS waiting, coalesce(extract(epoch FROM now.at - min(created_at)), 0)::float8 AS "ageSeconds"
      FROM outbox WHERE state = 'pending') waiting`

interface FiguresRow {
  /** Null for all together. */
  environment: string | null
  pending: number
  backlog: number
  failedLastDay: number
  hour: number
  day: number
  of_hour: number[] | null
  of_day: number[] | null
}

/** How well the promises are kept: what waits, how late the last ones were, what failed, and what waits for Temporal. */
export async function readScheduleHealth(db: Database): Promise<ScheduleHealth> {
  const [[rest], rows] = await Promise.all([
    query<Pick<ScheduleHealth, 'oldestDue' | 'nextDue'> & ScheduleHealth['relay'] & { at: Date }>(db, REST),
    query<FiguresRow>(db, FIGURES),
  ])
  const { at, oldestDue, nextDue, waiting, ageSeconds, dead } = rest as NonNullable<typeof rest>
  const [all, ...environments] = rows
  return {
    at: at.toISOString(),
    ...toFigures(all as FiguresRow),
    oldestDue: oldestDue && withInstant(oldestDue),
    nextDue: nextDue && withInstant(nextDue),
    environments: environments.map((row) => ({ environment: row.environment as string, ...toFigures(row) })),
    relay: { waiting, ageSeconds, dead },
  }
}

function toFigures({ pending, backlog, failedLastDay, hour, day, of_hour, of_day }: FiguresRow): Figures {
  return {
    pending,
    backlog,
    failedLastDay,
    latenessLastHour: toLateness(hour, of_hour),
    latenessLastDay: toLateness(day, of_day),
  }
}

function toLateness(applied: number, percentiles: number[] | null): Figures['latenessLastHour'] {
  const [p50 = null, p90 = null, p99 = null] = percentiles ?? []
  return { applied, p50, p90, p99 }
}

// JSON of Postgres has its own form of an instant.
function withInstant<Named extends { scheduledAt: string }>(named: Named): Named {
  return { ...named, scheduledAt: new Date(named.scheduledAt).toISOString() }
}
