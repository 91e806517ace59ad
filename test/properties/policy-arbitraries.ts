import fc from 'fast-check'
import { type Condition, type Formula, PolicyDocument } from '../../domain/policy/document.ts'

// Documents and items as a fuzzer wants them: errors and matches both frequent, numbers and dates at their borders.

const B = 2n ** 100n
// Half the distance to the nearest double, and one either side of it.
const border = [B, B - 2n ** 46n, B - 2n ** 46n - 1n, B - 2n ** 46n + 1n, B - 2n ** 47n].map(String)
const tinyBorder = [-1n, 0n, 1n].map((n) => `${((2n ** 54n - 1n) * 5n ** 154n) * 10n + n}e-155`)
export const DATES = [
  '2026-10-31',
  '2026-11-01',
  '2024-02-29',
  '0001-01-01',
  '9999-12-31',
  '2026-11-01T00:00:00Z',
  '2026-10-31T23:59:59.9Z',
  '2026-11-01T00:00:00.001+00:00',
  '2026-11-01T14:59:00+14:59',
  '0001-01-01T00:00:00+14:00',
  '9999-12-31T23:59:59-14:00',
]
const JUNK_DATES = [
  '2023-02-30',
  '2023-02-29',
  '0000-01-01',
  '2026-11-01T24:00:00Z',
  '2026-11-01T23:59:60Z',
  '2026-11-01T00:00:00',
  '2026-11-01T00:00:00+15:00',
  '2026-11-01 00:00:00Z',
  '2026-11-01\n',
  '2026-13-01',
  '2026-00-10',
  '+002026-01-01',
  '٢٠٢٦-١١-٠١',
  'now',
  'infinity',
  '2026-11-01T00:00:00.1234Z',
]
const STRINGS = [
  '',
  'abc',
  'explicit',
  'aé',
  'ae\u0301',
  '😀',
  "it's $1; DROP",
  '"',
  '\\',
  'null',
  '5',
  ...DATES,
  ...JUNK_DATES,
]
const NUMBERS = [
  '0',
  '-0',
  '-0.0',
  '5',
  '5.0',
  '7.25',
  '-3',
  '0.1',
  '0.1000000000000000055',
  '240',
  '1e2',
  '1e400',
  '-1e400',
  '1e-400',
  '-1e-400',
  '5e-324',
  '1e-31',
  '-1e-31',
  '1e29',
  '-1e29',
  '9007199254740993',
  '1e309',
  `1${'0'.repeat(400)}`,
  ...border,
  ...border.map((n) => `-${n}`),
  ...tinyBorder,
]

