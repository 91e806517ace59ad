import { z } from 'zod'
import { DueTime, FlagSchedule } from './flag-schedule.ts'
import { strict } from './strict.ts'
import { Environment, Instant, Text } from './text.ts'

const FreezeMode = z.enum(['refuse', 'defer'], { error: 'must be refuse or defer' })
const Why = Text.min(1, 'must say why')

/** A window in which nothing of an environment may be scheduled: from `from`, until and without `to`. */
export const Freeze = z
  .object({
    id: z.uuid(),
    environment: Environment,
    from: Instant,
    to: Instant.meta({ description: 'The first instant after it' }),
    reason: Text,
    mode: FreezeMode,
    version: z.int().meta({ description: 'Counts edits; also the ETag' }),
    createdBy: z.string(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'Freeze' })
export type Freeze = z.infer<typeof Freeze>

/** A freeze with the pending schedules that it has met. */
export const FreezeWithAffected = Freeze.extend({
  affected: z
    .object({ count: z.int(), schedules: z.array(FlagSchedule).meta({ description: 'The first 50' }) })
    .meta({ description: 'Pending schedules inside: moved to its end (`defer`), or left as they are (`refuse`)' }),
}).meta({ id: 'FreezeWithAffected' })
export type FreezeWithAffected = z.infer<typeof FreezeWithAffected>

export const NewFreeze = strict({
  environment: Environment,
  from: DueTime,
  to: DueTime,
  reason: Why,
  mode: FreezeMode,
}).refine(({ from, to }) => Date.parse(from) < Date.parse(to), { path: ['to'], error: 'must be after from' })
export type NewFreeze = z.infer<typeof NewFreeze>

export const FreezeEdit = strict({ to: DueTime.optional(), reason: Why.optional() }).refine(
  (edit) => Object.keys(edit).length > 0,
  'must name at least one of to, reason',
)
export type FreezeEdit = z.infer<typeof FreezeEdit>

/** The freeze that an instant (milliseconds) lies in; of several, one that refuses. */
export function freezeAt(freezes: Freeze[], at: number): Freeze | undefined {
  const around = freezes.filter(({ from, to }) => Date.parse(from) <= at && at < Date.parse(to))
  return around.find(({ mode }) => mode === 'refuse') ?? around[0]
}

/** The first instant from `at` on that lies in no freeze, in milliseconds. */
export function firstFree(freezes: Freeze[], at: number): number {
  let free = at
  for (let freeze = freezeAt(freezes, free); freeze; freeze = freezeAt(freezes, free)) free = Date.parse(freeze.to)
  return free
}
