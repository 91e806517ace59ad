import type { Dependency } from '../strategy.ts'
import { evaluateAlone } from './alone.ts'
import type { Configuration, DependencyExplanation, EvaluationContext } from './model.ts'

/**
 * Whether another flag is what a dependency wants, in the context that the flag itself is asked in. A flag that there is not, or that
 * has dependencies of its own, holds for nobody: so there are no chains to follow, and no circles.
 */
export function holds(
  dependency: Dependency,
  { flags, segments }: Configuration,
  context: EvaluationContext,
  now: number,
  random: number,
): boolean {
  const parent = flags.get(dependency.flagKey)
  if (!parent || parent.dependencies.length > 0) return false
  const { enabled, variant } = evaluateAlone(parent, segments, context, now, random)
  if (!dependency.enabled) return !enabled
  return enabled && (dependency.variants.length === 0 || dependency.variants.includes(variant))
}

/** How `holds` answers. */
export function explainDependency(
  dependency: Dependency,
  configuration: Configuration,
  context: EvaluationContext,
  now: number,
  random: number,
): DependencyExplanation {
  const matched = holds(dependency, configuration, context, now, random)
  const parent = configuration.flags.get(dependency.flagKey)
  if (!parent) return { ...dependency, matched, actual: null, problem: 'there is no such flag' }
  if (parent.dependencies.length > 0) {
    return { ...dependency, matched, actual: null, problem: 'it has dependencies of its own' }
  }
  const { enabled, variant } = evaluateAlone(parent, configuration.segments, context, now, random)
  return { ...dependency, matched, actual: { enabled, variant }, problem: null }
}
