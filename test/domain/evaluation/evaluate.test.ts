import murmurhash from 'murmurhash'
import { describe, expect, it } from 'vitest'
import { contextOf } from '../../../domain/evaluation/context.ts'
import { evaluate } from '../../../domain/evaluation/evaluate.ts'
import { bucketOf } from '../../../domain/evaluation/hashing.ts'
import { ask, configuration, constraint, flag, NOW, rollout, strategy, variant } from './configurations.ts'

describe('a bucket', () => {
  it('is where other clients of the protocol put the same user', () => {
    expect(bucketOf('123', 'gr1', 100, 0)).toBe(73)
    expect(bucketOf('999', 'groupX', 100, 0)).toBe(25)
    expect(bucketOf('123', 'gr1', 1000, 86_028_157)).toBe(796)
    expect(bucketOf('999', 'groupX', 1000, 86_028_157)).toBe(260)
  })

  it('is made of UTF-8 bytes', () => {
    expect(bucketOf('Zoë', 'g', 100, 0)).toBe(63)
    // Long and short texts are encoded in different ways.
    for (const text of ['', 'a', '😀', 'ë'.repeat(30), 'ë'.repeat(300), 'x'.repeat(5000), '\ud800']) {
      expect(bucketOf(text, 'g', 2 ** 32, 0)).toBe(murmurhash(`g:${text}`, 0) + 1)
    }
  })
})

describe('a flag', () => {
  it.each([
    ['that there is not is off', { key: 'another' }, { enabled: false, reason: 'not-found' }],
    ['that is off is off', { enabled: false }, { enabled: false, reason: 'disabled' }],
    ['without strategies is on', {}, { enabled: true, reason: 'no-strategies' }],
    [
      'whose strategies are all disabled is off',
      { strategies: [strategy({ disabled: true })] },
      { enabled: false, reason: 'no-match' },
    ],
    ['with a strategy that matches is on', { strategies: [strategy()] }, { enabled: true, reason: 'strategy' }],
    [
      'with an unknown strategy is off',
      { strategies: [strategy({ name: 'mine' })] },
      { enabled: false, reason: 'no-match' },
    ],
  ])('%s', (_, given, expected) => {
    expect(ask(given, { userId: '1' })).toMatchObject(expected)
  })

  it('is answered by the first strategy that matches, disabled ones left out', () => {
    const strategies = ['a', 'b', 'c'].map((id) => strategy({ id, disabled: id === 'a', variants: [variant(id, 1)] }))
    expect(ask({ strategies })).toMatchObject({ strategyId: 'b', variant: 'b' })
  })
})

describe('rolloutPercentage', () => {
  // In the group checkout, 123 has the bucket 56, and 2 has 85.
  it.each([
    [0, '123', false],
    [55, '123', false],
    [56, '123', true],
    [84, '2', false],
    [85, '2', true],
    [100, '2', true],
  ])('of %i for user %s', (rolloutPercentage, userId, enabled) => {
    const reason = enabled ? 'no-strategies' : 'rollout'
    expect(ask({ rolloutPercentage }, { userId })).toMatchObject({ enabled, reason })
  })

  it('goes by the session without a user, and by chance without both', () => {
    expect(ask({ rolloutPercentage: 85 }, { userId: '', sessionId: '2' }).enabled).toBe(true)
    expect(ask({ rolloutPercentage: 84 }, { userId: '', sessionId: '2' }).enabled).toBe(false)
    expect(ask({ rolloutPercentage: 85 }, { sessionId: '2' }).enabled).toBe(true)
    expect(ask({ rolloutPercentage: 84 }, { sessionId: '2' }).enabled).toBe(false)
    const randoms = Array.from({ length: 10_000 }, (_, i) => i / 10_000)
    const share = randoms.filter((random) => ask({ rolloutPercentage: 30 }, {}, random).enabled).length
    expect(share).toBeGreaterThan(2800)
    expect(share).toBeLessThan(3200)
  })

  it('is a gate in front of the strategies, and lets everybody pass at 100', () => {
    const strategies = [strategy({ constraints: [constraint({ values: ['2'] })] })]
    expect(ask({ rolloutPercentage: 84, strategies }, { userId: '2' }).reason).toBe('rollout')
    expect(ask({ rolloutPercentage: 85, strategies }, { userId: '2' }).reason).toBe('strategy')
    expect(ask({ rolloutPercentage: 100, strategies }, { userId: '123' }).reason).toBe('no-match')
  })
})

