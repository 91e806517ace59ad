import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compilePolicy } from '../../domain/policy/compile.ts'
import { type Condition, operationOf, PolicyDocument } from '../../domain/policy/document.ts'
import { type Evaluation, interpret } from '../../domain/policy/interpret.ts'
import { type Field, type PolicyItem, parseField, readField, toNumber } from '../../domain/policy/values.ts'
import { createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { DATES, document, item } from './policy-arbitraries.ts'

// One connection, for a temporary table.
const db = openTestDatabase(await createTestDatabase(), { connections: 1, statementTimeoutMs: 30_000 })

const ITEMS = 150
const DOCUMENTS = 500

function leavesOf(condition: Condition): Extract<Condition, { field: string }>[] {
  if ('all' in condition) return condition.all.flatMap(leavesOf)
  if ('any' in condition) return condition.any.flatMap(leavesOf)
  return 'not' in condition ? leavesOf(condition.not) : [condition]
}

function kindOf(field: Field, value: unknown): string {
  if (field.column) return value === undefined ? 'missing column' : 'column'
  if (value === undefined) return 'missing'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number' && toNumber(value) === undefined) return 'huge number'
  if (typeof value === 'string' && DATES.includes(value)) return 'date string'
  return typeof value
}

it('I10: the interpreter and the SQL say the same of any item under any policy', async () => {
  const { pool } = db
  const items = fc.sample(item, { numRuns: ITEMS, seed: 1 })
  await pool.query(`CREATE TEMP TABLE media_items (id bigint, title text, media_type text, released_at timestamptz,
    trending_score float8, created_at timestamptz, metadata jsonb NOT NULL)`)
  for (const [i, { title, mediaType, releasedAt, trendingScore, createdAt, metadata }] of items.entries()) {
    await pool.query(
      `INSERT INTO media_items SELECT $1, $2, $3, 'epoch'::timestamptz + $4 * interval '1 ms', $5, 'epoch'::timestamptz + $6 * interval '1 ms', $7::text::jsonb`,
      [i % 50 === 0 ? 2 ** 53 - 1 : i, title, mediaType, releasedAt, trendingScore, createdAt, metadata],
    )
  }
  const epoch = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`
  const { rows } = await pool.query<PolicyItem>(
    `SELECT id, title, media_type AS "mediaType", ${epoch('released_at')} AS "releasedAt", trending_score AS "trendingScore",
       ${epoch('created_at')} AS "createdAt", metadata FROM media_items ORDER BY ctid`,
  )
  const met = new Map<string, number>()
  const count = (what: string) => met.set(what, (met.get(what) ?? 0) + 1)
  await fc.assert(
    fc.asyncProperty(document, async (input) => {
      const policy = PolicyDocument.parse(input)
      const { over, values } = compilePolicy(policy, 2)
      const { rows: evaluations } = await pool.query<Evaluation>(
        `SELECT status, reasons, relevance FROM (${over('(SELECT *, ctid AS place FROM media_items WHERE id >= $1)', ['id', 'place'])}) e ORDER BY place`,
        [0, ...values],
      )
      expect(evaluations).toHaveLength(ITEMS)
      for (const [i, row] of rows.entries()) {
        const expected = interpret(policy, row)
        const actual = evaluations[i] as Evaluation
        if (
          actual.status !== expected.status ||
          String(actual.reasons) !== String(expected.reasons) ||
          !Object.is(actual.relevance, expected.relevance)
        ) {
          expect.fail(JSON.stringify({ input, row, actual, expected }))
        }
        count(expected.status)
        if (expected.reasons.length > 1) count('several reasons')
        if (expected.relevance) count('relevance')
        for (const found of policy.rules.flatMap(({ when }) => leavesOf(when))) {
          const field = parseField(found.field) as Field
          count(`${operationOf(found).operator} of ${kindOf(field, readField(row, field))}`)
        }
      }
    }),
    { numRuns: DOCUMENTS, seed: 2, endOnFailure: true },
  )
  for (const status of ['eligible', 'ineligible', 'pending', 'error', 'several reasons', 'relevance']) {
    expect.soft(met.get(status), status).toBeGreaterThan(500)
  }
  for (const operator of 'eq ne in lt lte gt gte between before after contains exists is'.split(' ')) {
    for (const kind of [
      'missing',
      'string',
      'number',
      'huge number',
      'boolean',
      'array',
      'object',
      'date string',
      'column',
    ]) {
      expect.soft(met.get(`${operator} of ${kind}`), `${operator} of ${kind}`).toBeGreaterThan(0)
    }
  }
}, 120_000)

it('nothing of a document is in the text of its SQL', () => {
  const evil = fc
    .constantFrom("'", '"', '$1', '; DROP TABLE x; --', "')", '\\', '*/', '$$')
    .map((text) => `EVIL${text}`)
  const evilPath = evil.map((text) => `metadata.${text}.${text}`)
  fc.assert(
    fc.property(evil, evilPath, fc.integer({ min: 1_000_000_001, max: 2_000_000_000 }), (text, field, number) => {
      const leaves = [
        { eq: text },
        { ne: text },
        { in: [text, text] },
        { contains: text },
        { contains: number },
        { exists: true },
        { is: 'date' },
        { lt: number },
        { in: [number] },
        { between: [number, number] },
        { after: '2019-01-01' },
      ]
      const policy = PolicyDocument.parse({
        rules: leaves.map((leaf, i) => ({ reason: `EVIL-${i}`, verdict: 'pending', when: { field, ...leaf } })),
        relevance: { add: [{ field, default: number }, number] },
      })
      const { values, over } = compilePolicy(policy, 7)
      const sql = over('media_items', ['id'])
      expect(sql).not.toMatch(/EVIL|DROP|2019|[0-9]{7}/)
      const used = new Set([...sql.matchAll(/\$([0-9]+)/g)].map(([, n]) => Number(n)))
      expect([...used].toSorted((a, b) => a - b)).toEqual(values.map((_, i) => 7 + i))
    }),
  )
})

it.each([{ lt: 5 }, { before: '2020-01-01' }, { contains: 5 }])(
  'Postgres takes 900 fields with %j',
  async (operation) => {
    const fields = Array.from({ length: 900 }, (_, i) => ({ field: `metadata.key${i}`, ...operation }))
    const policy = PolicyDocument.parse({
      rules: Array.from({ length: 90 }, (_, i) => {
        return { reason: `r${i}`, verdict: 'pending', when: { any: fields.slice(i * 10, i * 10 + 10) } }
      }),
    })
    const { over, values } = compilePolicy(policy, 1)
    const { rows } = await db.pool.query(over(`(SELECT '{}'::jsonb AS metadata)`, []), values)
    expect(rows).toEqual([{ status: 'eligible', reasons: [], relevance: 0 }])
  },
)
