import { z } from 'zod'
import { Enabled, Environment, FlagKey, type FlagState, Instant, RolloutPercentage, Text } from './flag.ts'
import { strict } from './strict.ts'

const ZONE_NEEDED = 'must be an ISO 8601 instant with a zone, such as 2026-03-01T09:00:00Z or 2026-03-01T10:00:00+01:00'

/** Due times are before this one, in milliseconds since 1970. */
export const LATEST_DUE = Date.UTC(9999, 11, 31)

/** A due time as requests carry it: any zone, kept to the millisecond as UTC. */
export const DueTime = z
  .string({ error: ZONE_NEEDED })
  .pipe(z.iso.datetime({ offset: true, error: ZONE_NEEDED }))
  .refine((text) => !(Date.parse(text) >= LATEST_DUE), 'must be before 9999-12-31T00:00:00Z')
  .meta({ format: 'date-time', description: 'An instant, with its zone', example: '2026-03-01T10:00:00+01:00' })

export const ScheduleStatus = z.enum(['pending', 'applied', 'failed', 'cancelled'])
export type ScheduleStatus = z.infer<typeof ScheduleStatus>

export const ScheduleUpdates = strict({ enabled: Enabled.optional(), rolloutPercentage: RolloutPercentage.optional() })
  .refine((updates) => Object.keys(updates).length > 0, 'must name at least one of enabled, rolloutPercentage')
  .meta({ description: 'What changes at the due time; what is not named stays as it is then', minProperties: 1 })
export type ScheduleUpdates = z.infer<typeof ScheduleUpdates>

/** What an installation wants to be said of a schedule that it lets pass. */
export const ScheduleWarning = z.object({
  code: z.literal('schedule-conflict'),
  detail: z.string(),
  field: z.string().meta({ example: 'enabled' }),
  scheduleId: z.uuid().nullable().meta({ description: 'The other schedule; null when it is of the same request' }),
  createdBy: z.string(),
})
export type ScheduleWarning = z.infer<typeof ScheduleWarning>

export const FlagSchedule = z
  .object({
    id: z.uuid(),
    flagKey: FlagKey,
    environment: Environment,
    scheduledAt: Instant,
    status: ScheduleStatus,
    // Shown as it is: a row that cannot be applied must still be readable.
    updates: z
      .record(z.string(), z.unknown())
      .meta({ description: 'What changes at the due time', example: { enabled: true, rolloutPercentage: 25 } }),
    comment: z.string().nullable(),
    appliedAt: Instant.nullable(),
    appliedRevision: z.int().nullable().meta({ description: 'Configuration revision that the change made' }),
    errorMessage: z.string().nullable(),
    recurrenceId: z.uuid().nullable().meta({ description: 'The recurrence that it is an occurrence of' }),
    attempt: z.int().meta({ description: 'Counts tries: 1, and one more for each retry' }),
    originallyScheduledAt: Instant.nullable().meta({ description: 'When it was due before its first retry' }),
    deferredFrom: Instant.nullable().meta({ description: 'When it was asked to be due, if a freeze has put it off' }),
    freezeId: z.uuid().nullable().meta({ description: 'The freeze that has put it off' }),
    warnings: z.array(ScheduleWarning).optional().meta({ description: 'Only in the answer to what caused them' }),
    version: z.int().meta({ description: 'Counts edits; also the ETag' }),
    createdBy: z.string(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'FlagSchedule' })
export type FlagSchedule = z.infer<typeof FlagSchedule>

export const NewSchedule = strict({
  scheduledAt: DueTime,
  updates: ScheduleUpdates,
  comment: Text.optional(),
})
export type NewSchedule = z.infer<typeof NewSchedule>

export const ScheduleEdit = strict({
  scheduledAt: DueTime.optional(),
  updates: ScheduleUpdates.optional(),
  comment: Text.optional(),
}).refine((edit) => Object.keys(edit).length > 0, 'must name at least one of scheduledAt, updates, comment')
export type ScheduleEdit = z.infer<typeof ScheduleEdit>

export interface FoldStep<Due> {
  schedule: Due
  before: FlagState
  after: FlagState
}

/**
 * What a flag looks like after `due` schedules, given in the order (due time, sequence): each changes only the fields it
 * names, so the last one to name a field wins. Returns one step a schedule.
 */
export function foldSchedules<Due extends { updates: ScheduleUpdates }>(state: FlagState, due: Due[]): FoldStep<Due>[] {
  let before = state
  return due.map((schedule) => {
    const step = { schedule, before, after: { ...before, ...schedule.updates } }
    before = step.after
    return step
  })
}

/** One line for people: `enabled → true, rolloutPercentage → 25`. */
export function describeUpdates(updates: FlagSchedule['updates']): string {
  return Object.entries(updates)
    .map(([field, value]) => `${field} → ${value}`)
    .join(', ')
}