describe('a strategy', () => {
  it.each([
    ['userWithId', { userIds: 'a, b ,,c' }, { userId: 'b' }, true],
    ['userWithId', { userIds: '' }, { userId: '' }, false],
    ['remoteAddress', { IPs: '10.0.0.0/8, nonsense' }, { remoteAddress: '10.1.1.1' }, true],
    ['remoteAddress', {}, { remoteAddress: '10.1.1.1' }, false],
    ['applicationHostname', { hostNames: 'Web-1,web-2' }, { hostname: 'WEB-1' }, true],
    ['applicationHostname', { hostNames: 'web-1' }, {}, false],
    ['flexibleRollout', { rollout: '100', stickiness: 'companyId' }, {}, false],
    ['flexibleRollout', { rollout: '100', stickiness: 'companyId' }, { companyId: '' }, false],
    ['flexibleRollout', { rollout: '100', stickiness: 'companyId' }, { companyId: '0' }, true],
    ['flexibleRollout', { rollout: '73', groupId: 'gr1' }, { userId: '123' }, true],
    ['flexibleRollout', { rollout: '72', groupId: 'gr1' }, { userId: '123' }, false],
    ['flexibleRollout', { rollout: '85' }, { userId: '2' }, true],
    ['flexibleRollout', { rollout: '84' }, { userId: '2' }, false],
    ['flexibleRollout', { rollout: 'all' }, { userId: '2' }, false],
    ['flexibleRollout', {}, { userId: '2' }, false],
    ['gradualRolloutUserId', { percentage: '73', groupId: 'gr1' }, { userId: '123' }, true],
    ['gradualRolloutUserId', { percentage: '100', groupId: 'gr1' }, { sessionId: '123' }, false],
    ['gradualRolloutSessionId', { percentage: '72', groupId: 'gr1' }, { sessionId: '123' }, false],
    ['gradualRolloutSessionId', { percentage: '73', groupId: 'gr1' }, { sessionId: '123' }, true],
  ])('%s with %j for %j: %s', (name, parameters, context, expected) => {
    expect(ask({ strategies: [strategy({ name, parameters })] }, context).enabled).toBe(expected)
  })

  it('that is random draws for itself', () => {
    const half = (id: string) => strategy({ id, name: 'gradualRolloutRandom', parameters: { percentage: '50' } })
    const count = (strategies: object) =>
      Array.from({ length: 10_000 }, (_, i) => ask({ ...strategies }, { userId: '1' }, i / 10_000)).filter(
        ({ enabled }) => enabled,
      ).length
    expect(Math.abs(count({ strategies: [half('a')] }) - 5000)).toBeLessThan(250)
    expect(Math.abs(count({ strategies: [half('a'), half('b')] }) - 7500)).toBeLessThan(250)
    const random = (id: string) => ({ ...rollout(50, { stickiness: 'random', groupId: 'g' }), id })
    expect(Math.abs(count({ strategies: [random('a'), random('b')] }) - 7500)).toBeLessThan(250)
  })

  it('needs all of its segments, and nobody is in one that there is not', () => {
    const beta = [constraint({ values: ['1', '2'] })]
    const ask = (segments: string[], userId: string) =>
      evaluate(
        configuration([flag({ strategies: [strategy({ segments })] })], {
          beta,
          two: [constraint({ values: ['2'] })],
          all: [],
        }),
        'checkout',
        contextOf({ userId }),
        NOW,
      ).enabled
    expect(ask(['beta', 'all'], '1')).toBe(true)
    expect(ask(['beta', 'two'], '1')).toBe(false)
    expect(ask(['beta', 'two'], '2')).toBe(true)
    expect(ask(['beta', 'gone'], '1')).toBe(false)
  })

  it('follows a segment that changes', () => {
    const asked = flag({ strategies: [strategy({ segments: ['beta'] })] })
    const is = (values: string[]) =>
      evaluate(configuration([asked], { beta: [constraint({ values })] }), 'checkout', contextOf({ userId: '1' }), NOW)
    expect(is(['1']).enabled).toBe(true)
    expect(is(['2']).enabled).toBe(false)
  })
})

