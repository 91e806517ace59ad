import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { Enabled, type FlagState, RolloutPercentage } from './flag.ts'
import {
  briefly,
  type FlagSchedule,
  fieldsOf,
  foldSchedules,
  type ScheduleUpdates,
  ScheduleWarning,
} from './flag-schedule.ts'
import { FlagVariants } from './strategy.ts'
import { Instant } from './text.ts'

/** Two changes that contradict each other this close are rarely both meant. */
const CLOSE_MS = 5 * 60_000

const Rival = z.object({
  scheduleId: z.uuid(),
  scheduledAt: Instant,
  createdBy: z.string(),
  field: z.string().meta({ example: 'rolloutPercentage' }),
  theirs: z.unknown().meta({ description: 'What the pending schedule sets the field to' }),
  ours: z.unknown().meta({ description: 'What the one asked about sets it to' }),
})

const Conflict = Rival.extend({ why: z.enum(['same-instant', 'close']), detail: z.string() })
type Conflict = z.infer<typeof Conflict>

const State = z.object({
  enabled: Enabled,
  rolloutPercentage: RolloutPercentage,
  variants: FlagVariants.optional(),
  strategies: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .optional()
    .meta({ description: 'By id, those that this schedule or one before it changes' }),
})

/** What pending schedules mean for one that is not there yet. */
const ScheduleOutlook = z.object({
  before: State.meta({ description: 'The flag just before: as it is now, and every pending schedule due earlier' }),
  after: State.meta({ description: 'The flag just after' }),
  conflicts: z
    .array(Conflict)
    .meta({ description: 'Fields set to something else at the same instant or within 5 min' }),
  overrides: z.array(Rival).meta({ description: 'Whose values would be replaced' }),
  overriddenBy: z.array(Rival).meta({ description: 'Whose values would be the next ones' }),
  applied: z
    .object({
      position: z.int().meta({ description: 'Its place among the pending schedules of the flag, from 1' }),
      dueBefore: z.array(
        z.object({
          scheduleId: z.uuid(),
          scheduledAt: Instant,
          createdBy: z.string(),
          updates: z.record(z.string(), z.unknown()),
        }),
      ),
    })
    .meta({ description: 'When it has its turn, and the (at most 100 nearest) pending schedules that come before it' }),
})
type ScheduleOutlook = z.infer<typeof ScheduleOutlook>

export const SchedulePreview = z
  .object({
    valid: z.boolean().meta({ description: 'Would it be accepted?' }),
    problems: z.array(
      z.object({
        code: z.string(),
        detail: z.string(),
        fields: z.array(z.object({ field: z.string(), message: z.string() })),
      }),
    ),
    scheduledAt: Instant.meta({ description: 'When it would be due; a freeze may put it off' }),
    deferredFrom: Instant.nullable(),
    freezeId: z.uuid().nullable(),
    warnings: z.array(ScheduleWarning),
    ...ScheduleOutlook.shape,
  })
  .meta({ id: 'SchedulePreview' })
export type SchedulePreview = z.infer<typeof SchedulePreview>

const SHOWN_BEFORE = 100

/** Fields that two changes set to different values: exactly then does it matter which of them is applied last. */
export function contestedFields(ours: FlagSchedule['updates'], theirs: FlagSchedule['updates']): string[] {
  const others = fieldsOf(theirs)
  return [...fieldsOf(ours)].flatMap(([field, value]) =>
    others.has(field) && !isDeepStrictEqual(others.get(field), value) ? [field] : [],
  )
}

/**
 * What a schedule would do between the pending ones of its flag that are applied `earlier` and `later` than it, each in the
 * order (due time, sequence).
 */
export function lookAhead(
  now: FlagState,
  { earlier, later }: { earlier: FlagSchedule[]; later: FlagSchedule[] },
  ours: { scheduledAt: string; updates: ScheduleUpdates },
): ScheduleOutlook {
  const due = Date.parse(ours.scheduledAt)
  const steps = foldSchedules(now, [...earlier, ours])
  const { before, after } = steps.at(-1) as (typeof steps)[number]
  const fields = [...fieldsOf(ours.updates).keys()]
  const replaced = fields.flatMap((field) => {
    const last = earlier.findLast(({ updates }) => fieldsOf(updates).has(field))
    return last && contestedFields(ours.updates, last.updates).includes(field) ? [rival(ours.updates, last, field)] : []
  })
  const replacing = fields.flatMap((field) => {
    const next = later.find(({ updates }) => contestedFields(ours.updates, updates).includes(field))
    return next ? [rival(ours.updates, next, field)] : []
  })
  return {
    before,
    after,
    conflicts: [
      ...earlier.flatMap((theirs) => conflictsWith(theirs, ours.updates, due, 'ours')),
      ...later.flatMap((theirs) => conflictsWith(theirs, ours.updates, due, 'theirs')),
    ],
    overrides: replaced,
    overriddenBy: replacing,
    applied: {
      position: earlier.length + 1,
      dueBefore: earlier.slice(-SHOWN_BEFORE).map(({ id: scheduleId, scheduledAt, createdBy, updates }) => ({
        scheduleId,
        scheduledAt,
        createdBy,
        updates,
      })),
    },
  }
}

function conflictsWith(
  theirs: FlagSchedule,
  ours: ScheduleUpdates,
  due: number,
  winner: 'ours' | 'theirs',
): Conflict[] {
  const ahead = Date.parse(theirs.scheduledAt) - due
  if (Math.abs(ahead) > CLOSE_MS) return []
  const why = ahead === 0 ? 'same-instant' : 'close'
  const seconds = Math.abs(ahead) / 1000
  return contestedFields(ours, theirs.updates).map((field) => {
    const found = rival(ours, theirs, field)
    const [first, last] = (winner === 'ours' ? [found.theirs, found.ours] : [found.ours, found.theirs]).map(briefly)
    const detail =
      ahead === 0
        ? `Due at the same instant: the last one, ${winner}, wins, and ${field} is ${last}.`
        : `Due ${seconds} s ${ahead < 0 ? 'before' : 'after'} ours: ${field} is ${first} for ${seconds} s, then ${last}.`
    return { ...found, why, detail }
  })
}

function rival(ours: FlagSchedule['updates'], theirs: FlagSchedule, field: string): z.infer<typeof Rival> {
  const { id: scheduleId, scheduledAt, createdBy, updates } = theirs
  const [set, wanted] = [updates, ours].map((change) => fieldsOf(change).get(field))
  return { scheduleId, scheduledAt, createdBy, field, theirs: set, ours: wanted }
}
