import { isJson } from '../json.ts'
import type { Constraint, StrategyContent, Variant } from '../strategy.ts'
import { operators } from './constraints.ts'
import { itemsOf } from './strategies.ts'
import { parseNumber, parsePercentage, parseRange } from './values.ts'

/** Something that evaluation could not use, and what it could. */
interface Refusal {
  /** Within what was checked: `['constraints', 0, 'value']`. */
  path: (string | number)[]
  message: string
}

const ignoringCase = [...operators].filter(([, { mayIgnoreCase }]) => mayIgnoreCase).map(([name]) => name)

/** What is wrong with a constraint; nothing when evaluation uses all of it. */
export function checkConstraint({ operator: name, values, value, caseInsensitive }: Constraint): Refusal[] {
  const operator = operators.get(name)
  if (!operator) return [{ path: ['operator'], message: `must be one of ${[...operators.keys()].join(', ')}` }]
  const { takes, needs, accepts, mayBeEmpty } = operator
  const refusals: Refusal[] = []
  const refuse = (path: Refusal['path'], message: string) => refusals.push({ path, message })
  if (takes === 'value') {
    if (value === undefined) refuse(['value'], `is needed with ${name}: it ${needs}`)
    else if (!accepts(value)) refuse(['value'], needs)
    if (values.length > 0) refuse(['values'], `must be left out with ${name}, which takes a value`)
  } else {
    for (const [i, each] of values.entries()) if (!accepts(each)) refuse(['values', i], needs)
    if (values.length === 0 && !mayBeEmpty)
      refuse(['values'], `must have at least one value with ${name}; each ${needs}`)
    if (value !== undefined) refuse(['value'], `must be left out with ${name}, which takes values`)
  }
  if (caseInsensitive && !operator.mayIgnoreCase) {
    refuse(['caseInsensitive'], `must be false with ${name}; it can be true with ${ignoringCase.join(', ')}`)
  }
  return refusals
}

/** What is wrong with a strategy; nothing when evaluation uses all of it. Whether its segments exist is for others to say. */
export function checkStrategy(
  strategy: Pick<StrategyContent, 'name' | 'parameters' | 'constraints' | 'variants'>,
): Refusal[] {
  return [
    ...within('parameters', checkParameters(strategy)),
    ...strategy.constraints.flatMap((constraint, i) => within('constraints', within(i, checkConstraint(constraint)))),
    ...within('variants', checkVariants(strategy.variants)),
  ]
}

/** What is wrong with the variants of a flag or of a strategy. */
export function checkVariants(variants: readonly Variant[]): Refusal[] {
  const refusals = variants.flatMap(({ name, payload }, i): Refusal[] => {
    if (name === 'disabled') return [{ path: [i, 'name'], message: 'must not be disabled, which means no variant' }]
    if (payload?.type === 'number' && parseNumber(payload.value) === undefined) {
      return [{ path: [i, 'payload', 'value'], message: 'must be a decimal number such as 12 or -0.5' }]
    }
    if (payload?.type === 'json' && !isJson(payload.value)) {
      return [{ path: [i, 'payload', 'value'], message: 'must be JSON' }]
    }
    return []
  })
  if (variants.length > 0 && variants.every(({ weight }) => weight === 0)) {
    refusals.push({ path: [], message: 'must have a weight above 0 in at least one variant' })
  }
  return refusals
}

interface Parameter {
  needs: string
  accepts: (value: string) => boolean
  optional?: true
}

const percentage: Parameter = {
  needs: 'must be a whole number from 0 to 100',
  accepts: (value) => parsePercentage(value) !== undefined,
}
const notEmpty = (needs: string): Parameter => ({ needs, accepts: (value) => value !== '', optional: true })
const groupId = notEmpty('must be text that is not empty, such as checkout')
const stickiness = notEmpty('must be default, random or the name of a field of the context, such as companyId')
const items = (needs: string, accepts: (item: string) => boolean = () => true): Parameter => ({
  needs,
  accepts: (value) => itemsOf(value).length > 0 && itemsOf(value).every(accepts),
})

const PARAMETERS: Record<StrategyContent['name'], Record<string, Parameter>> = {
  default: {},
  userWithId: { userIds: items('must be ids separated by commas, such as 17, 23') },
  remoteAddress: {
    IPs: items(
      'must be IP addresses or ranges separated by commas, such as 10.1.2.3, 10.2.0.0/16, 2001:db8::/32',
      (item) => parseRange(item) !== undefined,
    ),
  },
  applicationHostname: { hostNames: items('must be host names separated by commas, such as web-1, web-2') },
  flexibleRollout: { rollout: percentage, stickiness, groupId },
  gradualRolloutUserId: { percentage, groupId },
  gradualRolloutSessionId: { percentage, groupId },
  gradualRolloutRandom: { percentage },
}

function checkParameters({ name, parameters }: Pick<StrategyContent, 'name' | 'parameters'>): Refusal[] {
  const known = new Map(Object.entries(PARAMETERS[name]))
  const names = [...known.keys()].join(', ') || 'none'
  const refusals: Refusal[] = []
  for (const [key, value] of Object.entries(parameters)) {
    const parameter = known.get(key)
    if (!parameter) refusals.push({ path: [key], message: `is not a parameter of ${name}, which has ${names}` })
    else if (!parameter.accepts(value)) refusals.push({ path: [key], message: parameter.needs })
  }
  for (const [key, { needs, optional }] of known) {
    if (!optional && !Object.hasOwn(parameters, key)) {
      refusals.push({ path: [key], message: `is needed with ${name}: it ${needs}` })
    }
  }
  return refusals
}

function within(step: string | number, refusals: Refusal[]): Refusal[] {
  return refusals.map(({ path, message }) => ({ path: [step, ...path], message }))
}