describe('variants', () => {
  const variants = [variant('b', 1), variant('a', 0), variant('c', 3)]
  it('of a strategy come before those of the flag, with its groupId', () => {
    // 123 is number 796 of 1000 in gr1, hence in the second half.
    const strategies = [{ ...rollout(100, { groupId: 'gr1' }), variants: [variant('x', 500), variant('y', 500)] }]
    expect(ask({ variants, strategies }, { userId: '123' }).variant).toBe('y')
    expect(ask({ variants, strategies: [rollout(100)] }, { userId: '123' }).variant).toMatch(/b|c/)
  })

  it('of a strategy are as sticky as the strategy, unless they say otherwise', () => {
    const strategies = (stickiness: string) => [
      {
        ...rollout(100, { groupId: 'gr1', stickiness: 'companyId' }),
        variants: [variant('x', 500, { stickiness }), variant('y', 500)],
      },
    ]
    const context = { companyId: '123', userId: '4' }
    const half = (id: string) => (bucketOf(id, 'gr1', 1000, 86_028_157) <= 500 ? 'x' : 'y')
    expect([half('123'), half('4')]).toEqual(['y', 'x'])
    expect(ask({ strategies: strategies('default') }, context).variant).toBe('y')
    expect(ask({ strategies: strategies('userId') }, context).variant).toBe('x')
  })

  it('keep the order in which they were given, whatever their names', () => {
    const given = [variant('z', 500), variant('a', 500)]
    const bucket = bucketOf('123', 'checkout', 1000, 86_028_157)
    expect(ask({ variants: given }, { userId: '123' }).variant).toBe(bucket <= 500 ? 'z' : 'a')
    expect(ask({ variants: given.toReversed() }, { userId: '123' }).variant).toBe(bucket <= 500 ? 'a' : 'z')
  })

  it('are forced by overrides, the first one wins', () => {
    const forced = [{ contextName: 'country', values: ['no', 'se'] }]
    const given = [variant('b', 1), variant('c', 0, { overrides: forced }), variant('d', 9, { overrides: forced })]
    expect(ask({ variants: given }, { country: 'se' }).variant).toBe('c')
    expect(ask({ variants: given, enabled: false }, { country: 'se' }).variant).toBe('disabled')
  })

  it('that weigh nothing are nobody’s', () => {
    expect(ask({ variants: [variant('a', 0), variant('b', 0)] })).toMatchObject({ enabled: true, variant: 'disabled' })
    expect(ask({ variants: [variant('a', 0)] })).toMatchObject({ enabled: true, variant: 'disabled' })
  })

  it('go by the stickiness of the first, by chance when the field is missing', () => {
    const given = [variant('a', 1, { stickiness: 'companyId' }), variant('b', 1)]
    const names = (context: object) =>
      new Set(
        Array.from(
          { length: 100 },
          (_, i) => ask({ variants: given }, { ...context, userId: String(i) }, i / 100).variant,
        ),
      )
    expect(names({ companyId: '7' }).size).toBe(1)
    expect(names({}).size).toBe(2)
  })
})

describe('a dependency', () => {
  const on = (parent: object, dependency: object) =>
    evaluate(
      configuration([
        flag({ dependencies: [{ flagKey: 'parent', enabled: true, variants: [], ...dependency }] }),
        flag({ key: 'parent', ...parent }),
      ]),
      'checkout',
      contextOf({ userId: '1' }),
      NOW,
    )
  it('is asked in the context of the flag itself, its percentage included', () => {
    expect(on({}, {}).enabled).toBe(true)
    expect(on({ rolloutPercentage: 0 }, {})).toMatchObject({ enabled: false, reason: 'dependency' })
    expect(on({ strategies: [strategy({ constraints: [constraint({ values: ['1'] })] })] }, {}).enabled).toBe(true)
    expect(on({ strategies: [strategy({ constraints: [constraint({ values: ['2'] })] })] }, {}).enabled).toBe(false)
  })

  it('may want the other flag to be off, but not gone', () => {
    expect(on({ enabled: false }, { enabled: false }).enabled).toBe(true)
    expect(on({}, { enabled: false }).enabled).toBe(false)
    expect(on({}, { enabled: false, flagKey: 'gone' }).enabled).toBe(false)
  })

  it('on oneself, or on a flag with dependencies, never holds', () => {
    expect(on({}, { flagKey: 'checkout' }).reason).toBe('dependency')
    expect(on({ dependencies: [{ flagKey: 'checkout', enabled: true, variants: [] }] }, {}).reason).toBe('dependency')
  })
})
