import { expect, it } from 'vitest'
import { contextOf } from '../../../domain/evaluation/context.ts'
import { explain } from '../../../domain/evaluation/explain.ts'
import type { FlagConfiguration } from '../../../domain/evaluation/model.ts'
import { configuration, constraint, flag, NOW, rollout, strategy, variant } from './configurations.ts'

const why = (given: Partial<FlagConfiguration>, context: Record<string, unknown>, others: FlagConfiguration[] = []) =>
  explain(
    configuration([flag(given), ...others], { beta: [constraint({ operator: 'STR_ENDS_WITH', values: ['@x.io'] })] }),
    'checkout',
    contextOf(context),
    NOW,
    0.5,
  )

it('says which strategy, which constraint, and what the context had', () => {
  const country = constraint({ contextName: 'country', values: ['no', 'se'] })
  const given = {
    rolloutPercentage: 90,
    strategies: [
      { ...strategy({ id: 'a', title: 'Nordics', constraints: [country] }), disabled: true },
      strategy({ id: 'b', title: 'Nordics', constraints: [country], segments: ['beta', 'gone'] }),
      { ...rollout(60), id: 'c', variants: [variant('blue', 1), variant('red', 1)] },
      strategy({ id: 'd', name: 'userWithId', parameters: { userIds: '1,2' } }),
    ],
  }
  expect(why(given, { userId: '123', country: 'dk' })).toEqual({
    flagKey: 'checkout',
    revision: 7,
    enabled: true,
    reason: 'strategy',
    strategyId: 'c',
    variant: 'blue',
    payload: undefined,
    dependencies: [],
    rollout: { percentage: 90, stickiness: 'default', groupId: 'checkout', value: '123', bucket: 56, matched: true },
    strategies: [
      {
        id: 'a',
        name: 'default',
        title: 'Nordics',
        disabled: true,
        matched: false,
        constraints: [{ ...country, matched: false, actual: 'dk', problem: null }],
        segments: [],
        rollout: null,
        problem: null,
      },
      {
        id: 'b',
        name: 'default',
        title: 'Nordics',
        disabled: false,
        matched: false,
        constraints: [{ ...country, matched: false, actual: 'dk', problem: null }],
        segments: [
          {
            key: 'beta',
            matched: false,
            constraints: [
              {
                ...constraint({ operator: 'STR_ENDS_WITH', values: ['@x.io'] }),
                matched: false,
                actual: '123',
                problem: null,
              },
            ],
            problem: null,
          },
          { key: 'gone', matched: false, constraints: [], problem: 'there is no such segment' },
        ],
        rollout: null,
        problem: null,
      },
      {
        id: 'c',
        name: 'flexibleRollout',
        title: null,
        disabled: false,
        matched: true,
        constraints: [],
        segments: [],
        rollout: {
          percentage: 60,
          stickiness: 'default',
          groupId: 'checkout',
          value: '123',
          bucket: 56,
          matched: true,
        },
        problem: null,
      },
      {
        id: 'd',
        name: 'userWithId',
        title: null,
        disabled: false,
        matched: false,
        constraints: [{ ...constraint({ values: ['1', '2'] }), matched: false, actual: '123', problem: null }],
        segments: [],
        rollout: null,
        problem: null,
      },
    ],
    choice: { from: 'strategy', stickiness: 'default', groupId: 'checkout', value: '123', bucket: 1, totalWeight: 2 },
  })
})

it('says what is wrong with what matches nobody', () => {
  const strategies = [
    strategy({ name: 'mine' }),
    rollout(101),
    strategy({ constraints: [constraint({ operator: 'LIKE' }), constraint({ operator: 'NUM_GT', value: 'x' })] }),
  ]
  const [unknown, share, constraints] = why({ strategies }, { userId: '1' }).strategies
  expect(unknown?.problem).toBe('there is no strategy of this name')
  expect(share?.problem).toBe('rollout must be a whole number from 0 to 100')
  expect(constraints?.constraints.map(({ problem }) => problem)).toEqual([
    'operator is not known',
    'value must be a decimal number such as 12 or -0.5',
  ])
})

it('shows a missing field as null, and that it is out of the share', () => {
  const { strategies } = why({ strategies: [rollout(100, { stickiness: 'companyId' })] }, { userId: '1' })
  expect(strategies[0]?.rollout).toMatchObject({ value: null, bucket: null, matched: false })
})

it('shows what the flags that it depends on are', () => {
  const dependency = { flagKey: 'parent', enabled: true, variants: ['red'] }
  const parent = flag({ key: 'parent', variants: [variant('blue', 1)] })
  const gone = { ...dependency, flagKey: 'gone' }
  expect(why({ dependencies: [dependency, gone] }, {}, [parent])).toMatchObject({
    enabled: false,
    reason: 'dependency',
    variant: 'disabled',
    choice: null,
    dependencies: [
      { ...dependency, matched: false, actual: { enabled: true, variant: 'blue' }, problem: null },
      { ...gone, matched: false, actual: null, problem: 'there is no such flag' },
    ],
  })
  expect(why({ dependencies: [{ ...dependency, flagKey: 'checkout' }] }, {}).dependencies[0]?.problem).toBe(
    'it has dependencies of its own',
  )
})

it('says that a variant was forced', () => {
  const variants = [variant('a', 1), variant('b', 1, { overrides: [{ contextName: 'userId', values: ['1'] }] })]
  expect(why({ variants }, { userId: '1' })).toMatchObject({ variant: 'b', choice: { from: 'override', bucket: null } })
  expect(why({ variants }, { userId: '2' }).choice?.from).toBe('flag')
})

it('of a flag that there is not says so', () => {
  expect(explain(configuration([]), 'gone', contextOf({}), NOW)).toMatchObject({
    reason: 'not-found',
    revision: null,
    strategies: [],
  })
})
