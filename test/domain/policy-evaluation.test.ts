import { describe, expect, it } from 'vitest'
import { parseDate } from '../../domain/policy/dates.ts'
import { PolicyDocument, withAsOf } from '../../domain/policy/document.ts'
import { explainErrors, interpret } from '../../domain/policy/interpret.ts'
import { choice, item, rule, rules } from '../helpers/policies.ts'

const truthOf = (when: object, x?: unknown) => {
  const policy = withAsOf(PolicyDocument.parse(rules(when)), '2026-11-01T00:00:00.000Z')
  const { status } = interpret(policy, { ...item, metadata: x === undefined ? {} : { x } })
  return status === 'error' ? 'error' : status === 'ineligible'
}
const relevanceOf = (relevance: unknown, metadata: object = {}) =>
  interpret(PolicyDocument.parse({ rules: [], relevance }), { ...item, metadata }).relevance

describe('a condition', () => {
  const x = 'metadata.x'
  it.each([
    [{ field: x, eq: 1 }, undefined, false],
    [{ field: x, ne: 1 }, undefined, true],
    [{ field: x, ne: 1 }, null, true],
    [{ field: x, lt: 1 }, null, false],
    [{ not: { field: x, lt: 1 } }, null, true],
    [{ field: x, is: 'string' }, null, false],
    [{ field: x, exists: false }, null, true],
    [{ field: x, exists: true }, [], true],
    [{ field: x, eq: 1 }, '1', false],
    [{ field: x, eq: 'a' }, ['a'], false],
    [{ field: x, ne: 1 }, 2 ** 100, 'error'],
    [{ field: x, ne: '1' }, 2 ** 100, true],
    [{ field: x, in: [1, 2] }, Infinity, 'error'],
    [{ field: x, in: ['1'] }, Infinity, false],
    [{ field: x, eq: 0 }, -1e-300, true],
    [{ field: x, lt: 0 }, -1e-31, false],
    [{ field: x, gt: 240 }, 'abc', 'error'],
    [{ field: x, between: [1, 2] }, 2, true],
    [{ field: x, between: [1, 2] }, 2.1, false],
    [{ field: x, contains: 'b' }, 'abc', true],
    [{ field: x, contains: 'b' }, ['abc'], false],
    [{ field: x, contains: 'b' }, ['a', 'b'], true],
    [{ field: x, contains: 0 }, [1e-300], true],
    [{ field: x, contains: 1 }, [[1], 2 ** 100], false],
    [{ field: x, contains: 1 }, '1', 'error'],
    [{ field: x, contains: 'b' }, {}, 'error'],
    [{ field: x, before: '2026-01-02' }, '2026-01-01', true],
    [{ field: x, before: '2026-01-02' }, '2026-01-02', false],
    [{ field: x, after: '2026-01-01' }, '2026-01-01T01:00:00.5+01:00', true],
    [{ field: x, between: ['2026-01-01', { asOf: 'P0D' }] }, '2026-11-01', true],
    [{ field: x, before: { asOf: '-P1DT1H' } }, '2026-10-30T22:59:59Z', true],
    [{ field: x, before: '2026-01-02' }, '2023-02-30', 'error'],
    [{ field: x, before: '2026-01-02' }, 5, 'error'],
    [{ field: x, is: 'date' }, '2024-02-29', true],
    [{ field: x, is: 'string' }, '2024-02-29', true],
    [{ field: x, is: 'date' }, '2023-02-29', false],
    [{ field: x, is: 'number' }, Infinity, true],
    [{ field: x, is: 'array' }, {}, false],
    [{ field: x, is: 'object' }, {}, true],
    [{ field: 'createdAt', is: 'date' }, {}, true],
    [{ field: 'createdAt', is: 'number' }, {}, false],
    [{ field: 'title', is: 'date' }, {}, false],
    [{ field: 'mediaType', eq: 'movie' }, {}, false],
    [{ field: 'mediaType', ne: 'movie' }, {}, true],
    [{ field: 'metadata.toString', exists: true }, {}, false],
    [{ field: 'metadata.x.length', exists: true }, ['a'], false],
    [
      {
        all: [
          { field: x, lt: 1 },
          { field: 'id', eq: 8 },
        ],
      },
      'bad',
      false,
    ],
    [
      {
        all: [
          { field: x, lt: 1 },
          { field: 'id', eq: 7 },
        ],
      },
      'bad',
      'error',
    ],
    [
      {
        any: [
          { field: x, lt: 1 },
          { field: 'id', eq: 7 },
        ],
      },
      'bad',
      true,
    ],
    [
      {
        any: [
          { field: x, lt: 1 },
          { field: 'id', eq: 8 },
        ],
      },
      'bad',
      'error',
    ],
    [{ not: { field: x, lt: 1 } }, 'bad', 'error'],
  ])('%j on %j is %s', (when, value, expected) => {
    expect(truthOf(when, value)).toBe(expected)
  })
})

