import { z } from 'zod'
import { DueTime, NewSchedule } from './flag-schedule.ts'
import { between, listOf, strict } from './strict.ts'
import { Environment, FlagKey, Text } from './text.ts'

/** Schedules that one request makes at most. */
export const BULK_ITEMS = 1_000
/** Schedules that one request cancels or moves at most: with their events and nudges about a second of locks. */
export const BULK_MATCHED = 10_000

const NUMBER_OF_ITEMS = `must be a list of 1 to ${BULK_ITEMS} schedules`

export const BulkItem = strict({
  flagKey: FlagKey,
  environment: Environment.default('production'),
  ...NewSchedule.shape,
})
export type BulkItem = z.infer<typeof BulkItem>

export const BulkCreate = strict({
  mode: z.enum(['all', 'each'], { error: 'must be all or each' }).meta({
    description: '`all`: all of them or none. `each`: those that can be made, with what became of each.',
  }),
  items: z
    .array(BulkItem, { error: NUMBER_OF_ITEMS })
    .min(1, NUMBER_OF_ITEMS)
    .max(BULK_ITEMS, NUMBER_OF_ITEMS)
    .meta({ description: 'In this order, which decides between those of a flag that are due at the same instant' }),
})
export type BulkCreate = z.infer<typeof BulkCreate>

/** Who made a schedule: the subject of a token, or the identity of an operator. */
export const CreatedBy = Text.min(1, 'must not be empty')

export const ScheduleFilter = strict({
  environment: Environment.optional().meta({ description: 'All environments when it is not named' }),
  flagKeys: listOf(FlagKey, 1000, 'keys of flags', 1).optional(),
  createdBy: CreatedBy.optional(),
  dueFrom: DueTime.optional().meta({ description: 'Due at this instant or later' }),
  dueTo: DueTime.optional().meta({ description: 'Due before this instant' }),
})
  .refine(
    (filter) => Object.keys(filter).length > 0,
    'must name at least one of environment, flagKeys, createdBy, dueFrom, dueTo',
  )
  .meta({ minProperties: 1, description: 'Pending schedules for which all of this holds' })
export type ScheduleFilter = z.infer<typeof ScheduleFilter>

const DryRun = z
  .boolean({ error: 'must be true or false' })
  .default(false)
  .meta({ description: 'Change nothing, say what would happen' })

export const BulkCancel = strict({
  filter: ScheduleFilter,
  limit: between(1, BULK_MATCHED).optional().meta({ description: 'Cancel only so many, those that are due first' }),
  dryRun: DryRun,
})
export type BulkCancel = z.infer<typeof BulkCancel>

/** Ten years, in milliseconds. */
const FARTHEST_MS = 315_576_000_000
const SHIFT = `must be an integer number of milliseconds other than 0, at most ten years (${FARTHEST_MS}) either way`

export const BulkShift = strict({
  filter: ScheduleFilter,
  byMs: z
    .int({ error: SHIFT })
    .min(-FARTHEST_MS, SHIFT)
    .max(FARTHEST_MS, SHIFT)
    .refine((ms) => ms !== 0, SHIFT)
    .meta({ description: 'Later by so many milliseconds; earlier when negative', example: 3_600_000 }),
  dryRun: DryRun,
})
export type BulkShift = z.infer<typeof BulkShift>
