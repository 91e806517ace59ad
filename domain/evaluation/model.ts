import type { Dependency, FlagVariant, Variant } from '../strategy.ts'

/**
 * What flags are evaluated by. Objects and lists of a configuration are never changed in place: what is parsed of them
 * (numbers, regular expressions, sets) is remembered by identity, so a change is a new object.
 */
export interface Configuration {
  /** The flags of one environment that are not archived, by key. */
  flags: ReadonlyMap<string, FlagConfiguration>
  /** The constraints of each of its segments, by key. */
  segments: ReadonlyMap<string, readonly ConstraintConfiguration[]>
}

export interface FlagConfiguration {
  key: string
  enabled: boolean
  /** 0 to 100: a gate in front of the strategies. */
  rolloutPercentage: number
  variants: readonly FlagVariant[]
  dependencies: readonly Dependency[]
  /** In the order in which they are asked; the first that matches decides. */
  strategies: readonly StrategyConfiguration[]
  revision: number
}

/** A strategy as it is stored, by any name: one that the product does not know matches nobody. */
export interface StrategyConfiguration {
  id: string
  name: string
  title: string | null
  parameters: Readonly<Record<string, string>>
  constraints: readonly ConstraintConfiguration[]
  variants: readonly Variant[]
  /** Keys of segments, all of which must match. */
  segments: readonly string[]
  disabled: boolean
}

/** A constraint with any operator: one that the product does not know matches nobody. */
export interface ConstraintConfiguration {
  contextName: string
  operator: string
  values: readonly string[]
  value?: string
  inverted: boolean
  caseInsensitive: boolean
}

/**
 * Who or what asks, by the names of its fields: `userId`, `sessionId`, `remoteAddress`, `environment`, `appName`, `hostname`,
 * `currentTime` and any others. Made by `contextOf` of what was sent. A Map, because a name may be `__proto__`.
 */
export type EvaluationContext = ReadonlyMap<string, string>

/**
 * Why a flag is on or off:
 * `not-found`, there is no such flag; `disabled`, it is switched off; `dependency`, one of its dependencies does not hold;
 * `rollout`, the context is outside its `rolloutPercentage`; `no-strategies`, it is on for everybody who comes so far;
 * `strategy`, a strategy matches; `no-match`, none does.
 */
export type Reason = 'not-found' | 'disabled' | 'dependency' | 'rollout' | 'no-strategies' | 'strategy' | 'no-match'

export interface Evaluation {
  enabled: boolean
  reason: Reason
  /** Name of the variant; `disabled` when the flag is off or has none. */
  variant: string
  payload: Variant['payload']
  /** The strategy that matched. */
  strategyId: string | null
}

/** The same answer with everything that led to it. */
export interface Explanation extends Evaluation {
  flagKey: string
  /** Of the flag's last change; null when there is no such flag. */
  revision: number | null
  dependencies: DependencyExplanation[]
  /** The flag's own percentage; null when it lets everybody pass. */
  rollout: RolloutExplanation | null
  /** All of them, in the order in which they are asked; the first that matches has decided. */
  strategies: StrategyExplanation[]
  /** How the variant was chosen; null when there was none to choose. */
  choice: VariantExplanation | null
}

export interface DependencyExplanation extends Dependency {
  matched: boolean
  /** What the other flag is in this context; null when it was not asked. */
  actual: { enabled: boolean; variant: string } | null
  /** Why it was not asked. */
  problem: string | null
}

export interface RolloutExplanation {
  /** 1 to `bucket` is in: matched when `bucket <= percentage`. */
  percentage: number
  stickiness: string
  groupId: string
  /** The text that `bucket` is made of; null when the context does not have it, or it is random. */
  value: string | null
  /** 1 to 100; null when the field that it is made of is missing. */
  bucket: number | null
  matched: boolean
}

export interface StrategyExplanation {
  id: string
  name: string
  title: string | null
  /** Disabled ones are not asked. */
  disabled: boolean
  matched: boolean
  /** Those that its name and parameters mean come first: `userWithId` is `userId IN [...]`. */
  constraints: ConstraintExplanation[]
  segments: { key: string; matched: boolean; constraints: ConstraintExplanation[]; problem: string | null }[]
  rollout: RolloutExplanation | null
  /** What is wrong with it, so that it matches nobody. */
  problem: string | null
}

export interface ConstraintExplanation extends ConstraintConfiguration {
  matched: boolean
  /** What the context has; null when it does not have it. */
  actual: string | null
  /** What is wrong with it, so that it matches nobody, inverted or not. */
  problem: string | null
}

export interface VariantExplanation {
  from: 'strategy' | 'flag' | 'override'
  stickiness: string
  groupId: string
  /** The text that `bucket` is made of; null when it is random. */
  value: string | null
  /** 1 to `totalWeight`; null when the variant was forced. */
  bucket: number | null
  totalWeight: number
}
