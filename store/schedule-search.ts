import type { FlagSchedule, ScheduleStatus } from '../domain/flag-schedule.ts'
import type { ScheduleFilter } from '../domain/schedule-bulk.ts'
import { type Database, query } from './database.ts'
import { DUE_CURSOR, type Page, type PageRequest, page, readCursor } from './page.ts'
import { SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './schedule-rows.ts'

/**
 * SQL for the schedules `s` of flags `f` that a filter means; its parameters are added to `values`. Only what is asked for is
 * in the text: under a prepared plan, `$1 IS NULL OR …` would read every schedule there ever was.
 */
export function whereOf(filter: ScheduleFilter & { status?: ScheduleStatus | undefined }, values: unknown[]): string {
  const conditions = ['true']
  const add = (condition: (parameter: string) => string, value: unknown) =>
    value === undefined || conditions.push(condition(`$${values.push(value)}`))
  // By name, because that is what the partial indexes are for.
  if (filter.status === 'pending') conditions.push(`s.status = 'pending'`)
  else add((status) => `s.status = ${status}`, filter.status)
  add((environment) => `f.environment = ${environment}`, filter.environment)
  add((keys) => `f.key = ANY (${keys}::text[])`, filter.flagKeys)
  add((actor) => `s.created_by = ${actor}`, filter.createdBy)
  add((from) => `s.scheduled_at >= ${from}`, filter.dueFrom && new Date(filter.dueFrom))
  add((to) => `s.scheduled_at < ${to}`, filter.dueTo && new Date(filter.dueTo))
  return conditions.join(' AND ')
}

/** Schedules of all flags that a filter means, in the order in which they are due. */
export async function searchSchedules(
  db: Database,
  { limit, cursor, ...filter }: PageRequest & ScheduleFilter & { status?: ScheduleStatus | undefined },
): Promise<Page<FlagSchedule>> {
  const after = readCursor(cursor, ...DUE_CURSOR)
  const values: unknown[] = [after?.[0] ?? '-infinity', after?.[1] ?? 0, limit + 1]
  const rows = await query<ScheduleRow>(
    db,
    `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE (s.scheduled_at, s.sequence) > ($1::timestamptz, $2::bigint) AND ${whereOf(filter, values)}
     ORDER BY s.scheduled_at, s.sequence LIMIT $3`,
    values,
  )
  return page(rows, limit, toSchedule, (row) => [row.scheduled_at.toISOString(), row.sequence])
}
