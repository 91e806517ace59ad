import { z } from 'zod'
import { findRefusals } from './validate.ts'

export type Scalar = string | number | boolean

/** `YYYY-MM-DD` (midnight UTC), an instant with its zone, or a signed ISO 8601 duration counted from the document's `asOf`. */
export type DateLiteral = string | { asOf: string }

/** What a condition can ask of a field, and the literal that each operator takes. */
export interface Operators {
  eq: Scalar
  ne: Scalar
  in: Scalar[]
  lt: number
  lte: number
  gt: number
  gte: number
  between: [number, number] | [DateLiteral, DateLiteral]
  before: DateLiteral
  after: DateLiteral
  contains: Scalar
  exists: boolean
  is: 'string' | 'number' | 'boolean' | 'array' | 'object' | 'date'
}

/** `{field, <operator>: <literal>}`, with exactly one operator. */
export type Leaf = { [O in keyof Operators]: { field: string } & Record<O, Operators[O]> }[keyof Operators]

export type Condition = { all: Condition[] } | { any: Condition[] } | { not: Condition } | Leaf

export type Formula =
  | number
  | { field: string; default?: number }
  | { add: Formula[] }
  | { multiply: Formula[] }
  | { subtract: [Formula, Formula] }
  | { divide: [Formula, Formula] }
  | { min: Formula[] }
  | { max: Formula[] }
  | { sqrt: Formula }
  | { if: Condition; then: Formula; else: Formula }

interface Rule {
  reason: string
  verdict: 'ineligible' | 'pending'
  when: Condition
}

export interface PolicyDocument {
  /** The instant that relative dates count from: UTC, milliseconds. */
  asOf?: string
  rules: Rule[]
  /** 0 when it is missing. */
  relevance?: Formula
}

/** A policy as requests carry it. Every fault is one issue, whose path points into the document. */
export const PolicyDocument = z
  .any()
  .check((payload) => {
    const refusals = findRefusals(payload.value)
    for (const { path, message } of refusals) {
      payload.issues.push({ code: 'custom', path, message, input: payload.value })
    }
    const { asOf } = Object(payload.value)
    // Only what is kept changes: the document stays as it was written.
    if (refusals.length === 0 && asOf) payload.value = { ...payload.value, asOf: new Date(asOf).toISOString() }
  })
  .meta({
    description:
      'A policy: rules that make an item ineligible or pending when their condition holds, and a formula for its relevance',
    type: 'object',
    required: ['rules'],
    example: {
      rules: [
        { reason: 'too-long', verdict: 'ineligible', when: { field: 'metadata.runtimeMinutes', gt: 240 } },
        { reason: 'unrated', verdict: 'pending', when: { field: 'metadata.rating', exists: false } },
      ],
      relevance: {
        add: [{ field: 'trendingScore' }, { multiply: [10, { field: 'metadata.imdb.rating', default: 5 }] }],
      },
    },
  }) as unknown as z.ZodType<PolicyDocument, PolicyDocument>

/** The document with an instant to count relative dates from: its own, or else `instant` (ISO 8601, UTC). */
export function withAsOf(document: PolicyDocument, instant: string): PolicyDocument {
  return { ...document, asOf: document.asOf ?? instant }
}

export type Operation = {
  [O in keyof Operators]: { operator: O; literal: Operators[O] }
}[keyof Operators]

/** The one operator of a leaf and its literal. */
export function operationOf(leaf: Leaf): Operation {
  const [operator, literal] = Object.entries(leaf).find(([key]) => key !== 'field') as [string, unknown]
  return { operator, literal } as Operation
}
