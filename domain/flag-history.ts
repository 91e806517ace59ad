import { z } from 'zod'
import type { EventType } from './event.ts'
import { Enabled, Environment, FlagKey, Instant, RolloutPercentage, Text } from './flag.ts'
import { type FlagSchedule, foldSchedules } from './flag-schedule.ts'

/** Events that say what became of a flag. */
export const HISTORY_TYPES = [
  'flag-created',
  'flag-updated',
  'flag-archived',
  'flag-revived',
  'schedule-applied',
] as const satisfies EventType[]

const Snapshot = z.object({
  description: Text,
  enabled: Enabled,
  rolloutPercentage: RolloutPercentage,
  archivedAt: Instant.nullable(),
})
export type Snapshot = z.infer<typeof Snapshot>

export const SNAPSHOT_FIELDS = Object.keys(Snapshot.shape) as (keyof Snapshot)[]

const Reason = z.object({
  type: z.enum([...HISTORY_TYPES, 'schedule-pending']),
  eventId: z.int().nullable().meta({ description: 'The event, of what has happened' }),
  scheduleId: z.uuid().nullable().meta({ description: 'The schedule, where one did it or will' }),
  by: z.string().meta({ description: 'Who changed it; of a schedule, who created it' }),
  at: Instant.meta({ description: 'When the event was written; of a pending schedule, when it is due' }),
})
type Reason = z.infer<typeof Reason>

export const FlagHistoryState = z
  .object({
    flagKey: FlagKey,
    environment: Environment,
    at: Instant,
    certain: z.boolean().meta({ description: 'True of the past; the future is what pending schedules would make' }),
    state: Snapshot,
    reasons: z
      .object({ description: Reason, enabled: Reason, rolloutPercentage: Reason, archivedAt: Reason })
      .meta({ description: 'What gave each field its value' }),
  })
  .meta({ id: 'FlagState' })
export type FlagHistoryState = z.infer<typeof FlagHistoryState>

export interface HistoryEvent {
  id: number
  type: (typeof HISTORY_TYPES)[number]
  scheduleId: string | null
  by: string
  at: string
  before: Partial<Snapshot> | null
  after: Partial<Snapshot>
}

/**
 * What a flag looks like after `events`, oldest first, and then `pending` schedules in the order (due time, sequence), and
 * what gave each field its value: the last that changed it. It may be given only the events that matter: for each field
 * the last one that changed it.
 *
 * @returns undefined when the events do not begin with the flag's creation
 */
export function foldHistory(
  events: HistoryEvent[],
  pending: FlagSchedule[],
): Pick<FlagHistoryState, 'state' | 'reasons'> | undefined {
  if (events[0]?.type !== 'flag-created') return undefined
  const state: Record<string, unknown> = {}
  const reasons: Record<string, Reason> = {}
  for (const { before, after, id: eventId, type, scheduleId, by, at } of events) {
    for (const field of SNAPSHOT_FIELDS) {
      if (!(field in after)) continue
      if (!before || before[field] !== after[field] || state[field] !== after[field])
        reasons[field] = { type, eventId, scheduleId, by, at }
      state[field] = after[field]
    }
  }
  for (const { schedule, before, after } of foldSchedules(state as unknown as Snapshot, pending)) {
    const { id: scheduleId, createdBy: by, scheduledAt: at } = schedule
    for (const field of ['enabled', 'rolloutPercentage'] as const) {
      if (before[field] !== after[field])
        reasons[field] = { type: 'schedule-pending', eventId: null, scheduleId, by, at }
      state[field] = after[field]
    }
  }
  return { state: state as Snapshot, reasons: reasons as FlagHistoryState['reasons'] }
}
