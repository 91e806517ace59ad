import { z } from 'zod'
import { Dependency, Variant } from './strategy.ts'
import { Environment, FlagKey, Instant } from './text.ts'

const problem = z.string().nullable().meta({ description: 'What is wrong with it, so that it matches nobody' })
const matched = z.boolean()

const Constraint = z.object({
  contextName: z.string(),
  operator: z.string(),
  values: z.array(z.string()),
  value: z.string().optional(),
  inverted: z.boolean(),
  caseInsensitive: z.boolean(),
  matched,
  actual: z.string().nullable().meta({ description: 'What the context has; null when it does not have it' }),
  problem,
})

const bucketed = {
  stickiness: z.string(),
  groupId: z.string(),
  value: z
    .string()
    .nullable()
    .meta({ description: 'What the bucket is made of; null when the context does not have it' }),
}

const Rollout = z.object({
  percentage: z.number(),
  ...bucketed,
  bucket: z.int().nullable().meta({ description: '1 to 100; in when it is at most the percentage' }),
  matched,
})

const Strategy = z.object({
  id: z.string(),
  name: z.string(),
  title: z.string().nullable(),
  disabled: z.boolean(),
  matched,
  constraints: z.array(Constraint),
  segments: z.array(z.object({ key: z.string(), matched, constraints: z.array(Constraint), problem })),
  rollout: Rollout.nullable(),
  problem,
})

/** What a flag is for a context, and everything that led to it. */
export const Explanation = z
  .object({
    flagKey: FlagKey,
    environment: Environment,
    configurationRevision: z.int().meta({ description: 'The configuration that it was evaluated by' }),
    at: Instant.nullable().meta({ description: 'The other instant that was asked about; null: now' }),
    certain: z.boolean().meta({ description: 'False of the future: what is pending may still be changed' }),
    revision: z.int().nullable().meta({ description: "Of the flag's last change; null of another instant" }),
    enabled: z.boolean(),
    reason: z.enum(['not-found', 'disabled', 'dependency', 'rollout', 'no-strategies', 'strategy', 'no-match']),
    variant: z.string().meta({ description: '`disabled` when the flag is off or has none' }),
    payload: Variant.shape.payload,
    strategyId: z.string().nullable().meta({ description: 'The strategy that matched' }),
    dependencies: z.array(
      Dependency.extend({
        matched,
        actual: z.object({ enabled: z.boolean(), variant: z.string() }).nullable(),
        problem: z.string().nullable().meta({ description: 'Why it was not asked' }),
      }),
    ),
    rollout: Rollout.nullable(),
    strategies: z.array(Strategy).meta({ description: 'In the order in which they are asked' }),
    choice: z
      .object({
        from: z.enum(['strategy', 'flag', 'override']),
        ...bucketed,
        bucket: z.int().nullable().meta({ description: '1 to the total weight; null when the variant was forced' }),
        totalWeight: z.int(),
      })
      .nullable(),
  })
  .meta({ id: 'Explanation' })
export type Explanation = z.infer<typeof Explanation>