const json: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NUMBERS) },
  { weight: 2, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
  { weight: 3, arbitrary: fc.constantFrom(...STRINGS).map((text) => JSON.stringify(text)) },
  { weight: 2, arbitrary: fc.constantFrom(...DATES).map((text) => JSON.stringify(text)) },
  { weight: 2, arbitrary: fc.constantFrom(...JUNK_DATES).map((text) => JSON.stringify(text)) },
  {
    weight: 1,
    arbitrary: fc
      .string({ unit: 'binary' })
      .filter((text) => !text.includes('\0'))
      .map((text) => JSON.stringify(text)),
  },
  { weight: 2, arbitrary: fc.constantFrom('true', 'false', 'null', '{}', '{"a":5}', '[]') },
  {
    weight: 3,
    arbitrary: fc
      .array(
        fc.oneof(
          fc.constantFrom(...NUMBERS),
          fc.constantFrom('"abc"', '"explicit"', '[5]', '["abc"]', 'true', 'null', '[]', '{}'),
        ),
        { maxLength: 4 },
      )
      .map((elements) => `[${elements}]`),
  },
)
const KEYS = ['a', 'b', 'c', 'ключ 😀', '__proto__', 'constructor']
const metadata = fc
  .array(
    fc.tuple(
      fc.constantFrom(...KEYS),
      fc.oneof(
        { weight: 5, arbitrary: json },
        { weight: 1, arbitrary: json.map((v) => `{"a":${v},"deep":{"x":{"y":${v}}}}`) },
      ),
    ),
    { maxLength: 7 },
  )
  .map((entries) => `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`)}}`)

const ms = fc.oneof(
  fc.constantFrom(...DATES).map((text) => Date.parse(text)),
  fc.integer({ min: -6e13, max: 2e14 }),
)
export const item = fc.record({
  title: fc.option(fc.constantFrom(...STRINGS)),
  mediaType: fc.option(fc.constantFrom('abc', 'explicit', '😀')),
  releasedAt: fc.option(ms),
  trendingScore: fc.oneof(
    fc.constantFrom(0, -0, 5, -3, 240, 1e-40, -1e-40, 2 ** 100, -(2 ** 100), 5e-324, NaN, Infinity, -Infinity),
    fc.double({ min: -500, max: 500, noNaN: true }),
  ),
  createdAt: ms,
  metadata,
})

const metaField = fc
  .constantFrom(...KEYS, 'a.a', 'b.deep.x.y', 'toString', 'a.length')
  .map((path) => `metadata.${path}`)
const numberField = fc.oneof(
  { weight: 2, arbitrary: metaField },
  { weight: 1, arbitrary: fc.constantFrom('id', 'trendingScore') },
)
const textField = fc.oneof(
  { weight: 2, arbitrary: metaField },
  { weight: 1, arbitrary: fc.constantFrom('title', 'mediaType') },
)
const dateField = fc.oneof(
  { weight: 2, arbitrary: metaField },
  { weight: 1, arbitrary: fc.constantFrom('releasedAt', 'createdAt') },
)
const anyField = fc.oneof(numberField, textField, dateField)
const number = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    5,
    7.25,
    -3,
    0.1,
    100,
    240,
    2 ** -100,
    -(2 ** -100),
    2 ** 99,
    9007199254740992,
    1e29,
    Number(B - 2n ** 47n),
  ),
  fc.double({ min: -1000, max: 1000, noNaN: true }).filter((x) => x === 0 || Math.abs(x) > 1e-30),
)
const text = fc.constantFrom(...STRINGS)
const date = fc.oneof(
  fc.constantFrom(...DATES),
  fc.constantFrom('P0D', '-P1D', 'PT1S', 'P36525D', '-P36525D', '-P2W').map((asOf) => ({ asOf })),
)
const sorted = <T>(pair: [T, T], by: (value: T) => number) => pair.toSorted((a, b) => by(a) - by(b)) as [T, T]
const instant = fc.constantFrom(...DATES)

const leaf: fc.Arbitrary<Condition> = fc.oneof(
  ...(['eq', 'ne'] as const).flatMap((operator) => [
    fc.record({ field: numberField, [operator]: number }),
    fc.record({ field: textField, [operator]: text }),
    fc.record({ field: metaField, [operator]: fc.boolean() }),
  ]),
  fc.record({ field: numberField, in: fc.array(number, { minLength: 1, maxLength: 12 }) }),
  fc.record({ field: textField, in: fc.array(text, { minLength: 1, maxLength: 12 }) }),
  fc.record({ field: metaField, in: fc.array(fc.boolean(), { minLength: 1, maxLength: 2 }) }),
  ...(['lt', 'lte', 'gt', 'gte'] as const).map((operator) => fc.record({ field: numberField, [operator]: number })),
  fc.record({ field: numberField, between: fc.tuple(number, number).map((pair) => sorted(pair, Number)) }),
  fc.record({ field: dateField, between: fc.tuple(instant, instant).map((pair) => sorted(pair, Date.parse)) }),
  ...(['before', 'after'] as const).map((operator) => fc.record({ field: dateField, [operator]: date })),
  fc.record({ field: textField, contains: text.filter((literal) => literal !== '') }),
  fc.record({ field: metaField, contains: fc.oneof(fc.constantFrom(0, 5), number, fc.boolean()) }),
  fc.record({ field: anyField, exists: fc.boolean() }),
  fc.record({ field: anyField, is: fc.constantFrom('string', 'number', 'boolean', 'array', 'object', 'date') }),
) as fc.Arbitrary<Condition>

const { condition, formula } = fc.letrec<{ condition: Condition; formula: Formula }>((tie) => {
  const parts = (of: 'condition' | 'formula') => fc.array(tie(of), { minLength: 1, maxLength: 3 })
  const pair = fc.tuple(tie('formula'), tie('formula'))
  return {
    condition: fc.oneof(
      { maxDepth: 3 },
      { weight: 6, arbitrary: leaf },
      { weight: 1, arbitrary: fc.record({ all: parts('condition') }) as fc.Arbitrary<Condition> },
      { weight: 1, arbitrary: fc.record({ any: parts('condition') }) as fc.Arbitrary<Condition> },
      { weight: 1, arbitrary: fc.record({ not: tie('condition') }) as fc.Arbitrary<Condition> },
    ),
    formula: fc.oneof(
      { maxDepth: 4 },
      { weight: 3, arbitrary: number },
      { weight: 5, arbitrary: fc.record({ field: numberField, default: number }, { requiredKeys: ['field'] }) },
      ...['add', 'multiply', 'min', 'max'].map((form) => ({
        weight: 1,
        arbitrary: fc.record({ [form]: parts('formula') }) as unknown as fc.Arbitrary<Formula>,
      })),
      ...['subtract', 'divide'].map((form) => ({
        weight: 1,
        arbitrary: fc.record({ [form]: pair }) as unknown as fc.Arbitrary<Formula>,
      })),
      { weight: 2, arbitrary: fc.record({ sqrt: tie('formula') }) as fc.Arbitrary<Formula> },
      {
        weight: 2,
        arbitrary: fc
          .tuple(tie('condition'), tie('formula'), tie('formula'))
          .map(
            (parts) =>
              Object.fromEntries(['if', 'then', 'else'].map((key, i) => [key, parts[i]])) as unknown as Formula,
          ),
      },
    ),
  }
})

export const document = fc
  .record(
    {
      rules: fc.array(fc.record({ verdict: fc.constantFrom('ineligible', 'pending'), when: condition }), {
        maxLength: 4,
      }),
      relevance: fc.oneof(formula, fc.constant(1)),
    },
    { requiredKeys: ['rules'] },
  )
  .map(({ rules, ...rest }) => ({
    ...rest,
    asOf: '2026-11-01T00:00:00Z',
    rules: rules.map((rule, i) => ({ ...rule, reason: `r${i}` })),
  }))
  // Some formulas could overflow, and are refused.
  .filter((document) => PolicyDocument.safeParse(document).success)
