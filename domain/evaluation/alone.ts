import type { Configuration, Evaluation, EvaluationContext, FlagConfiguration, Reason } from './model.ts'
import { isInRollout, matches, type PreparedStrategy, prepareStrategy, type Rollout } from './strategies.ts'
import { type PreparedVariants, pickVariant, prepareVariants } from './variants.ts'

/** A flag, read: everything of it that does not depend on the context. */
interface PreparedFlag {
  /** Null when everybody passes. */
  rollout: Rollout | null
  strategies: (PreparedStrategy & { ownVariants: PreparedVariants | undefined })[]
  variants: PreparedVariants | undefined
}

const prepared = new WeakMap<FlagConfiguration, PreparedFlag>()

/** The flag, prepared once for each object. */
export function prepareFlag(flag: FlagConfiguration): PreparedFlag {
  const known = prepared.get(flag)
  if (known) return known
  const result = prepare(flag)
  prepared.set(flag, result)
  return result
}

function prepare(flag: FlagConfiguration): PreparedFlag {
  const { key, rolloutPercentage: percentage } = flag
  return {
    rollout: percentage === 100 ? null : { percentage, stickiness: 'default', groupId: key },
    strategies: flag.strategies.map((strategy) => {
      const { groupId, stickiness } = strategy.parameters
      return {
        ...prepareStrategy(strategy, key),
        ownVariants: prepareVariants(strategy.variants, 'strategy', groupId || key, stickiness || 'default'),
      }
    }),
    variants: prepareVariants(flag.variants, 'flag', key, 'default'),
  }
}

/** The answer of a flag as if it had no dependencies. */
export function evaluateAlone(
  flag: FlagConfiguration,
  segments: Configuration['segments'],
  context: EvaluationContext,
  now: number,
  random: number,
): Evaluation {
  if (!flag.enabled) return off('disabled')
  const { rollout, strategies, variants } = prepareFlag(flag)
  if (rollout && !isInRollout(rollout, context, random)) return off('rollout')
  if (strategies.length === 0) return on('no-strategies', null, variants, context, random)
  for (const strategy of strategies) {
    const { id, disabled } = strategy.strategy
    if (!disabled && matches(strategy, segments, context, now, random)) {
      return on('strategy', id, strategy.ownVariants ?? variants, context, random)
    }
  }
  return off('no-match')
}

export function off(reason: Reason): Evaluation {
  return { enabled: false, reason, variant: 'disabled', payload: undefined, strategyId: null }
}

function on(
  reason: Reason,
  strategyId: string | null,
  variants: PreparedVariants | undefined,
  context: EvaluationContext,
  random: number,
): Evaluation {
  const variant = variants && pickVariant(variants, context, random)
  return { enabled: true, reason, variant: variant?.name ?? 'disabled', payload: variant?.payload, strategyId }
}
