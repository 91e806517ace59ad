import { z } from 'zod'
import { DueTime, ScheduleUpdates } from './flag-schedule.ts'
import { CRON_RULE, isTimeZone, wrongWithCron } from './recurrence.ts'
import { between, strict } from './strict.ts'
import { Environment, FlagKey, Instant, Text } from './text.ts'

const ZONE_RULE = 'must be the name of an IANA time zone, such as Europe/Berlin'

const CronText = z
  .string({ error: CRON_RULE })
  .max(200, 'must be at most 200 characters')
  .superRefine((text, context) => {
    const wrong = wrongWithCron(text)
    if (wrong) context.addIssue({ code: 'custom', message: wrong })
  })
  .meta({ description: 'Five fields, matched with the wall clock of the zone', example: '0 9 * * mon-fri' })

const TimeZone = z
  .string({ error: ZONE_RULE })
  .refine(isTimeZone, ZONE_RULE)
  .meta({ description: 'IANA time zone', example: 'Europe/Berlin' })

const Count = between(1, 1e6)
const Gap = z.enum(['skip', 'shift'], { error: 'must be skip or shift' }).meta({
  description:
    'For a time that clocks jump over: `skip` leaves it out, `shift` takes the instant after the gap, by its length',
})
const Overlap = z
  .enum(['first', 'both'], { error: 'must be first or both' })
  .meta({ description: 'For a time that comes twice as clocks go back: the first instant, or both' })
const CatchUp = z.enum(['all', 'latest', 'none'], { error: 'must be all, latest or none' }).meta({
  description:
    'What is made of occurrences that were missed, while it was paused or in an outage: all of them, one after the other; the last one; none',
})

const NewRule = strict({
  cron: CronText,
  timeZone: TimeZone,
  until: DueTime.optional(),
  count: Count.optional(),
  gap: Gap.default('shift'),
  overlap: Overlap.default('first'),
})
export const NewRecurrence = strict({
  recurrence: NewRule,
  updates: ScheduleUpdates,
  comment: Text.optional(),
  catchUp: CatchUp.default('latest'),
})
export type NewRecurrence = z.infer<typeof NewRecurrence>

export const RecurrenceEdit = strict({
  recurrence: strict({
    cron: CronText.optional(),
    timeZone: TimeZone.optional(),
    until: DueTime.nullable().optional(),
    count: Count.nullable().optional(),
    gap: Gap.optional(),
    overlap: Overlap.optional(),
  })
    .refine(
      (rule) => Object.keys(rule).length > 0,
      'must name at least one of cron, timeZone, until, count, gap, overlap',
    )
    .optional(),
  updates: ScheduleUpdates.optional(),
  comment: Text.optional(),
  catchUp: CatchUp.optional(),
}).refine((edit) => Object.keys(edit).length > 0, 'must name at least one of recurrence, updates, comment, catchUp')
export type RecurrenceEdit = z.infer<typeof RecurrenceEdit>

export const RecurrencePreview = strict({
  recurrence: NewRule,
  from: DueTime.optional(),
  occurrences: between(1, 50).default(5),
})

const RecurrenceStatus = z.enum(['active', 'paused', 'ended'])

export const Recurrence = z
  .object({
    id: z.uuid(),
    flagKey: FlagKey,
    environment: Environment,
    recurrence: z.object({
      cron: z.string(),
      timeZone: z.string(),
      until: Instant.nullable(),
      count: z.int().nullable(),
      gap: Gap,
      overlap: Overlap,
    }),
    updates: z.record(z.string(), z.unknown()),
    comment: z.string().nullable(),
    catchUp: CatchUp,
    status: RecurrenceStatus,
    made: z.int().meta({ description: 'Occurrences made so far, the pending one included' }),
    pendingScheduleId: z.uuid().nullable().meta({ description: 'The schedule that is its pending occurrence' }),
    version: z.int().meta({ description: 'Counts edits; also the ETag' }),
    createdBy: z.string(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'Recurrence' })
export type Recurrence = z.infer<typeof Recurrence>
