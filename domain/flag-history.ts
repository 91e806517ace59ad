import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { EventType } from './event.ts'
import { Enabled, RolloutPercentage } from './flag.ts'
import { type FlagSchedule, foldSchedules } from './flag-schedule.ts'
import { FlagVariants } from './strategy.ts'
import { Environment, FlagKey, Instant, Text } from './text.ts'

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
  variants: FlagVariants,
  archivedAt: Instant.nullable(),
})
export type Snapshot = z.infer<typeof Snapshot>

export const SNAPSHOT_FIELDS = Object.keys(Snapshot.shape) as (keyof Snapshot)[]

const Reason = z.object({
  type: z.enum([...HISTORY_TYPES, 'schedule-pending', 'occurrence-expected']).meta({
    description: '`occurrence-expected`: an occurrence of a recurrence that is made when the one before is applied',
  }),
  eventId: z.int().nullable().meta({ description: 'The event, of what has happened' }),
  scheduleId: z.uuid().nullable().meta({ description: 'The schedule, where one did it or will' }),
  recurrenceId: z.uuid().nullable().meta({ description: 'The recurrence, of an occurrence that is still to come' }),
  by: z.string().meta({ description: 'Who changed it; of a schedule, who created it' }),
  at: Instant.meta({ description: 'When the event was written; of what is still to come, when it is due' }),
})
type Reason = z.infer<typeof Reason>

export const FlagHistoryState = z
  .object({
    flagKey: FlagKey,
    environment: Environment,
    at: Instant,
    certain: z.boolean().meta({
      description:
        'True of the past; the future is what pending schedules and recurrences would make, were they applied in time',
    }),
    expected: z
      .object({
        occurrences: z.int().meta({ description: 'How many occurrences that are not made yet were counted in' }),
        limit: z.int().meta({ description: 'How many are counted in at most, give or take those of one instant' }),
        until: Instant.meta({
          description: 'What is due until then was counted in: `at`, or an earlier instant where the limit was reached',
        }),
      })
      .nullable()
      .meta({ description: 'How far ahead was looked; null of the past' }),
    state: Snapshot,
    reasons: z
      .object({ description: Reason, enabled: Reason, rolloutPercentage: Reason, variants: Reason, archivedAt: Reason })
      .meta({ description: 'What gave each field its value' }),
    strategies: z.record(z.string(), z.record(z.string(), z.unknown())).meta({
      description:
        'By id, what of them the schedules change that were counted in. Of the past nothing: that is in the audit trail',
    }),
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

/** A schedule that is still to come: a pending one, or an occurrence that is not made yet, without an id. */
export type ExpectedSchedule = Pick<
  FlagSchedule,
  'scheduledAt' | 'deferredFrom' | 'updates' | 'createdBy' | 'recurrenceId' | 'releaseId'
> & { id: string | null }

/**
 * What a flag looks like after `events`, oldest first, and then `expected` schedules in the order in which they are applied, and
 * what gave each field its value: the last that changed it. It may be given only the events that matter: for each field
 * the last one that changed it.
 *
 * @returns undefined when the events do not begin with the flag's creation
 */
export function foldHistory(
  events: HistoryEvent[],
  expected: ExpectedSchedule[],
): Pick<FlagHistoryState, 'state' | 'reasons' | 'strategies'> | undefined {
  if (events[0]?.type !== 'flag-created') return undefined
  const state: Record<string, unknown> = {}
  const reasons: Record<string, Reason> = {}
  for (const { before, after: seen, id: eventId, type, scheduleId, by, at } of events) {
    // Older than variants.
    const after = type === 'flag-created' ? { variants: [], ...seen } : seen
    for (const field of SNAPSHOT_FIELDS) {
      if (!(field in after)) continue
      if (!before || !isDeepStrictEqual([before[field], state[field]], [after[field], after[field]]))
        reasons[field] = { type, eventId, scheduleId, recurrenceId: null, by, at }
      state[field] = after[field]
    }
  }
  let strategies: FlagHistoryState['strategies'] = {}
  for (const { schedule, before, after } of foldSchedules(state as unknown as Snapshot, expected)) {
    const { id: scheduleId, recurrenceId, createdBy: by, scheduledAt: at } = schedule
    const type = scheduleId ? 'schedule-pending' : 'occurrence-expected'
    strategies = after.strategies ?? {}
    for (const field of ['enabled', 'rolloutPercentage', 'variants'] as const) {
      if (!isDeepStrictEqual(before[field], after[field]))
        reasons[field] = { type, eventId: null, scheduleId, recurrenceId, by, at }
      state[field] = after[field]
    }
  }
  return { state: state as Snapshot, reasons: reasons as FlagHistoryState['reasons'], strategies }
}
