import { contextOf } from '../../../domain/evaluation/context.ts'
import { evaluate } from '../../../domain/evaluation/evaluate.ts'
import type {
  Configuration,
  ConstraintConfiguration,
  FlagConfiguration,
  StrategyConfiguration,
} from '../../../domain/evaluation/model.ts'
import type { FlagVariant } from '../../../domain/strategy.ts'

export const NOW = Date.parse('2026-03-01T09:00:00Z')

export function constraint(given: Partial<ConstraintConfiguration>): ConstraintConfiguration {
  return { contextName: 'userId', operator: 'IN', values: [], inverted: false, caseInsensitive: false, ...given }
}

export function strategy(given: Partial<StrategyConfiguration> = {}): StrategyConfiguration {
  return {
    id: '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D',
    name: 'default',
    title: null,
    parameters: {},
    constraints: [],
    variants: [],
    segments: [],
    disabled: false,
    ...given,
  }
}

export function rollout(percentage: number, parameters: Record<string, string> = {}): StrategyConfiguration {
  return strategy({ name: 'flexibleRollout', parameters: { rollout: String(percentage), ...parameters } })
}

export function variant(name: string, weight: number, given: Partial<FlagVariant> = {}): FlagVariant {
  return { name, weight, stickiness: 'default', overrides: [], ...given }
}

export function flag(given: Partial<FlagConfiguration> = {}): FlagConfiguration {
  return {
    key: 'checkout',
    enabled: true,
    rolloutPercentage: 100,
    variants: [],
    dependencies: [],
    strategies: [],
    revision: 7,
    ...given,
  }
}

export function configuration(
  flags: FlagConfiguration[],
  segments: Record<string, ConstraintConfiguration[]> = {},
): Configuration {
  return { flags: new Map(flags.map((each) => [each.key, each])), segments: new Map(Object.entries(segments)) }
}

/** What the flag `checkout` is for someone. */
export function ask(given: Partial<FlagConfiguration>, context: Record<string, unknown> = {}, random?: number) {
  return evaluate(configuration([flag(given)]), 'checkout', contextOf(context), NOW, random)
}

/** Whether someone meets one constraint. */
export function meets(given: Partial<ConstraintConfiguration>, context: Record<string, unknown> = {}): boolean {
  return ask({ strategies: [strategy({ constraints: [constraint(given)] })] }, context).enabled
}
