import { z } from 'zod'
import { Ulid } from './strategy.ts'
import { strict } from './strict.ts'
import { FlagKey, Instant, textUpTo } from './text.ts'

const Metric = textUpTo(200).min(1, 'must not be empty')
const number = z.number({ error: 'must be a number' })
const FRESH_RULE = 'must be an integer from 1 to 86400, in seconds'

export const NewSafeguard = strict({
  metric: Metric.meta({ example: 'checkout-error-rate' }),
  operator: z.enum(['>', '<'], { error: 'must be > or <' }),
  threshold: number,
  action: z.enum(['pause', 'rollback'], { error: 'must be pause or rollback' }),
  freshSeconds: z
    .int({ error: FRESH_RULE })
    .min(1, FRESH_RULE)
    .max(86_400, FRESH_RULE)
    .optional()
    .meta({ description: 'With it, no milestone starts by itself without a good value that is at most this old' }),
})
export type NewSafeguard = z.infer<typeof NewSafeguard>

/** A condition on a metric that stops a release plan, or takes it back by a milestone, when it comes true. */
export const Safeguard = z
  .object({
    id: Ulid,
    planId: Ulid,
    metric: z.string(),
    operator: z.enum(['>', '<']),
    threshold: z.number(),
    action: z.enum(['pause', 'rollback']),
    freshSeconds: z.int().nullable(),
    lastValue: z.number().nullable(),
    lastAt: Instant.nullable(),
    triggeredAt: Instant.nullable().meta({ description: 'It does so once, until somebody resumes or starts the plan' }),
    createdBy: z.string(),
    createdAt: Instant,
  })
  .meta({ id: 'Safeguard' })
export type Safeguard = z.infer<typeof Safeguard>

const MetricValue = strict({
  metric: Metric,
  value: number,
  flagKey: FlagKey.optional().meta({ description: 'Of this flag only; without it, of all flags of the environment' }),
})
export type MetricValue = z.infer<typeof MetricValue>

export const MetricValues = z
  .array(MetricValue, { error: 'must be a list of {metric, value, flagKey?}' })
  .min(1, 'must have at least one value')
  .max(1000, 'must be at most 1000 values')

export const MetricsAnswer = z
  .object({
    safeguards: z.int().meta({ description: 'How many safeguards heard of a value' }),
    triggered: z.array(
      z.object({
        safeguardId: Ulid,
        planId: Ulid,
        flagKey: FlagKey,
        metric: z.string(),
        value: z.number(),
        operator: z.enum(['>', '<']),
        threshold: z.number(),
        action: z.enum(['pause', 'rollback']),
        activeMilestoneId: Ulid.nullable().meta({ description: 'What users are served by now' }),
      }),
    ),
  })
  .meta({ id: 'MetricsAnswer' })
export type MetricsAnswer = z.infer<typeof MetricsAnswer>

/** Is the value on the wrong side? */
export function isBad({ operator, threshold }: Pick<Safeguard, 'operator' | 'threshold'>, value: number): boolean {
  return operator === '>' ? value > threshold : value < threshold
}