describe('an evaluation', () => {
  const yes = { field: 'id', eq: 7 }
  const no = { field: 'id', eq: 8 }
  const bad = { field: 'metadata.x', gt: 1 }
  const policy = (...given: [string, string, object][]) =>
    PolicyDocument.parse({ rules: given.map(([reason, verdict, when]) => ({ reason, verdict, when })), relevance: -0 })

  it('has the matching rules in order, and the hardest of their verdicts', () => {
    const of = (document: PolicyDocument) => interpret(document, { ...item, metadata: { x: 'bad' } })
    expect(of(policy(['a', 'pending', no]))).toEqual({ status: 'eligible', reasons: [], relevance: 0 })
    expect(of(policy(['b', 'pending', yes], ['a', 'ineligible', no]))).toMatchObject({
      status: 'pending',
      reasons: ['b'],
    })
    expect(of(policy(['b', 'pending', yes], ['a', 'ineligible', yes]))).toMatchObject({
      status: 'ineligible',
      reasons: ['b', 'a'],
    })
    expect(of(policy(['b', 'pending', bad], ['a', 'ineligible', yes]))).toEqual({
      status: 'error',
      reasons: ['b'],
      relevance: null,
    })
    const both = { ...policy(['b', 'pending', bad]), relevance: { divide: [1, 0] as [number, number] } }
    expect(of(both)).toEqual({ status: 'error', reasons: ['b', 'relevance'], relevance: null })
  })

  it.each([
    [{ add: [0.1, 0.2, 0.3] }, 0.1 + 0.2 + 0.3],
    [{ field: 'metadata.x' }, 0],
    [{ field: 'metadata.x', default: 5 }, 5],
    [{ subtract: [{ field: 'trendingScore' }, 4] }, 6],
    [{ multiply: [-1, 0] }, 0],
    [{ max: [1, { sqrt: 9 }] }, 3],
    [{ min: [1, { divide: [1, { field: 'metadata.x' }] }] }, null],
    [{ sqrt: -1 }, null],
    [choice(yes, 1, { divide: [1, 0] }), 1],
    [{ field: 'metadata.bad' }, null],
  ])('computes %j as %s', (relevance, expected) => {
    expect(relevanceOf(relevance, { bad: 'x' })).toBe(expected)
  })

  it('of an error can be explained', () => {
    const document = PolicyDocument.parse({
      rules: [
        rule({ field: 'metadata.runtimeMinutes', gt: 240 }, { reason: 'too-long' }),
        rule({ any: [{ field: 'metadata.date', before: '2026-01-01' }, { all: [no, bad] }] }, { reason: 'old' }),
        rule({ field: 'metadata.tags', contains: 'x' }, { reason: 'tag' }),
      ],
      relevance: { divide: [{ field: 'metadata.huge' }, { sqrt: -1 }] },
    })
    const metadata = { runtimeMinutes: 'abc', date: '2023-02-30', x: 'bad', tags: { a: 1 }, huge: Infinity }
    expect(explainErrors(document, { ...item, metadata })).toEqual([
      'too-long: metadata.runtimeMinutes is a string ("abc"), a number of less than 2^100 is needed',
      'old: metadata.date is a string ("2023-02-30"), a date such as 2026-03-01 or 2026-03-01T09:00:00Z is needed',
      'tag: metadata.tags is an object ({"a":1}), a string or an array is needed',
      'relevance: metadata.huge is a number (Infinity), a number of less than 2^100 is needed',
      'relevance: it takes the square root of a negative number',
    ])
    expect(explainErrors(document, item)).toEqual(['relevance: it takes the square root of a negative number'])
  })

  it('is explained in at most 500 characters', () => {
    const field = `metadata.${'😀'.repeat(45)}%`
    const document = PolicyDocument.parse({
      rules: Array.from({ length: 50 }, (_, i) => rule({ field, gt: 240 }, { reason: `${'r'.repeat(90)}${i}` })),
    })
    const lines = explainErrors(document, { ...item, metadata: { [field.slice(9)]: '😀'.repeat(500) } })
    expect(lines.length).toBeGreaterThan(1)
    expect(lines.at(-1)).toBe('… and more')
    expect(lines.join('\n').length).toBeLessThanOrEqual(500)
    expect(lines.join('\n').isWellFormed()).toBe(true)
  })
})

it.each([
  ['2026-03-01', '2026-03-01T00:00:00.000Z'],
  ['0001-01-01', '0001-01-01T00:00:00.000Z'],
  ['2026-03-01T10:00:00.5+01:00', '2026-03-01T09:00:00.500Z'],
  ['2026-03-01T10:00:00', undefined],
  ['2026-03-01T24:00:00Z', undefined],
  ['2026-03-01T10:00:00+15:00', undefined],
  ['2026-03-01\n', undefined],
  ['0000-01-01', undefined],
  ['2023-02-29', undefined],
])('the date %j is %s', (text, expected) => {
  const ms = parseDate(text)
  expect(ms === undefined ? undefined : new Date(ms).toISOString()).toBe(expected)
})
