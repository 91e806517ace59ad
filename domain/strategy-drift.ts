import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { type StrategyContent, Ulid } from './strategy.ts'
import { listOf, strict } from './strict.ts'
import { FlagKey } from './text.ts'

const STRATEGY_FIELDS = [
  'name',
  'title',
  'parameters',
  'constraints',
  'variants',
  'segments',
  'disabled',
  'sortOrder',
] as const satisfies (keyof StrategyContent)[]

const Copy = z.enum(['runtime', 'milestone'], { error: 'must be runtime or milestone' })

/** Where the two copies of an active milestone's strategy say different things. */
export const StrategyDrift = z
  .object({
    flagKey: FlagKey,
    milestoneId: Ulid,
    strategyId: Ulid,
    missing: Copy.nullable().meta({ description: 'The copy that is not there' }),
    fields: z
      .array(z.object({ field: z.enum(STRATEGY_FIELDS), runtime: z.unknown(), milestone: z.unknown() }))
      .meta({ description: 'The fields that differ, with the value of each copy; none when one is missing' }),
  })
  .meta({ id: 'StrategyDrift' })
export type StrategyDrift = z.infer<typeof StrategyDrift>

export const DriftRepair = strict({
  from: Copy.meta({ description: 'The copy that is right; the other one is made like it' }),
  strategyIds: listOf(Ulid, 1000, 'ids of strategies', 1)
    .optional()
    .meta({ description: 'Only these; all of the environment when it is not given' }),
  dryRun: z.boolean({ error: 'must be true or false' }).default(false),
})
export type DriftRepair = z.infer<typeof DriftRepair>

export const DriftRepaired = z
  .object({
    dryRun: z.boolean(),
    repaired: z.array(StrategyDrift).meta({ description: 'What was different, and is not any more' }),
    unknown: z.array(Ulid).meta({ description: 'Of `strategyIds`, those that no strategy of the environment has' }),
    remaining: z.int().meta({ description: 'How many strategies of the environment still drift' }),
  })
  .meta({ id: 'DriftRepaired' })
export type DriftRepaired = z.infer<typeof DriftRepaired>

/** The fields in which two copies differ. */
export function differences(runtime: StrategyContent, milestone: StrategyContent): StrategyDrift['fields'] {
  return STRATEGY_FIELDS.filter((field) => !isDeepStrictEqual(runtime[field], milestone[field])).map((field) => ({
    field,
    runtime: runtime[field],
    milestone: milestone[field],
  }))
}
