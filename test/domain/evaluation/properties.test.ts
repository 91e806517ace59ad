import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkConstraint } from '../../../domain/evaluation/check.ts'
import { prepareConstraint, meets as test } from '../../../domain/evaluation/constraints.ts'
import { contextOf } from '../../../domain/evaluation/context.ts'
import { evaluate } from '../../../domain/evaluation/evaluate.ts'
import { explain } from '../../../domain/evaluation/explain.ts'
import type { Explanation, Reason } from '../../../domain/evaluation/model.ts'
import type { Constraint } from '../../../domain/strategy.ts'
import { anyConstraint, sent, someConfiguration } from './arbitraries.ts'
import { ask, configuration, flag, NOW, rollout, variant } from './configurations.ts'

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const percentage = fc.integer({ min: 0, max: 100 })
const stickiness = fc.constantFrom('default', 'random', 'userId', 'country')
const runs = { numRuns: 2000 }

describe('an evaluation', () => {
  it('never throws, and its explanation has the same answer', () => {
    fc.assert(
      fc.property(someConfiguration, sent, random, (configured, from, chance) => {
        const context = contextOf(from)
        const answer = evaluate(configured, 'checkout', context, NOW, chance)
        expect(explain(configured, 'checkout', context, NOW, chance)).toMatchObject(answer)
      }),
      runs,
    )
  })

  it('follows from what its explanation says of each part', () => {
    fc.assert(
      fc.property(someConfiguration, sent, random, (configured, from, chance) => {
        const explanation = explain(configured, 'checkout', contextOf(from), NOW, chance)
        const isOff = configured.flags.get('checkout')?.enabled === false
        expect(explanation.reason).toBe(isOff ? 'disabled' : reasonOf(explanation))
        for (const each of explanation.strategies) {
          const { constraints, segments, rollout, disabled, problem } = each
          const parts = [...constraints, ...segments, ...(rollout ? [rollout] : [])]
          expect(each.matched).toBe(!disabled && problem === null && parts.every(({ matched }) => matched))
        }
        const first = explanation.strategies.find(({ matched }) => matched)?.id
        expect(explanation.strategyId).toBe(explanation.reason === 'strategy' ? first : null)
      }),
      runs,
    )
  })

  it('is the same for the same input, whether or not it was asked before', () => {
    fc.assert(
      fc.property(someConfiguration, sent, random, (configured, from, chance) => {
        const first = evaluate(configured, 'checkout', contextOf(from), NOW, chance)
        expect(evaluate(configured, 'checkout', contextOf(from), NOW, chance)).toEqual(first)
        expect(evaluate(structuredClone(configured), 'checkout', contextOf(from), NOW, chance)).toEqual(first)
      }),
      { numRuns: 500 },
    )
  })

  it('takes any JSON for a context', () => {
    const configured = configuration([flag({ rolloutPercentage: 50, variants: [variant('a', 1), variant('b', 1)] })])
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { maxKeys: 20 }), (from) => {
        expect(['rollout', 'no-strategies']).toContain(evaluate(configured, 'checkout', contextOf(from), NOW).reason)
      }),
    )
    const huge = { userId: '😀'.repeat(1_000_000), properties: { ['\0'.repeat(100_000)]: '\ud800' } }
    expect(() => evaluate(configured, 'checkout', contextOf(huge), NOW)).not.toThrow()
  })
})

function reasonOf({ dependencies, rollout, strategies }: Explanation): Reason {
  if (dependencies.some(({ matched }) => !matched)) return 'dependency'
  if (rollout?.matched === false) return 'rollout'
  if (strategies.length === 0) return 'no-strategies'
  return strategies.some(({ matched }) => matched) ? 'strategy' : 'no-match'
}

describe('a rollout', () => {
  it('that is raised takes nobody out, and lets everybody in at 100 and nobody at 0', () => {
    fc.assert(
      fc.property(
        percentage,
        percentage,
        stickiness,
        fc.string(),
        sent,
        random,
        (a, b, sticky, groupId, from, chance) => {
          const is = (percentage: number) =>
            ask({ strategies: [rollout(percentage, { stickiness: sticky, groupId })] }, from, chance).enabled
          const [low, high] = a < b ? [a, b] : [b, a]
          if (is(low)) expect(is(high)).toBe(true)
          expect(is(0)).toBe(false)
          expect(is(100)).toBe(sticky === 'default' || sticky === 'random' || Boolean(contextOf(from).get(sticky)))
        },
      ),
      runs,
    )
  })

  it('of the flag itself is as monotonic', () => {
    fc.assert(
      fc.property(percentage, percentage, sent, random, (a, b, from, chance) => {
        const is = (rolloutPercentage: number) => ask({ rolloutPercentage }, from, chance).enabled
        if (is(Math.min(a, b))) expect(is(Math.max(a, b))).toBe(true)
        expect([is(0), is(100)]).toEqual([false, true])
      }),
      runs,
    )
  })
})

