import { z } from 'zod'
import { Enabled, type FlagState, RolloutPercentage } from './flag.ts'
import { FlagVariants, StrategyEdit, Ulid } from './strategy.ts'
import { oneOf, strict } from './strict.ts'
import { Environment, FlagKey, Instant, Text } from './text.ts'

const ZONE_NEEDED = 'must be an ISO 8601 instant with a zone, such as 2026-03-01T09:00:00Z or 2026-03-01T10:00:00+01:00'

/** Due times are before this one, in milliseconds since 1970. */
export const LATEST_DUE = Date.UTC(9999, 11, 31)

/** A due time as requests carry it: any zone, kept to the millisecond as UTC. */
export const DueTime = z
  .string({ error: ZONE_NEEDED })
  .pipe(z.iso.datetime({ offset: true, error: ZONE_NEEDED }))
  .refine((text) => !(Date.parse(text) >= LATEST_DUE), 'must be before 9999-12-31T00:00:00Z')
  // Postgres has no year 0, and answers write years with four digits.
  .refine((text) => !(Date.parse(text) < Date.parse('0001-01-01T00:00:00Z')), 'must be 0001-01-01T00:00:00Z or later')
  .meta({ format: 'date-time', description: 'An instant, with its zone', example: '2026-03-01T10:00:00+01:00' })

export const ScheduleStatus = oneOf(['pending', 'applied', 'failed', 'cancelled'])
export type ScheduleStatus = z.infer<typeof ScheduleStatus>

const StrategyUpdate = strict({ id: Ulid, ...StrategyEdit.shape }).refine(
  (update) => Object.keys(update).length > 1,
  'must name at least one field to change beside id',
)

const NUMBER_OF_STRATEGIES = 'must be a list of 1 to 30 changes of strategies'

export const ScheduleUpdates = strict({
  enabled: Enabled.optional(),
  rolloutPercentage: RolloutPercentage.optional(),
  variants: FlagVariants.optional().meta({ description: 'All variants that the flag has from then on' }),
  strategies: z
    .array(StrategyUpdate, { error: NUMBER_OF_STRATEGIES })
    .min(1, NUMBER_OF_STRATEGIES)
    .max(30, NUMBER_OF_STRATEGIES)
    .refine((list) => new Set(list.map(({ id }) => id)).size === list.length, 'must name each strategy once')
    .optional()
    .meta({
      description:
        "Of strategies that the flag has, or a milestone of its release plan, the fields that change; what is not named stays as it is then. As PATCH of the strategy: a milestone's definition changes with it",
    }),
})
  .refine(
    (updates) => Object.keys(updates).length > 0,
    'must name at least one of enabled, rolloutPercentage, variants, strategies',
  )
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
    releaseId: z.uuid().nullable().meta({ description: 'The release that it is a part of' }),
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

export const SchedulePreviewed = strict({
  ...NewSchedule.shape,
  scheduleId: z
    .uuid('must be the id of a pending schedule of this flag')
    .optional()
    .meta({ description: 'The pending schedule that would be moved or changed to this; a new one when none is named' }),
})
export type SchedulePreviewed = z.infer<typeof SchedulePreviewed>

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
 * names, of each strategy too, so the last one to name a field wins. Returns one step a schedule.
 */
export function foldSchedules<Due extends { updates: ScheduleUpdates }>(state: FlagState, due: Due[]): FoldStep<Due>[] {
  let before = state
  return due.map((schedule) => {
    const { strategies: _, ...fields } = schedule.updates
    const changed = foldStrategies(before.strategies, schedule.updates)
    const step = { schedule, before, after: { ...before, ...fields, ...(changed && { strategies: changed }) } }
    before = step.after
    return step
  })
}

function foldStrategies(
  before: FlagState['strategies'] = {},
  updates: FlagSchedule['updates'],
): FlagState['strategies'] {
  const changes = strategiesIn(updates)
  if (changes.length === 0) return undefined
  const changed = changes.map(({ id, ...edit }) => [id, { ...before[id], ...withSortedSegments(edit) }] as const)
  return { ...before, ...Object.fromEntries(changed) }
}

/** What a row says of strategies, as far as it can be understood: it is shown as it is. */
export function strategiesIn({ strategies }: FlagSchedule['updates']): ({ id: string } & Record<string, unknown>)[] {
  return Array.isArray(strategies) ? strategies.filter((change) => typeof change?.id === 'string') : []
}

// As strategies keep them.
function withSortedSegments(edit: Record<string, unknown>): Record<string, unknown> {
  return Array.isArray(edit.segments) ? { ...edit, segments: [...new Set(edit.segments)].sort() } : edit
}

/** What a change sets, each field by its path: `enabled`, `strategies.<id>.parameters`. */
export function fieldsOf(updates: FlagSchedule['updates']): Map<string, unknown> {
  const { strategies: _, ...fields } = updates
  const named = strategiesIn(updates).flatMap(({ id, ...edit }) =>
    Object.entries(withSortedSegments(edit)).map(([field, value]) => [`strategies.${id}.${field}`, value] as const),
  )
  return new Map([...Object.entries(fields), ...named])
}

/** A value as text; a long one as its beginning. */
export function briefly(value: unknown): string {
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

const DESCRIBED = 5

/**
 * One line for people: `enabled → true, rolloutPercentage → 25, variants → 2 of them`. It goes into histories of workflows, so it
 * quotes nothing of what people have written, such as the ids of users.
 */
export function describeUpdates(updates: FlagSchedule['updates']): string {
  const fields = [...fieldsOf(updates)]
  const shown = fields.slice(0, DESCRIBED).map(([field, value]) => `${field} → ${withoutText(value)}`)
  return [...shown, ...(fields.length > DESCRIBED ? [`${fields.length - DESCRIBED} more`] : [])].join(', ')
}

function withoutText(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return `${value.length} of them`
  const { rollout, percentage = rollout } = (value ?? {}) as Record<string, unknown>
  return typeof percentage === 'string' && /^\d{1,3}$/.test(percentage) ? `${percentage} %` : '…'
}
