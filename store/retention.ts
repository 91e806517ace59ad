import { z } from 'zod'
import { Instant } from '../domain/text.ts'
import { type Database, query } from './database.ts'
import type { Transaction } from './transaction.ts'

/** How long final schedules are kept, in days. Failed ones are kept for ever. */
export const Retention = z.object({ appliedDays: z.int(), cancelledDays: z.int() })
export type Retention = z.infer<typeof Retention>

const Old = z.object({
  count: z.int(),
  oldest: Instant.nullable().meta({ description: 'When the oldest of them was applied or cancelled' }),
})

/** What would go, were the retention run now. */
export const RetentionPreview = z
  .object({ settings: Retention, applied: Old, cancelled: Old })
  .meta({ id: 'RetentionPreview' })
export type RetentionPreview = z.infer<typeof RetentionPreview>

export interface Purged {
  applied: number
  cancelled: number
}

// Applied ones behind a failed one that sets the same field are the evidence that it may not be retried any more. One that is
// applied was due before, so the index of due times finds what is old.
const OLD_APPLIED = `s.status = 'applied' AND s.scheduled_at < clock_timestamp() - $1 * interval '1 day'
  AND s.applied_at < clock_timestamp() - $1 * interval '1 day'
  AND NOT EXISTS (SELECT FROM feature_flag_schedules f WHERE f.flag_id = s.flag_id AND f.status = 'failed'
    AND coalesce(f.original_scheduled_at, f.scheduled_at) <= s.scheduled_at
    AND f.updates ?| ARRAY(SELECT jsonb_object_keys(s.updates)))`
const OLD_CANCELLED = `s.status = 'cancelled' AND s.updated_at < clock_timestamp() - $1 * interval '1 day'`

/** Counts what would go now. */
export async function previewRetention(db: Database, settings: Retention): Promise<RetentionPreview> {
  const old = async (condition: string, at: string, days: number) => {
    const [row] = await query<{ count: number; oldest: Date | null }>(
      db,
      `SELECT count(*) AS count, min(${at}) AS oldest FROM feature_flag_schedules s WHERE ${condition}`,
      [days],
    )
    return { count: row?.count ?? 0, oldest: row?.oldest?.toISOString() ?? null }
  }
  return {
    settings,
    applied: await old(OLD_APPLIED, 's.applied_at', settings.appliedDays),
    cancelled: await old(OLD_CANCELLED, 's.updated_at', settings.cancelledDays),
  }
}

/**
 * Deletes up to `limit` applied and as many cancelled schedules whose time is over, with one event that counts them, and releases that
 * have no schedule left. What is final does not change any more, so no flag is locked.
 */
export async function purgeSchedules(
  tx: Transaction,
  { appliedDays, cancelledDays }: Retention,
  limit: number,
): Promise<Purged> {
  const purge = async (condition: string, order: string, days: number) =>
    (
      await tx.query(
        `DELETE FROM feature_flag_schedules WHERE id IN (SELECT s.id FROM feature_flag_schedules s WHERE ${condition}
           ORDER BY ${order} LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1`,
        [days, limit],
      )
    ).length
  const applied = await purge(OLD_APPLIED, 's.scheduled_at', appliedDays)
  const cancelled = await purge(OLD_CANCELLED, 's.updated_at', cancelledDays)
  await purgeReleases(tx, limit)
  if (applied + cancelled > 0) {
    tx.emitEvent({ type: 'schedules-purged', data: { applied, cancelled, appliedDays, cancelledDays } })
  }
  return { applied, cancelled }
}

async function purgeReleases(tx: Transaction, limit: number): Promise<void> {
  await tx.query(
    `DELETE FROM flag_releases WHERE id IN (SELECT r.id FROM flag_releases r
       WHERE NOT EXISTS (SELECT FROM feature_flag_schedules s WHERE s.release_id = r.id) LIMIT $1)`,
    [limit],
  )
}
