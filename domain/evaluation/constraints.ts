import { compare } from 'semver'
import type { ConstraintConfiguration, EvaluationContext } from './model.ts'
import { compilePattern, compileRanges, parseNumber, parseRange, parseTime, parseVersion } from './values.ts'

/** Whether a value of the context, or that there is none, meets a constraint; `now` in milliseconds since the epoch. */
type Test = (actual: string | undefined, now: number) => boolean

/** How to read one operator: all that evaluation and `checkConstraint` know of it. */
interface Operator {
  takes: 'value' | 'values'
  /** What each value must be; any other is refused by the check, and no part of an evaluation. */
  needs: string
  accepts: (value: string) => boolean
  mayIgnoreCase: boolean
  /** Whether it means something without any value. */
  mayBeEmpty: boolean
  /** `values`: those of the constraint that it accepts, one for operators that take a `value`. */
  compile: (values: string[], constraint: ConstraintConfiguration) => Test
}

const list = {
  takes: 'values',
  needs: 'must be text without spaces around it, and not empty',
  accepts: (value) => value !== '' && value === value.trim(),
  mayIgnoreCase: true,
  mayBeEmpty: true,
} as const satisfies Partial<Operator>

function inList(values: string[], { caseInsensitive }: ConstraintConfiguration): (actual: string) => boolean {
  const set = new Set(caseInsensitive ? values.map((value) => value.toLowerCase()) : values)
  return caseInsensitive ? (actual) => set.has(actual.toLowerCase()) : (actual) => set.has(actual)
}

function text(holds: (actual: string, value: string) => boolean): Operator {
  return {
    takes: 'values',
    needs: 'must not be empty, which every text has in it',
    accepts: (value) => value !== '',
    mayIgnoreCase: true,
    mayBeEmpty: false,
    compile: (given, { caseInsensitive }) => {
      const values = caseInsensitive ? given.map((value) => value.toLowerCase()) : given
      return (actual) => {
        if (actual === undefined) return false
        const folded = caseInsensitive ? actual.toLowerCase() : actual
        return values.some((value) => holds(folded, value))
      }
    },
  }
}

/** Operators that compare with one value, where both sides are read in the same way. */
function comparison<T>(
  needs: string,
  parse: (text: string) => T | undefined,
  holds: (actual: T, value: T) => boolean,
): Operator {
  return {
    takes: 'value',
    needs,
    accepts: (value) => parse(value) !== undefined,
    mayIgnoreCase: false,
    mayBeEmpty: false,
    compile: ([value = '']) => {
      const limit = parse(value) as T
      return (actual) => {
        const parsed = actual === undefined ? undefined : parse(actual)
        return parsed !== undefined && holds(parsed, limit)
      }
    },
  }
}

const number = (holds: (actual: number, value: number) => boolean) =>
  comparison('must be a decimal number such as 12 or -0.5', parseNumber, holds)

const version = (holds: (order: number) => boolean) =>
  comparison('must be a version such as 1.2.3 or 2.0.0-beta.1, without a v', parseVersion, (actual, value) =>
    holds(compare(actual, value)),
  )

function date(holds: (actual: number, value: number) => boolean): Operator {
  const needs = 'must be a date such as 2026-03-01, or an instant with its zone such as 2026-03-01T09:00:00Z'
  const operator = comparison(needs, parseTime, holds)
  return {
    ...operator,
    compile: ([value = ''], constraint) => {
      const test = operator.compile([value], constraint)
      if (constraint.contextName !== 'currentTime') return test
      const limit = parseTime(value) as number
      return (actual, now) => (actual === undefined ? holds(now, limit) : test(actual, now))
    },
  }
}

