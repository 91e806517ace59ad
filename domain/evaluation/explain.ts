import { prepareFlag } from './alone.ts'
import { meets, type PreparedConstraint, prepareConstraints } from './constraints.ts'
import { explainDependency } from './dependencies.ts'
import { evaluate } from './evaluate.ts'
import type {
  Configuration,
  ConstraintExplanation,
  EvaluationContext,
  Explanation,
  RolloutExplanation,
  StrategyExplanation,
} from './model.ts'
import { isInRollout, matches, type PreparedStrategy, placeInRollout, type Rollout } from './strategies.ts'
import { explainVariant } from './variants.ts'

/** The answer of `evaluate`, and why: everything is looked at, also what `evaluate` need not ask any more. Same parameters. */
export function explain(
  configuration: Configuration,
  flagKey: string,
  context: EvaluationContext,
  now: number,
  random: number = Math.random(),
): Explanation {
  const answer = evaluate(configuration, flagKey, context, now, random)
  const flag = configuration.flags.get(flagKey)
  if (!flag) {
    return { flagKey, ...answer, revision: null, dependencies: [], rollout: null, strategies: [], choice: null }
  }
  const { rollout, strategies, variants } = prepareFlag(flag)
  const matching = strategies.find(({ strategy }) => strategy.id === answer.strategyId)
  const chosenFrom = answer.enabled ? (matching?.ownVariants ?? variants) : undefined
  return {
    flagKey,
    ...answer,
    revision: flag.revision,
    dependencies: flag.dependencies.map((each) => explainDependency(each, configuration, context, now, random)),
    rollout: rollout && explainRollout(rollout, context, random),
    strategies: strategies.map((each) => explainStrategy(each, configuration.segments, context, now, random)),
    choice: chosenFrom ? explainVariant(chosenFrom, context, random) : null,
  }
}

function explainStrategy(
  prepared: PreparedStrategy,
  segments: Configuration['segments'],
  context: EvaluationContext,
  now: number,
  random: number,
): StrategyExplanation {
  const { id, name, title, disabled } = prepared.strategy
  const explainAll = (constraints: PreparedConstraint[]) =>
    constraints.map((constraint) => explainConstraint(constraint, context, now))
  return {
    id,
    name,
    title,
    disabled,
    matched: !disabled && matches(prepared, segments, context, now, random),
    constraints: explainAll(prepared.constraints),
    segments: prepared.strategy.segments.map((key) => {
      const segment = segments.get(key)
      if (!segment) return { key, matched: false, constraints: [], problem: 'there is no such segment' }
      const constraints = explainAll(prepareConstraints(segment))
      return { key, matched: constraints.every(({ matched }) => matched), constraints, problem: null }
    }),
    rollout: prepared.rollout && explainRollout(prepared.rollout, context, random),
    problem: prepared.problem,
  }
}

function explainConstraint(
  prepared: PreparedConstraint,
  context: EvaluationContext,
  now: number,
): ConstraintExplanation {
  const { constraint, problem } = prepared
  const actual = context.get(constraint.contextName) ?? null
  return { ...constraint, matched: meets(prepared, context, now), actual, problem }
}

function explainRollout(rollout: Rollout, context: EvaluationContext, random: number): RolloutExplanation {
  return { ...rollout, ...placeInRollout(rollout, context, random), matched: isInRollout(rollout, context, random) }
}
