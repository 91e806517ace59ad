import fc from 'fast-check'
import type { FlagConfiguration } from '../../../domain/evaluation/model.ts'
import { OPERATORS, STRATEGY_NAMES } from '../../../domain/strategy.ts'
import { configuration, constraint, flag, strategy, variant } from './configurations.ts'

const NAMES = ['userId', 'sessionId', 'remoteAddress', 'currentTime', 'country', '__proto__', 'constructor']
const VALUES = [
  '',
  'a',
  'A',
  ' a',
  'ab',
  '1',
  '12',
  '-0.5',
  '1.2.3',
  'v1.2.3',
  '2.0.0-rc.1',
  '2026-03-01',
  '2026-03-02T09:00:00Z',
]
const MORE = [
  '10.0.0.1',
  '10.0.0.0/8',
  '::1',
  '2001:db8::/32',
  '^a',
  '(a',
  '(?=a)',
  'a{1001}',
  'zoë\0',
  '\ud800',
  'x'.repeat(5000),
]

const name = fc.constantFrom(...NAMES)
const value = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...VALUES, ...MORE) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
)

/** What somebody sends: mostly fields that flags ask for, sometimes anything that is JSON. */
export const sent: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(name, value) },
  {
    weight: 1,
    arbitrary: fc.dictionary(
      fc.oneof(name, fc.constantFrom('properties', 'targetingKey'), fc.string()),
      fc.jsonValue(),
      {
        noNullPrototype: false,
      },
    ),
  },
)

/** A constraint of the product's shape, with values that are often of another operator. */
export const anyConstraint = fc
  .record({
    contextName: name,
    operator: fc.constantFrom(...OPERATORS),
    values: fc.array(value, { maxLength: 4 }),
    value: fc.option(value, { nil: undefined }),
    inverted: fc.boolean(),
    caseInsensitive: fc.boolean(),
  })
  .map((given) => ({ ...constraint(given), operator: given.operator, values: given.values }))

const percentage = fc.oneof(fc.integer({ min: 0, max: 100 }).map(String), fc.constantFrom('', 'all', '101'))
const parameters = fc.record(
  {
    rollout: percentage,
    percentage,
    stickiness: fc.oneof(fc.constantFrom('default', 'random'), name),
    groupId: fc.constantFrom('', 'g'),
    userIds: fc.constantFrom('', 'a, 1'),
    IPs: fc.constantFrom('', '10.0.0.0/8, x'),
    hostNames: fc.constantFrom('', 'web-1'),
  },
  { requiredKeys: [] },
)

const variants = fc.array(
  fc.record({
    weight: fc.integer({ min: 0, max: 3 }),
    stickiness: fc.oneof(fc.constantFrom('default', 'random'), name),
    overrides: fc.array(fc.record({ contextName: name, values: fc.array(value, { maxLength: 2 }) }), { maxLength: 1 }),
  }),
  { maxLength: 3 },
)
const someVariants = variants.map((list) => list.map((given, i) => variant(`v${i}`, given.weight, given)))

const someStrategies = fc
  .array(
    fc.record({
      name: fc.constantFrom(...STRATEGY_NAMES, 'flexibleRollout', 'mine'),
      parameters,
      constraints: fc.array(anyConstraint, { maxLength: 2 }),
      variants: someVariants,
      segments: fc.subarray(['beta', 'gone']),
      disabled: fc.boolean(),
    }),
    { maxLength: 3 },
  )
  .map((list) => list.map((given, i) => strategy({ ...given, id: `s${i}` })))

const someFlag = (key: string, others: string[]): fc.Arbitrary<FlagConfiguration> =>
  fc
    .record({
      enabled: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
      rolloutPercentage: fc.oneof(fc.constant(100), fc.integer({ min: 0, max: 100 })),
      variants: someVariants,
      dependencies: fc.array(
        fc.record({
          flagKey: fc.constantFrom(...others),
          enabled: fc.boolean(),
          variants: fc.subarray(['v0', 'disabled']),
        }),
        { maxLength: others.length > 1 ? 2 : 0 },
      ),
      strategies: someStrategies,
    })
    .map((given) => flag({ key, ...given }))

/** A flag `checkout`, a flag `parent` that it may depend on, and a segment `beta`. */
export const someConfiguration = fc
  .tuple(
    someFlag('checkout', ['parent', 'checkout', 'gone']),
    someFlag('parent', ['gone']),
    fc.array(anyConstraint, { maxLength: 2 }),
  )
  .map(([checkout, parent, beta]) => configuration([checkout, parent], { beta }))
