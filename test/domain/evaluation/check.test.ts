import { describe, expect, it } from 'vitest'
import { checkConstraint, checkStrategy, checkVariants } from '../../../domain/evaluation/check.ts'
import { Constraint, NewStrategy, OPERATORS, STRATEGY_NAMES, Variant } from '../../../domain/strategy.ts'

const constraintProblems = (given: object) => checkConstraint(Constraint.parse({ contextName: 'x', ...given }))
const strategyProblems = (given: object) => checkStrategy(NewStrategy.parse(given))

describe('a constraint', () => {
  it.each([
    { operator: 'IN', values: [] },
    { operator: 'NOT_IN', values: ['a', 'b'], caseInsensitive: true },
    { operator: 'STR_CONTAINS', values: [' a '], caseInsensitive: true },
    { operator: 'NUM_GT', value: '-1.5e3' },
    { operator: 'DATE_AFTER', value: '2026-03-01' },
    { operator: 'DATE_BEFORE', value: '2026-03-01T10:00:00.123456+01:00' },
    { operator: 'SEMVER_LTE', value: '2.0.0-rc.1+build.5' },
    { operator: 'REGEX', value: '^[[:alpha:]]+$', caseInsensitive: true },
    { operator: 'IN_CIDR', values: ['10.0.0.0/8', '::1', '2001:db8::/32'] },
  ])('is accepted: %j', (given) => {
    expect(constraintProblems(given)).toEqual([])
  })

  it.each([
    [
      { operator: 'IN', values: ['a', ' b', ''] },
      [
        ['values', 1],
        ['values', 2],
      ],
      'must be text without spaces around it',
    ],
    [{ operator: 'IN', value: 'a' }, [['value']], 'must be left out with IN, which takes values'],
    [{ operator: 'STR_CONTAINS', values: [] }, [['values']], 'must have at least one value'],
    [{ operator: 'STR_ENDS_WITH', values: [''] }, [['values', 0]], 'must not be empty'],
    [{ operator: 'NUM_EQ', value: '' }, [['value']], 'must be a decimal number'],
    [{ operator: 'NUM_EQ', value: '1e999' }, [['value']], 'must be a decimal number'],
    [{ operator: 'NUM_EQ', value: '0x10' }, [['value']], 'must be a decimal number'],
    [{ operator: 'NUM_EQ' }, [['value']], 'is needed with NUM_EQ: it must be a decimal number'],
    [{ operator: 'NUM_EQ', value: '1', values: ['2'] }, [['values']], 'must be left out with NUM_EQ'],
    [
      { operator: 'NUM_EQ', value: '1', caseInsensitive: true },
      [['caseInsensitive']],
      'it can be true with IN, NOT_IN, STR_CONTAINS',
    ],
    [{ operator: 'DATE_AFTER', value: '2026-02-30' }, [['value']], 'such as 2026-03-01T09:00:00Z'],
    [{ operator: 'DATE_AFTER', value: '2026-03-01T09:00:00' }, [['value']], 'with its zone'],
    [{ operator: 'SEMVER_EQ', value: 'v1.2.3' }, [['value']], 'without a v'],
    [{ operator: 'SEMVER_EQ', value: '1.2' }, [['value']], 'such as 1.2.3'],
    [{ operator: 'REGEX', value: '(?<=a)b' }, [['value']], 'no look-around'],
    [{ operator: 'REGEX', value: '(a)\\1' }, [['value']], 'no back-reference'],
    [{ operator: 'REGEX', value: '[ab]{999}[ab]{999}' }, [['value']], 'at most 1000 instructions'],
    [{ operator: 'REGEX', value: '(a{40}){40}' }, [['value']], 'repeat less'],
    [
      {
        operator: 'IN_CIDR',
        values: ['10.0.0.0/33', '010.0.0.1', '::/129', 'fe80::1%eth0', '1.2.3.4/8/8', '1.2.3.4/'],
      },
      [0, 1, 2, 3, 4, 5].map((i) => ['values', i]),
      'such as 10.0.0.0/8',
    ],
  ])('is refused: %j', (given, paths, message) => {
    const problems = constraintProblems(given)
    expect(problems.map(({ path }) => path)).toEqual(paths)
    for (const problem of problems) expect(problem.message).toContain(message)
  })

  it('may have every operator that a request may name', () => {
    const unknown = OPERATORS.filter((operator) =>
      constraintProblems({ operator }).some(({ path }) => path[0] === 'operator'),
    )
    expect(unknown).toEqual([])
  })
})

