import { evaluateAlone, off } from './alone.ts'
import { holds } from './dependencies.ts'
import type { Configuration, Evaluation, EvaluationContext } from './model.ts'

/**
 * What a flag is for a context: on when it is enabled, its dependencies hold, the context is in its `rolloutPercentage`, and it has
 * no strategies or one of those that are not disabled matches. Never throws; what cannot be read matches nobody.
 *
 * @param now milliseconds since the epoch, for contexts without a `currentTime`
 * @param random 0 to 1, who it is that has no id. All that is random comes of it, so that the same input has the same
 *   answer; give the same one to several evaluations and they agree about the same visitor.
 */
export function evaluate(
  configuration: Configuration,
  flagKey: string,
  context: EvaluationContext,
  now: number,
  random: number = Math.random(),
): Evaluation {
  const flag = configuration.flags.get(flagKey)
  if (!flag) return off('not-found')
  if (!flag.enabled) return off('disabled')
  for (const dependency of flag.dependencies) {
    if (!holds(dependency, configuration, context, now, random)) return off('dependency')
  }
  return evaluateAlone(flag, configuration.segments, context, now, random)
}
