import { describe, expect, it } from 'vitest'
import { contextOf } from '../../../domain/evaluation/context.ts'
import { meets } from './configurations.ts'

describe('a constraint', () => {
  it.each([
    [{ values: ['a', 'b'] }, { userId: 'b' }, true],
    [{ values: ['a', 'b'] }, { userId: 'B' }, false],
    [{ values: ['A', 'b'], caseInsensitive: true }, { userId: 'a' }, true],
    [{ operator: 'NOT_IN', values: ['A'], caseInsensitive: true }, { userId: 'a' }, false],
    [{ values: ['true'], contextName: 'beta' }, { beta: true }, true],
    [{ values: ['7'], contextName: 'level' }, { properties: { level: 7 } }, true],
    [{ values: ['a'], contextName: 'x' }, { x: 'a', properties: { x: 'b' } }, true],
    [{ values: ['a'], contextName: 'roles' }, { roles: ['a'] }, false],
    [{ values: ['a'], contextName: '__proto__' }, JSON.parse('{"__proto__": "a"}'), true],
    [{ values: ['a'], contextName: 'constructor' }, {}, false],
    [{ operator: 'NUM_EQ', value: '0', contextName: 'n' }, { n: '' }, false],
    [{ operator: 'NUM_EQ', value: '16', contextName: 'n' }, { n: '0x10' }, false],
    [{ operator: 'NUM_LT', value: '1', contextName: 'n' }, { n: '-Infinity' }, false],
    [{ operator: 'NUM_LT', value: '1', contextName: 'n', inverted: true }, { n: 'many' }, true],
    [{ operator: 'NUM_LT', value: 'many', contextName: 'n', inverted: true }, { n: '1' }, false],
    [{ operator: 'NUM_LT', contextName: 'n', inverted: true }, { n: '1' }, false],
    [{ operator: 'DATE_AFTER', value: '2026-02-28', contextName: 'currentTime' }, {}, true],
    [{ operator: 'DATE_AFTER', value: '2026-03-02', contextName: 'currentTime' }, {}, false],
    [
      { operator: 'DATE_AFTER', value: '2026-03-02', contextName: 'currentTime' },
      { currentTime: '2026-03-03T00:00:00.123456+01:00' },
      true,
    ],
    [{ operator: 'DATE_AFTER', value: '2020-01-01', contextName: 'currentTime' }, { currentTime: 'later' }, false],
    [{ operator: 'DATE_BEFORE', value: '2026-01-01', contextName: 'signedUpAt' }, { signedUpAt: '2025-12-31' }, true],
    [{ operator: 'DATE_BEFORE', value: '2030-01-01', contextName: 'signedUpAt' }, {}, false],
    [{ operator: 'SEMVER_GT', value: '1.2.3-beta.2', contextName: 'v' }, { v: '1.2.3-beta.11' }, true],
    [{ operator: 'SEMVER_EQ', value: 'v1.2.3', contextName: 'v', inverted: true }, { v: '1.2.4' }, false],
    [{ operator: 'REGEX', value: 'b.d' }, { userId: 'abcde' }, true],
    [{ operator: 'REGEX', value: '(?=a)b', inverted: true }, { userId: 'x' }, false],
    [{ operator: 'REGEX', value: 'ZOË', caseInsensitive: true }, { userId: 'zoë' }, true],
    [
      { operator: 'IN_CIDR', values: ['10.0.0.0/8'], contextName: 'remoteAddress' },
      { remoteAddress: '::ffff:10.9.8.7' },
      true,
    ],
    [{ operator: 'IN_CIDR', values: ['0.0.0.0/0'], contextName: 'remoteAddress' }, { remoteAddress: '::1' }, false],
    [
      { operator: 'IN_CIDR', values: ['fe80::/10'], contextName: 'remoteAddress' },
      { remoteAddress: 'fe80::1%eth0' },
      true,
    ],
    [
      { operator: 'IN_CIDR', values: ['nonsense'], contextName: 'remoteAddress', inverted: true },
      { remoteAddress: '::1' },
      false,
    ],
    [{ operator: 'LIKE', values: ['a'], inverted: true }, { userId: 'a' }, false],
  ])('%j in %j: %s', (given, context, expected) => {
    expect(meets(given, context)).toBe(expected)
  })

  it('takes a hostile text and a hostile pattern in linear time', () => {
    const text = `${'a'.repeat(100_000)}!`
    expect(meets({ operator: 'REGEX', value: '(a+)+$' }, { userId: text })).toBe(false)
    expect(meets({ operator: 'REGEX', value: '(a+)+!$' }, { userId: text })).toBe(true)
    expect(meets({ operator: 'NUM_EQ', value: '1' }, { userId: `${'1'.repeat(1_000_000)}x` })).toBe(false)
    // Five hundred instructions for each character: beyond 10,000 of them it is not looked for.
    const costly = { operator: 'REGEX', value: '[ab]*a[ab]{450}$' }
    expect(meets(costly, { userId: 'a'.repeat(10_000) })).toBe(true)
    expect(meets(costly, { userId: 'a'.repeat(100_000) })).toBe(false)
    expect(meets({ operator: 'REGEX', value: `(${'.'.repeat(100)}){999}` }, { userId: text })).toBe(false)
  })
})

describe('a context', () => {
  it('has the targetingKey of OpenFeature as its userId, unless it has one', () => {
    const all = (sent: Record<string, unknown>) => Object.fromEntries(contextOf(sent))
    expect(all({ targetingKey: 'a' })).toEqual({ targetingKey: 'a', userId: 'a' })
    expect(all({ targetingKey: 'a', userId: 'b' })).toEqual({ targetingKey: 'a', userId: 'b' })
    expect(all({ targetingKey: 'a', properties: { userId: 'b' } })).toEqual({ targetingKey: 'a', userId: 'b' })
    expect(all({ targetingKey: 'a', userId: '' })).toEqual({ targetingKey: 'a', userId: 'a' })
    expect(all({ targetingKey: null, properties: null })).toEqual({})
  })
})
