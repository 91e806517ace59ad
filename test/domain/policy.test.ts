import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { compilePolicy } from '../../domain/policy/compile.ts'
import { PolicyDocument, withAsOf } from '../../domain/policy/document.ts'
import { interpret } from '../../domain/policy/interpret.ts'
import { choice, item, leaf, rule, rules } from '../helpers/policies.ts'

const refusals = (input: unknown) =>
  (PolicyDocument.safeParse(input).error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`)
const nested = (levels: number): unknown => (levels === 1 ? leaf : { not: nested(levels - 1) })

describe('a policy document', () => {
  it.each([
    ['nothing', null, ' must be a policy: an object with rules'],
    ['no rules', {}, 'rules must be a list of 0 to 100'],
    ['an unknown key', { rules: [], relevanec: 1 }, 'relevanec is not known here; there is asOf, rules, relevance'],
    [
      '__proto__',
      JSON.parse('{"rules":[],"__proto__":{}}'),
      '__proto__ is not known here; there is asOf, rules, relevance',
    ],
    ['asOf without a zone', { asOf: '2026-01-01T00:00:00', rules: [] }, 'asOf must be an instant'],
    ['a rule that is none', { rules: [5] }, 'rules.0 must be an object with reason, verdict, when'],
    ['a bad reason', { rules: [rule(leaf, { reason: 'a b' })] }, 'rules.0.reason must be 1 to 100'],
    ['a reason twice', { rules: [rule(leaf), rule(leaf)] }, 'rules.1.reason is the reason of an earlier rule'],
    [
      'a bad verdict',
      { rules: [rule(leaf, { verdict: 'eligible' })] },
      'rules.0.verdict must be ineligible or pending',
    ],
    ['a missing condition', rules(undefined), 'rules.0.when must be a condition'],
    ['a key beside all', rules({ all: [leaf], any: [leaf] }), 'rules.0.when.any is not known here; there is all'],
    ['an empty all', rules({ all: [] }), 'rules.0.when.all must be a list of 1 to 100'],
    [
      'a wrong literal, deep down',
      rules(leaf, leaf, { all: [{ field: 'metadata.a', gt: '4' }] }),
      'rules.2.when.all.0.gt must be a number',
    ],
    ['no operator', rules({ field: 'title' }), 'rules.0.when needs an operator: eq, ne, in'],
    [
      'an unknown operator',
      rules({ field: 'title', like: 'x' }),
      'rules.0.when.like is not an operator; there are eq, ne, in',
    ],
    [
      'constructor as operator',
      rules({ field: 'title', constructor: 'x' }),
      'rules.0.when.constructor is not an operator',
    ],
    ['two operators', rules({ field: 'id', gt: 1, lt: 5 }), 'rules.0.when has more than one operator (gt, lt)'],
    ['an unknown field', rules({ field: 'name', eq: 'x' }), 'rules.0.when.field must be one of id, title'],
    ['a prototype key as field', rules({ field: 'toString', eq: 'x' }), 'rules.0.when.field must be one of id, title'],
    [
      'an index in a path',
      rules({ field: 'metadata.tags. -1', eq: 'x' }),
      'rules.0.when.field must be one of id, title',
    ],
    [
      'a path too long',
      rules({ field: `metadata${'.a'.repeat(11)}`, eq: 'x' }),
      'rules.0.when.field must be one of id',
    ],
    [
      'half a character in a path',
      rules({ field: 'metadata.\ud83d', eq: 'x' }),
      'rules.0.when.field must be one of id',
    ],
    [
      'lt on a text',
      rules({ field: 'title', lt: 1 }),
      'rules.0.when.lt cannot be asked of title, which is a text; it takes eq, ne, in, contains, exists, is',
    ],
    [
      'before on a number',
      rules({ field: 'trendingScore', before: '2026-01-01' }),
      'rules.0.when.before cannot be asked of trendingScore, which is a number',
    ],
    ['contains on a number', rules({ field: 'id', contains: 1 }), 'rules.0.when.contains cannot be asked of id'],
    [
      'eq on a date',
      rules({ field: 'createdAt', eq: '2026-01-01' }),
      'rules.0.when.eq cannot be asked of createdAt, which is a date; it takes between',
    ],
    ['a number for a text', rules({ field: 'title', eq: 5 }), 'rules.0.when.eq must be a string'],
    ['a text for a number', rules({ field: 'id', ne: '5' }), 'rules.0.when.ne must be a number'],
    [
      'an object for a scalar',
      rules({ field: 'metadata.a', eq: {} }),
      'rules.0.when.eq must be a string, a number, true or false',
    ],
    [
      'mixed types in a list',
      rules({ field: 'metadata.a', in: [1, 'b', 'c'] }),
      'rules.0.when.in.1 must be of the type of the first one',
    ],
    ['an empty contains', rules({ field: 'title', contains: '' }), 'rules.0.when.contains must not be empty'],
    ['NUL', rules({ field: 'title', eq: 'a\0' }), 'rules.0.when.eq must be at most 1000 characters'],
    [
      'a text too long',
      rules({ field: 'title', eq: 'a'.repeat(1001) }),
      'rules.0.when.eq must be at most 1000 characters',
    ],
    ['exists: 1', rules({ field: 'title', exists: 1 }), 'rules.0.when.exists must be true or false'],
    ['an unknown type', rules({ field: 'title', is: 'text' }), 'rules.0.when.is must be one of string, number'],
    [
      'a day that does not exist',
      rules({ field: 'createdAt', before: '2026-02-30' }),
      'rules.0.when.before must be a date such as',
    ],
    ['months', rules({ field: 'createdAt', before: { asOf: '-P1M' } }), 'rules.0.when.before.asOf must be a duration'],
    [
      'an empty duration',
      rules({ field: 'createdAt', before: { asOf: 'P' } }),
      'rules.0.when.before.asOf must be a duration',
    ],
    [
      'a duration of nothing but T',
      rules({ field: 'createdAt', before: { asOf: 'P1DT' } }),
      'rules.0.when.before.asOf must be a duration',
    ],
    [
      'more than 100 years',
      rules({ field: 'createdAt', after: { asOf: 'P36526D' } }),
      'rules.0.when.after.asOf must be a duration',
    ],
    [
      'a range upside down',
      rules({ field: 'id', between: [2, 1] }),
      'rules.0.when.between must not end before it begins',
    ],
    [
      'a range of dates upside down',
      rules({ field: 'createdAt', between: [{ asOf: 'P2D' }, { asOf: 'P1D' }] }),
      'rules.0.when.between must not end',
    ],
    ['a range of one', rules({ field: 'id', between: [2] }), 'rules.0.when.between must be a list of 2'],
    [
      'a range of both',
      rules({ field: 'metadata.a', between: [2, '2026-01-01'] }),
      'rules.0.when.between.1 must be a number',
    ],
    [
      '2^100',
      rules({ field: 'id', lt: 2 ** 100 }),
      'rules.0.when.lt must be 0 or of a magnitude from 2^-100 to below 2^100',
    ],
    ['less than 2^-100', rules({ field: 'id', lt: -(2 ** -101) }), 'rules.0.when.lt must be 0 or of a magnitude'],
    ['21 levels', rules(nested(21)), `rules.0.when${'.not'.repeat(20)} is nested too deeply`],
    [
      'a formula that is none',
      { rules: [], relevance: 'x' },
      'relevance must be a number or an object with one of field, add',
    ],
    ['log', { rules: [], relevance: { log: 2 } }, 'relevance must be a number or an object with one of field, add'],
    ['three to subtract', { rules: [], relevance: { subtract: [1, 2, 3] } }, 'relevance.subtract must be a list of 2'],
    ['21 to add', { rules: [], relevance: { add: Array(21).fill(1) } }, 'relevance.add must be a list of 1 to 20'],
    [
      'a text in a formula',
      { rules: [], relevance: { sqrt: { field: 'title' } } },
      'relevance.sqrt.field must be id, trendingScore or of the metadata; title is a text',
    ],
    ['a bad default', { rules: [], relevance: { field: 'id', default: '1' } }, 'relevance.default must be a number'],
    ['if without else', { rules: [], relevance: choice(leaf, 1) }, 'relevance.else must be a number or an object'],
  ])('with %s is refused', (_, input, expected) => {
    const found = refusals(input)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(expected)
  })

  it('has all of its faults told at once', () => {
    expect(
      refusals({ rules: [rule({ field: 'id', lt: 'x' }, { verdict: 1 })], relevance: { add: ['a', 1, 'b'] } }),
    ).toEqual([
      'rules.0.verdict must be ineligible or pending',
      'rules.0.when.lt must be a number',
      expect.stringContaining('relevance.add.0 '),
      expect.stringContaining('relevance.add.2 '),
    ])
  })

  it('may have 1000 nodes and 20 levels', () => {
    const wide = (n: number) =>
      rules(...Array.from({ length: 9 }, () => ({ all: Array(100).fill(leaf) })), { all: Array(n).fill(leaf) })
    // 10 times `all`, and one for the formula that makes 1000.
    expect(refusals({ ...wide(89), relevance: 1 })).toEqual([])
    expect(refusals({ ...wide(90), relevance: 1 })).toEqual([' is too long: 1000 conditions and formulas are the most'])
    expect(refusals({ ...wide(100), relevance: 1 })).toHaveLength(1)
    expect(refusals(rules(nested(20)))).toEqual([])
  })

  it('keeps asOf as UTC, and gets one when it has none', () => {
    const policy = PolicyDocument.parse({ rules: [], asOf: '2026-11-01T01:00:00+01:00' })
    expect(policy.asOf).toBe('2026-11-01T00:00:00.000Z')
    expect(withAsOf(policy, '2027-01-01T00:00:00.000Z')).toEqual(policy)
    const relative = PolicyDocument.parse(rules({ field: 'createdAt', after: { asOf: '-P1D' } }))
    expect(() => interpret(relative, item)).toThrow('no asOf')
    expect(() => compilePolicy(relative, 1)).toThrow('no asOf')
    expect(withAsOf(relative, '2027-01-01T00:00:00.000Z').asOf).toBe('2027-01-01T00:00:00.000Z')
  })

  it('can be part of a body that OpenAPI describes', () => {
    const body = z.object({ policy: PolicyDocument })
    for (const io of ['input', 'output'] as const) {
      expect(z.toJSONSchema(body, { io })).toMatchObject({
        properties: { policy: { type: 'object', required: ['rules'] } },
      })
    }
    expect(body.safeParse({ policy: { rules: [5] } }).error?.issues[0]?.path).toEqual(['policy', 'rules', 0])
  })
})

describe('a formula that could overflow', () => {
  const field = { field: 'metadata.x' }
  const power = (n: number) => ({ multiply: Array(n).fill(field) })
  it.each([
    ['a product', power(11), 'relevance could give'],
    ['a part of a sum', { add: [1, { subtract: [power(11), 1] }] }, 'relevance.add.1.subtract.0 could give'],
    ['a quotient of quotients', { divide: [{ divide: [power(5), power(5)] }, 2] }, 'relevance could give'],
    ['the default', { multiply: [power(9), { field: 'id', default: 2 ** 99 }, 8] }, 'relevance could give'],
    [
      'a quotient by the rest of a difference',
      { divide: [power(9), { subtract: [field, field] }] },
      'relevance could give',
    ],
    ['a sum of the largest', { add: [power(10), power(10)] }, 'relevance could give'],
    ['a branch', choice({ field: 'title', exists: true }, 1, power(11)), 'relevance.else could give'],
    ['a partial product', { multiply: [power(10), 1024, 2 ** -20] }, 'relevance could give'],
  ])('is refused: %s', (_, relevance, expected) => {
    expect(refusals({ rules: [], relevance })).toEqual([expect.stringContaining(expected)])
  })

  it.each([
    ['powers', power(10)],
    ['roots', { multiply: Array(20).fill({ sqrt: field }) }],
    ['sums of many', { add: Array(20).fill(power(9)) }],
    ['zero', { multiply: [power(10), 0, power(10)] }],
    ['a minimum', { multiply: [{ min: [field, 2] }, power(9)] }],
  ])('unless it cannot: %s', (_, relevance) => {
    expect(refusals({ rules: [], relevance })).toEqual([])
  })
})
