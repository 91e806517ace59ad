import type { FlagRelease } from '../domain/flag-release.ts'
import type { FlagSchedule, ScheduleStatus } from '../domain/flag-schedule.ts'
import type { FlagAddress, LockedFlag } from './flags.ts'
import { SCHEDULE_COLUMNS, type ScheduleRow } from './schedule-rows.ts'
import type { Transaction } from './transaction.ts'

export interface ReleaseRow {
  id: string
  scheduled_at: Date
  status: ScheduleStatus
  comment: string | null
  size: number
  version: number
  applied_at: Date | null
  applied_revision: number | null
  error_message: string | null
  created_by: string
  created_at: Date
  updated_at: Date
  changes: FlagRelease['changes'] | null
  deferred_from: Date | null
  freeze_id: string | null
}

// Ids are in the order of the request.
export const SELECT_RELEASE = `SELECT r.*, members.* FROM flag_releases r CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('scheduleId', s.id, 'flagKey', f.key, 'environment', f.environment, 'updates', s.updates)
        ORDER BY s.id) AS changes,
      min(s.deferred_from) AS deferred_from, min(s.freeze_id::text) AS freeze_id
    FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE s.release_id = r.id) members`

export function toRelease(row: ReleaseRow): FlagRelease {
  return {
    id: row.id,
    scheduledAt: row.scheduled_at.toISOString(),
    status: row.status,
    comment: row.comment,
    changes: row.changes ?? [],
    appliedAt: row.applied_at?.toISOString() ?? null,
    appliedRevision: row.applied_revision,
    errorMessage: row.error_message,
    deferredFrom: row.deferred_from?.toISOString() ?? null,
    freezeId: row.freeze_id,
    version: row.version,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

/** One change of a release, with its flag under its lock. */
export interface Change extends FlagAddress {
  updates: FlagSchedule['updates']
  locked: LockedFlag
  /** Of one that is there already. */
  id?: string
}

/** A release within a transaction; undefined when there is none. */
export async function readRelease(tx: Transaction, id: string, lock = ''): Promise<ReleaseRow | undefined> {
  const [row] = await tx.query<ReleaseRow>(`${SELECT_RELEASE} WHERE r.id = $1 ${lock}`, [id])
  return row
}

/** Pending members of a release, in the order in which they were asked for, locked after their flags. */
export async function membersOf(tx: Transaction, releaseId: string): Promise<ScheduleRow[]> {
  return await tx.query<ScheduleRow>(
    `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE s.release_id = $1 AND s.status = 'pending' ORDER BY s.id FOR UPDATE OF s`,
    [releaseId],
  )
}

/** Reads the release as it is now, and emits its event. */
export async function emitReleaseEvent(
  tx: Transaction,
  type: 'release-created' | 'release-updated' | 'release-cancelled' | 'release-applied' | 'release-failed',
  releaseId: string,
  before: FlagRelease | null = null,
  more: Record<string, unknown> = {},
): Promise<FlagRelease> {
  const release = toRelease((await readRelease(tx, releaseId)) as ReleaseRow)
  const { changes, scheduledAt, status, comment, errorMessage, appliedRevision, createdBy, version } = release
  const [environment, ...others] = new Set(changes.map((change) => change.environment))
  tx.emitEvent({
    type,
    // Of one environment, it is found by it.
    ...(environment && others.length === 0 && { environment }),
    revision: appliedRevision,
    data: {
      releaseId,
      ...(before && { before: { scheduledAt: before.scheduledAt, status: before.status, comment: before.comment } }),
      after: { scheduledAt, status, comment, version },
      changes,
      createdBy,
      ...(errorMessage && { error: errorMessage }),
      ...more,
    },
  })
  return release
}
