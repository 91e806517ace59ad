import { meetsAll, type PreparedConstraint, prepareConstraint, prepareConstraints } from './constraints.ts'
import { bucketOf, stickyText } from './hashing.ts'
import type { Configuration, ConstraintConfiguration, EvaluationContext, StrategyConfiguration } from './model.ts'
import { parsePercentage } from './values.ts'

/** Lets the share of `percentage` out of 100 pass. */
export interface Rollout {
  percentage: number
  stickiness: string
  groupId: string
}

/** A strategy, read: whatever its name, it is constraints, segments and perhaps a rollout, all of which must hold. */
export interface PreparedStrategy {
  strategy: StrategyConfiguration
  constraints: PreparedConstraint[]
  rollout: Rollout | null
  /** Why nobody matches it. */
  problem: string | null
}

/** The items of a parameter such as `1, 2,3`. */
export function itemsOf(parameter: string | undefined): string[] {
  return (parameter ?? '').split(',').flatMap((item) => item.trim() || [])
}

/** What each strategy's parameters mean. `groupId` and `stickiness` decide who belongs to the share. */
const MEANINGS = new Map<string, (strategy: StrategyConfiguration, flagKey: string) => Partial<PreparedStrategy>>([
  ['default', () => ({})],
  ['userWithId', ({ parameters }) => implied('userId', 'IN', parameters.userIds)],
  ['remoteAddress', ({ parameters }) => implied('remoteAddress', 'IN_CIDR', parameters.IPs)],
  ['applicationHostname', ({ parameters }) => implied('hostname', 'IN', parameters.hostNames, true)],
  [
    'flexibleRollout',
    ({ id, parameters: { rollout, stickiness, groupId } }, flagKey) =>
      share('rollout', rollout, stickiness || 'default', stickiness === 'random' ? id : groupId || flagKey),
  ],
  [
    'gradualRolloutUserId',
    ({ parameters: { percentage, groupId } }) => share('percentage', percentage, 'userId', groupId ?? ''),
  ],
  [
    'gradualRolloutSessionId',
    ({ parameters: { percentage, groupId } }) => share('percentage', percentage, 'sessionId', groupId ?? ''),
  ],
  // Each draws for itself, so two of them that let half pass each let three quarters pass.
  ['gradualRolloutRandom', ({ id, parameters: { percentage } }) => share('percentage', percentage, 'random', id)],
])

function implied(contextName: string, operator: string, parameter: string | undefined, caseInsensitive = false) {
  const constraint: ConstraintConfiguration = {
    contextName,
    operator,
    values: itemsOf(parameter),
    inverted: false,
    caseInsensitive,
  }
  return { constraints: [prepareConstraint(constraint)] }
}

function share(name: string, parameter: string | undefined, stickiness: string, groupId: string) {
  const percentage = parsePercentage(parameter ?? '')
  if (percentage === undefined) return { problem: `${name} must be a whole number from 0 to 100` }
  return { rollout: { percentage, stickiness, groupId } }
}

/** Everything of a strategy that does not depend on the context. */
export function prepareStrategy(strategy: StrategyConfiguration, flagKey: string): PreparedStrategy {
  const meaning = MEANINGS.get(strategy.name)?.(strategy, flagKey) ?? { problem: 'there is no strategy of this name' }
  const { constraints = [], rollout = null, problem = null } = meaning
  return { strategy, constraints: [...constraints, ...prepareConstraints(strategy.constraints)], rollout, problem }
}

const ROLLOUT_FIELDS = ['userId', 'sessionId']

/** Where a context is in a rollout: `bucket` is 1 to 100, or null when the field that it is made of is missing. */
export function placeInRollout(
  { stickiness, groupId }: Rollout,
  context: EvaluationContext,
  random: number,
): { value: string | null; bucket: number | null } {
  const value = stickyText(stickiness, ROLLOUT_FIELDS, context)
  if (value === undefined) return { value: null, bucket: null }
  return { value, bucket: bucketOf(value ?? String(random), groupId, 100, 0) }
}

/** Whether a context is in the share of a rollout. Whoever is in at 20 is in at 30. */
export function isInRollout(rollout: Rollout, context: EvaluationContext, random: number): boolean {
  const { bucket } = placeInRollout(rollout, context, random)
  return bucket !== null && bucket <= rollout.percentage
}

/** Whether a context matches a strategy: its constraints, its segments (one that there is not has nobody in it), its rollout. */
export function matches(
  { strategy, constraints, rollout, problem }: PreparedStrategy,
  segments: Configuration['segments'],
  context: EvaluationContext,
  now: number,
  random: number,
): boolean {
  if (problem !== null || !meetsAll(constraints, context, now)) return false
  for (const key of strategy.segments) {
    const segment = segments.get(key)
    if (!segment || !meetsAll(prepareConstraints(segment), context, now)) return false
  }
  return rollout === null || isInRollout(rollout, context, random)
}