describe('a strategy', () => {
  it.each([
    { name: 'default' },
    { name: 'userWithId', parameters: { userIds: '1, 2' } },
    { name: 'remoteAddress', parameters: { IPs: '10.1.2.3, 10.0.0.0/8' } },
    { name: 'applicationHostname', parameters: { hostNames: 'web-1' } },
    { name: 'flexibleRollout', parameters: { rollout: 25 } },
    { name: 'flexibleRollout', parameters: { rollout: '0', stickiness: 'companyId', groupId: 'g' } },
    { name: 'gradualRolloutUserId', parameters: { percentage: '100', groupId: 'g' } },
    { name: 'gradualRolloutSessionId', parameters: { percentage: '50' } },
    { name: 'gradualRolloutRandom', parameters: { percentage: '50' } },
  ])('is accepted: %j', (given) => {
    expect(strategyProblems(given)).toEqual([])
  })

  it.each([
    [
      { name: 'default', parameters: { rollout: '5' } },
      ['parameters', 'rollout'],
      'is not a parameter of default, which has none',
    ],
    [
      { name: 'flexibleRollout' },
      ['parameters', 'rollout'],
      'is needed with flexibleRollout: it must be a whole number from 0 to 100',
    ],
    [
      { name: 'flexibleRollout', parameters: { rollout: '12.5' } },
      ['parameters', 'rollout'],
      'must be a whole number from 0 to 100',
    ],
    [
      { name: 'flexibleRollout', parameters: { rollout: '101' } },
      ['parameters', 'rollout'],
      'must be a whole number from 0 to 100',
    ],
    [
      { name: 'flexibleRollout', parameters: { rollout: '5', groupId: '' } },
      ['parameters', 'groupId'],
      'must be text that is not empty',
    ],
    [
      { name: 'flexibleRollout', parameters: { rollout: '5', percentage: '5' } },
      ['parameters', 'percentage'],
      'which has rollout, stickiness, groupId',
    ],
    [
      { name: 'gradualRolloutRandom', parameters: { percentage: '-1' } },
      ['parameters', 'percentage'],
      'must be a whole number',
    ],
    [
      { name: 'userWithId', parameters: { userIds: ' , ' } },
      ['parameters', 'userIds'],
      'must be ids separated by commas',
    ],
    [
      { name: 'remoteAddress', parameters: { IPs: '10.1.2.3, home' } },
      ['parameters', 'IPs'],
      'must be IP addresses or ranges',
    ],
    [
      {
        name: 'default',
        constraints: [
          { contextName: 'x', operator: 'IN' },
          { contextName: 'x', operator: 'NUM_EQ', value: 'y' },
        ],
      },
      ['constraints', 1, 'value'],
      'must be a decimal number',
    ],
    [{ name: 'default', variants: [{ name: 'disabled', weight: 1 }] }, ['variants', 0, 'name'], 'means no variant'],
    [{ name: 'default', variants: [{ name: 'a', weight: 0 }] }, ['variants'], 'must have a weight above 0'],
  ])('is refused: %j', (given, path, message) => {
    const problems = strategyProblems(given)
    expect(problems.map((problem) => problem.path)).toEqual([path])
    expect(problems[0]?.message).toContain(message)
  })

  it('of every name that a request may have has its parameters described', () => {
    for (const name of STRATEGY_NAMES) {
      expect(strategyProblems({ name, parameters: { nonsense: '1' } })[0]?.message).toContain(`of ${name}, which has`)
    }
  })
})

it('payloads are what they say they are', () => {
  const payload = (type: string, value: string) =>
    checkVariants([Variant.parse({ name: 'a', weight: 1, payload: { type, value } })]).map(({ path }) => path)
  expect([
    payload('json', '{"a": [1]}'),
    payload('number', '1.5'),
    payload('csv', 'a,b'),
    payload('string', ''),
  ]).toEqual([[], [], [], []])
  expect(payload('json', '{a: 1}')).toEqual([[0, 'payload', 'value']])
  expect(payload('number', 'one')).toEqual([[0, 'payload', 'value']])
})
