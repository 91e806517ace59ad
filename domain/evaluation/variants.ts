import type { FlagVariant, Variant } from '../strategy.ts'
import { bucketOf, stickyText } from './hashing.ts'
import type { EvaluationContext, VariantExplanation } from './model.ts'

// Another one than that of rollouts: those whom a rollout lets pass are spread over all variants.
const SEED = 86_028_157
const FIELDS = ['userId', 'sessionId', 'remoteAddress']

/** Variants, read. The share of each is its weight out of the sum of all; the stickiness is that of the first. */
export interface PreparedVariants {
  from: 'strategy' | 'flag'
  groupId: string
  stickiness: string
  /** With the last bucket of each, in the order in which they were given. */
  shares: { variant: Variant; last: number }[]
  totalWeight: number
  /** Values of fields of the context that get a variant whatever their bucket; the first one wins. */
  forced: { variant: Variant; contextName: string; values: Set<string> }[]
}

/**
 * The variants of a flag or of a strategy; undefined when there are none.
 *
 * @param defaultStickiness what `default` stands for: variants of a strategy are as sticky as the strategy itself
 */
export function prepareVariants(
  variants: readonly (Variant & Partial<Pick<FlagVariant, 'overrides'>>)[],
  from: 'strategy' | 'flag',
  groupId: string,
  defaultStickiness: string,
): PreparedVariants | undefined {
  const [first] = variants
  if (!first) return undefined
  let totalWeight = 0
  const shares = variants.map((variant) => {
    totalWeight += variant.weight
    return { variant, last: totalWeight }
  })
  const forced = variants.flatMap((variant) =>
    (variant.overrides ?? []).map(({ contextName, values }) => ({ variant, contextName, values: new Set(values) })),
  )
  const stickiness = first.stickiness === 'default' ? defaultStickiness : first.stickiness
  return { from, groupId, stickiness, shares, totalWeight, forced }
}

/** The variant that a context gets; undefined when all weigh nothing. */
export function pickVariant(
  variants: PreparedVariants,
  context: EvaluationContext,
  random: number,
): Variant | undefined {
  const forced = findForced(variants, context)
  if (forced) return forced
  const { shares, totalWeight } = variants
  if (totalWeight === 0) return undefined
  if (shares.length === 1) return shares[0]?.variant
  const { bucket } = placeInVariants(variants, context, random)
  return shares.find(({ last }) => last >= bucket)?.variant
}

/** How `pickVariant` chooses. */
export function explainVariant(
  variants: PreparedVariants,
  context: EvaluationContext,
  random: number,
): VariantExplanation {
  const { from, stickiness, groupId, totalWeight } = variants
  if (findForced(variants, context)) {
    return { from: 'override', stickiness, groupId, value: null, bucket: null, totalWeight }
  }
  const { value, bucket } = placeInVariants(variants, context, random)
  return { from, stickiness, groupId, value, bucket: totalWeight === 0 ? null : bucket, totalWeight }
}

function findForced({ forced }: PreparedVariants, context: EvaluationContext): Variant | undefined {
  for (const { variant, contextName, values } of forced) {
    const value = context.get(contextName)
    if (value !== undefined && values.has(value)) return variant
  }
  return undefined
}

/** Unlike in a rollout, whoever lacks the field gets a random variant: the flag is on for them. */
function placeInVariants(
  { stickiness, groupId, totalWeight }: PreparedVariants,
  context: EvaluationContext,
  random: number,
): { value: string | null; bucket: number } {
  const value = stickyText(stickiness, FIELDS, context) ?? null
  return { value, bucket: bucketOf(value ?? String(random), groupId, totalWeight, SEED) }
}
