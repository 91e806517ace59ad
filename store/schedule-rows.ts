import type { FlagSchedule, ScheduleStatus } from '../domain/flag-schedule.ts'
import { nudgeFlagSchedule } from './tasks.ts'
import type { Transaction } from './transaction.ts'

export const SCHEDULE_COLUMNS = `s.id, s.flag_id, s.scheduled_at, s.status, s.updates, s.comment, s.sequence, s.version, s.applied_at,
  s.applied_revision, s.error_message, s.recurrence_id, s.created_by, s.created_at, s.updated_at, f.key AS flag_key, f.environment,
  s.attempt, s.original_scheduled_at, s.deferred_from, s.freeze_id, s.release_id`

export interface ScheduleRow {
  id: string
  flag_id: string
  scheduled_at: Date
  status: ScheduleStatus
  updates: FlagSchedule['updates']
  comment: string | null
  sequence: number
  version: number
  applied_at: Date | null
  applied_revision: number | null
  error_message: string | null
  recurrence_id: string | null
  created_by: string
  created_at: Date
  updated_at: Date
  flag_key: string
  environment: string
  attempt: number
  original_scheduled_at: Date | null
  deferred_from: Date | null
  freeze_id: string | null
  release_id: string | null
}

export function toSchedule(row: ScheduleRow): FlagSchedule {
  return {
    id: row.id,
    flagKey: row.flag_key,
    environment: row.environment,
    scheduledAt: row.scheduled_at.toISOString(),
    status: row.status,
    updates: row.updates,
    comment: row.comment,
    appliedAt: row.applied_at?.toISOString() ?? null,
    appliedRevision: row.applied_revision,
    errorMessage: row.error_message,
    attempt: row.attempt,
    originallyScheduledAt: row.original_scheduled_at?.toISOString() ?? null,
    deferredFrom: row.deferred_from?.toISOString() ?? null,
    freezeId: row.freeze_id,
    recurrenceId: row.recurrence_id,
    releaseId: row.release_id,
    version: row.version,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

export function emitScheduleEvent(
  tx: Transaction,
  type: 'schedule-created' | 'schedule-updated' | 'schedule-cancelled' | 'schedule-retried',
  flagId: string,
  before: FlagSchedule | null,
  after: FlagSchedule,
  why?: string,
  more: Record<string, unknown> = {},
): void {
  const { id: scheduleId, flagKey, environment, releaseId } = after
  tx.emitEvent({
    type,
    environment,
    flagKey,
    flagId,
    scheduleId,
    data: {
      before: before && seen(before),
      after: seen(after),
      ...(releaseId && { releaseId }),
      ...(why && { why }),
      ...more,
    },
  })
}

function seen({ scheduledAt, status, updates, comment, version, deferredFrom, freezeId }: FlagSchedule) {
  return { scheduledAt, status, updates, comment, version, ...(freezeId && { deferredFrom, freezeId }) }
}

/** Sends a schedule's workflow on its way again; `because` tells one repair from another. */
export function enqueueNudge(
  tx: Transaction,
  key: string,
  schedule: Pick<FlagSchedule, 'id' | 'flagKey' | 'environment' | 'scheduledAt' | 'version'>,
  because = '',
): void {
  const { id: scheduleId, flagKey, environment, scheduledAt, version } = schedule
  tx.enqueueTriggerTask(
    key,
    nudgeFlagSchedule,
    { scheduleId, flagKey, environment, scheduledAt },
    { idempotencyKey: `flag-schedule/${scheduleId}/${version}${because}` },
  )
}