/** Every operator. A value that is missing from the context, or that cannot be read, meets none of them but `NOT_IN`. */
export const operators = new Map<string, Operator>([
  [
    'IN',
    {
      ...list,
      compile: (values, constraint) => {
        const has = inList(values, constraint)
        return (actual) => actual !== undefined && has(actual)
      },
    },
  ],
  [
    'NOT_IN',
    {
      ...list,
      compile: (values, constraint) => {
        const has = inList(values, constraint)
        return (actual) => actual === undefined || !has(actual)
      },
    },
  ],
  ['STR_CONTAINS', text((actual, value) => actual.includes(value))],
  ['STR_STARTS_WITH', text((actual, value) => actual.startsWith(value))],
  ['STR_ENDS_WITH', text((actual, value) => actual.endsWith(value))],
  ['NUM_EQ', number((actual, value) => actual === value)],
  ['NUM_GT', number((actual, value) => actual > value)],
  ['NUM_GTE', number((actual, value) => actual >= value)],
  ['NUM_LT', number((actual, value) => actual < value)],
  ['NUM_LTE', number((actual, value) => actual <= value)],
  ['DATE_AFTER', date((actual, value) => actual > value)],
  ['DATE_BEFORE', date((actual, value) => actual < value)],
  ['SEMVER_EQ', version((order) => order === 0)],
  ['SEMVER_GT', version((order) => order > 0)],
  ['SEMVER_GTE', version((order) => order >= 0)],
  ['SEMVER_LT', version((order) => order < 0)],
  ['SEMVER_LTE', version((order) => order <= 0)],
  [
    'REGEX',
    {
      takes: 'value',
      needs:
        'must be a regular expression of RE2 (no look-around, no back-reference) of at most 1000 instructions: repeat less',
      accepts: (value) => [true, false].every((fold) => compilePattern(value, fold) !== undefined),
      mayIgnoreCase: true,
      mayBeEmpty: false,
      compile: ([value = ''], { caseInsensitive }) => {
        const found = compilePattern(value, caseInsensitive)
        return (actual) => actual !== undefined && found?.(actual) === true
      },
    },
  ],
  [
    'IN_CIDR',
    {
      takes: 'values',
      needs: 'must be an IP address such as 10.1.2.3, or a range such as 10.0.0.0/8 or 2001:db8::/32',
      accepts: (value) => parseRange(value) !== undefined,
      mayIgnoreCase: false,
      mayBeEmpty: false,
      compile: (values) => {
        const has = compileRanges(values.flatMap((value) => parseRange(value) ?? []))
        return (actual) => actual !== undefined && has(actual)
      },
    },
  ],
])

export interface PreparedConstraint {
  constraint: ConstraintConfiguration
  /** None when something is wrong with the constraint: then nobody meets it, inverted or not. */
  test: Test | undefined
  problem: string | null
}

/** Everything of a constraint that does not depend on the context: parsed numbers and dates, sets, compiled patterns. */
export function prepareConstraint(constraint: ConstraintConfiguration): PreparedConstraint {
  const operator = operators.get(constraint.operator)
  if (!operator) return { constraint, test: undefined, problem: 'operator is not known' }
  const { takes, needs, accepts, mayBeEmpty } = operator
  const given = takes === 'values' ? constraint.values : constraint.value === undefined ? [] : [constraint.value]
  const values = given.filter(accepts)
  if (values.length > 0 || (mayBeEmpty && given.length === 0)) {
    return { constraint, test: operator.compile(values, constraint), problem: null }
  }
  return { constraint, test: undefined, problem: `${takes} ${needs}` }
}

const prepared = new WeakMap<readonly ConstraintConfiguration[], PreparedConstraint[]>()

/** The constraints of a list, prepared once for each list. */
export function prepareConstraints(constraints: readonly ConstraintConfiguration[]): PreparedConstraint[] {
  const known = prepared.get(constraints)
  if (known) return known
  const result = constraints.map(prepareConstraint)
  prepared.set(constraints, result)
  return result
}

/** Whether the context meets a constraint. */
export function meets({ constraint, test }: PreparedConstraint, context: EvaluationContext, now: number): boolean {
  return test !== undefined && test(context.get(constraint.contextName), now) !== constraint.inverted
}

/** Whether the context meets all of them; so does everybody when there are none. */
export function meetsAll(constraints: PreparedConstraint[], context: EvaluationContext, now: number): boolean {
  for (const constraint of constraints) if (!meets(constraint, context, now)) return false
  return true
}