describe('shares of 100,000 users', () => {
  const contexts = Array.from({ length: 100_000 }, (_, i) => contextOf({ userId: `user-${i}` }))
  /** Four standard deviations: one in 16,000 fair samples is further away. */
  const isFair = (count: number, share: number, of = contexts.length) =>
    Math.abs(count - of * share) <= 4 * Math.sqrt(of * share * (1 - share))
  const answersOf = (given: Parameters<typeof flag>[0]) => {
    const configured = configuration([flag(given)])
    return contexts.map((context) => evaluate(configured, 'checkout', context, NOW, 0))
  }

  it.each([1, 10, 50, 99])('that a rollout of %i lets pass', (share) => {
    const passed = answersOf({ strategies: [rollout(share)] }).filter(({ enabled }) => enabled).length
    expect(isFair(passed, share / 100)).toBe(true)
  })

  it.each([
    ['everybody', 100],
    ['a tenth of them', 10],
  ])('that variants get of %s are their weights out of the sum', (_, share) => {
    const weights = { c: 1, a: 2, b: 997, d: 500 }
    const variants = Object.entries(weights).map(([name, weight]) => variant(name, weight))
    const passed = answersOf({ variants, rolloutPercentage: share }).filter(({ enabled }) => enabled)
    for (const [name, weight] of Object.entries(weights)) {
      const count = passed.filter(({ variant }) => variant === name).length
      expect([name, count, isFair(count, weight / 1500, passed.length)]).toEqual([name, count, true])
    }
  })
})

describe('a constraint', () => {
  const meets = (constraint: Constraint, from: Record<string, unknown>) =>
    test(prepareConstraint(constraint), contextOf(from), NOW)

  it('that the check accepts is turned round by inverted', () => {
    fc.assert(
      fc.property(anyConstraint, sent, (constraint, from) => {
        fc.pre(checkConstraint(constraint).length === 0)
        expect(meets({ ...constraint, inverted: true }, from)).toBe(!meets({ ...constraint, inverted: false }, from))
      }),
      runs,
    )
  })

  it('that the check accepts uses each of its values', () => {
    fc.assert(
      fc.property(anyConstraint, (given) => {
        fc.pre(checkConstraint(given).length === 0)
        const constraint = { ...given, inverted: false }
        const { operator, contextName, values, value } = constraint
        expect(prepareConstraint(constraint).problem).toBe(null)
        for (const each of [...values, value ?? []].flat()) {
          const from = JSON.parse(JSON.stringify({ [contextName]: each.split('/')[0] }))
          if (contextName === '__proto__')
            Object.defineProperty(from, contextName, { value: each.split('/')[0], enumerable: true })
          const isStrict = [
            'NOT_IN',
            'NUM_GT',
            'NUM_LT',
            'DATE_AFTER',
            'DATE_BEFORE',
            'SEMVER_GT',
            'SEMVER_LT',
          ].includes(operator)
          if (operator !== 'REGEX' && (operator === 'IN_CIDR' || !each.includes('/'))) {
            expect(meets(constraint, from)).toBe(!isStrict)
          }
        }
      }),
      runs,
    )
  })

  it('means the same without the parts that the check refuses, or nothing at all', () => {
    fc.assert(
      fc.property(anyConstraint, sent, (constraint, from) => {
        const refused = checkConstraint(constraint).map(({ path }) => path.join('.'))
        const left: Constraint = {
          ...constraint,
          values: refused.includes('values')
            ? []
            : constraint.values.filter((_, i) => !refused.includes(`values.${i}`)),
          value: refused.includes('value') ? undefined : constraint.value,
          caseInsensitive: constraint.caseInsensitive && !refused.includes('caseInsensitive'),
        }
        const { problem } = prepareConstraint(constraint)
        if (problem === null) expect(meets(constraint, from)).toBe(meets(left, from))
        else expect([refused.length > 0, meets(constraint, from)]).toEqual([true, false])
      }),
      runs,
    )
  })
})
