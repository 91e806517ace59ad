import { findOverflow } from './bounds.ts'
import { parseDate, parseDuration } from './dates.ts'
import type { Formula, Operators } from './document.ts'
import { type Field, isObject, isStorable, LIMIT_EXPONENT, parseField, SMALLEST, TOO_LARGE } from './values.ts'

export type Path = (string | number)[]

export interface Refusal {
  path: Path
  message: string
}

const MAX_DEPTH = 20
const MAX_NODES = 1000

const TOO_LONG = `is too long: ${MAX_NODES} conditions and formulas are the most`

const KNOWN = 'eq ne in lt lte gt gte between before after contains exists is'.split(' ')
const ACCEPTED: Record<Field['type'], string[]> = {
  number: 'eq ne in lt lte gt gte between exists is'.split(' '),
  text: 'eq ne in contains exists is'.split(' '),
  date: 'between before after exists is'.split(' '),
  metadata: KNOWN,
}
const TYPES: Operators['is'][] = ['string', 'number', 'boolean', 'array', 'object', 'date']

const FIELD_NEEDED =
  'must be one of id, title, mediaType, releasedAt, trendingScore, createdAt, or metadata. and a path of 1 to 10 keys, each of 1 to 100 characters and not an integer'
const DATE_NEEDED =
  'must be a date such as 2026-03-01, an instant such as 2026-03-01T09:00:00Z, or {"asOf": "-P30D"} for a time before or after asOf'
const DURATION_NEEDED =
  'must be a duration of weeks, days, hours, minutes, seconds, at most 100 years, such as -P30D or PT12H'
const CONDITION_NEEDED = 'must be a condition: an object with all, any or not, or with field and an operator'
const FORMS = ['field', 'add', 'multiply', 'subtract', 'divide', 'min', 'max', 'sqrt', 'if'] as const
const FORMULA_NEEDED = `must be a number or an object with one of ${FORMS.join(', ')}`

/** What is wrong with a policy document, each with its path; nothing when it is a valid one. */
export function findRefusals(document: unknown): Refusal[] {
  const walk = new Walk()
  walk.attempt(() => walk.document(document))
  if (walk.refusals.length > 0) return walk.refusals
  const { relevance = 0 } = document as { relevance?: Formula }
  const overflow = findOverflow(relevance, ['relevance'])
  return overflow ? [overflow] : []
}

class Fault extends Error {
  readonly path: Path
  constructor(path: Path, message: string) {
    super(message)
    this.path = path
  }
}

function refuse(path: Path, message: string): never {
  throw new Fault(path, message)
}

/** One way through a document. Each fault is found where it is, so that nobody has to read what else it might have been. */
class Walk {
  readonly refusals: Refusal[] = []
  private nodes = 0

  /** Keeps the fault that `check` finds, so that its neighbours are looked at too. */
  attempt(check: () => void): void {
    try {
      check()
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      const { path, message } = error
      // That a document is too long is found in more than one of its parts.
      if (message !== TOO_LONG || this.refusals.at(-1)?.message !== TOO_LONG) this.refusals.push({ path, message })
    }
  }

  document(value: unknown): void {
    const { asOf, rules, relevance } = object(
      value,
      [],
      ['asOf', 'rules', 'relevance'],
      'must be a policy: an object with rules',
    )
    this.attempt(() => {
      const isInstant = typeof asOf === 'string' && asOf.includes('T') && parseDate(asOf) !== undefined
      if (asOf !== undefined && !isInstant) {
        refuse(['asOf'], 'must be an instant with its zone, such as 2026-03-01T09:00:00Z')
      }
    })
    const reasons = new Set<unknown>()
    this.attempt(() => this.list(rules, ['rules'], 0, 100, (rule, path) => this.rule(rule, path, reasons)))
    if (relevance !== undefined) this.attempt(() => this.formula(relevance, ['relevance'], 1))
  }

  private rule(value: unknown, path: Path, reasons: Set<unknown>): void {
    const { reason, verdict, when } = object(value, path, ['reason', 'verdict', 'when'])
    this.attempt(() => {
      if (typeof reason !== 'string' || !/^[A-Za-z0-9._-]{1,100}$/.test(reason)) {
        refuse([...path, 'reason'], 'must be 1 to 100 of A-Z a-z 0-9 . _ -')
      }
      if (reasons.has(reason)) refuse([...path, 'reason'], 'is the reason of an earlier rule')
      reasons.add(reason)
    })
    this.attempt(() => {
      if (verdict !== 'ineligible' && verdict !== 'pending') {
        refuse([...path, 'verdict'], 'must be ineligible or pending')
      }
    })
    this.condition(when, [...path, 'when'], 1)
  }

  private condition(value: unknown, path: Path, depth: number): void {
    this.enter(path, depth)
    if (!isObject(value)) refuse(path, CONDITION_NEEDED)
    const form = ['all', 'any', 'not', 'field'].find((key) => Object.hasOwn(value, key))
    if (form === undefined) refuse(path, CONDITION_NEEDED)
    if (form !== 'field') object(value, path, [form])
    const inner = [...path, form]
    if (form === 'field') checkLeaf(value, path)
    else if (form === 'not') this.condition(value.not, inner, depth + 1)
    else this.list(value[form], inner, 1, 100, (part, at) => this.condition(part, at, depth + 1))
  }

  private formula(value: unknown, path: Path, depth: number): void {
    this.enter(path, depth)
    if (typeof value === 'number') checkNumber(value, path)
    else this.operation(value, path, depth)
  }

  private operation(value: unknown, path: Path, depth: number): void {
    if (!isObject(value)) refuse(path, FORMULA_NEEDED)
    const form = FORMS.find((key) => Object.hasOwn(value, key))
    if (form === undefined) refuse(path, FORMULA_NEEDED)
    const others = { field: ['default'], if: ['then', 'else'] }[form as string] ?? []
    object(value, path, [form, ...others])
    const inner = [...path, form]
    if (form === 'field') checkFormulaField(value, path)
    else if (form === 'sqrt') this.formula(value.sqrt, inner, depth + 1)
    else if (form === 'if') {
      this.attempt(() => this.condition(value.if, inner, depth + 1))
      this.attempt(() => this.formula(value.then, [...path, 'then'], depth + 1))
      this.formula(value.else, [...path, 'else'], depth + 1)
    } else {
      const [least, most] = form === 'subtract' || form === 'divide' ? [2, 2] : [1, 20]
      this.list(value[form], inner, least, most, (part, at) => this.formula(part, at, depth + 1))
    }
  }

  private enter(path: Path, depth: number): void {
    this.nodes += 1
    if (depth > MAX_DEPTH) refuse(path, `is nested too deeply: ${MAX_DEPTH} levels are the most`)
    if (this.nodes > MAX_NODES) refuse([], TOO_LONG)
  }

  private list(
    value: unknown,
    path: Path,
    least: number,
    most: number,
    check: (element: unknown, path: Path) => void,
  ): void {
    for (const [i, element] of list(value, path, least, most).entries()) {
      this.attempt(() => check(element, [...path, i]))
      if (this.nodes > MAX_NODES) return
    }
  }
}

function checkLeaf(value: Record<string, unknown>, path: Path): void {
  const operators = Object.keys(value).filter((key) => key !== 'field')
  const unknown = operators.find((key) => !KNOWN.includes(key))
  if (unknown !== undefined) refuse(at(path, unknown), `is not an operator; there are ${KNOWN.join(', ')}`)
  const [operator, second] = operators
  if (operator === undefined) refuse(path, `needs an operator: ${KNOWN.join(', ')}`)
  if (second !== undefined) {
    refuse(path, `has more than one operator (${operators.join(', ')}); combine conditions with all or any`)
  }
  const { type } = fieldOf(value.field, [...path, 'field'])
  const inner = [...path, operator]
  if (!ACCEPTED[type].includes(operator)) {
    refuse(inner, `cannot be asked of ${value.field}, which is a ${type}; it takes ${ACCEPTED[type].join(', ')}`)
  }
  checkLiteral(operator, value[operator], type, inner)
}

function checkLiteral(operator: string, value: unknown, type: Field['type'], path: Path): void {
  switch (operator) {
    case 'in':
      for (const [i, element] of list(value, path, 1, 1000).entries()) {
        checkScalar(element, [...path, i], type)
        if (typeof element !== typeof (value as unknown[])[0])
          refuse([...path, i], 'must be of the type of the first one')
      }
      return
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      checkNumber(value, path)
      return
    case 'before':
    case 'after':
      dateOf(value, path)
      return
    case 'between':
      checkBetween(value, type, path)
      return
    case 'exists':
      if (typeof value !== 'boolean') refuse(path, 'must be true or false')
      return
    case 'is':
      if (!TYPES.some((known) => known === value)) refuse(path, `must be one of ${TYPES.join(', ')}`)
      return
    case 'contains':
      if (value === '') refuse(path, 'must not be empty')
  }
  checkScalar(value, path, type)
}

function checkBetween(value: unknown, type: Field['type'], path: Path): void {
  const [from, to] = list(value, path, 2, 2)
  const bounds: unknown[] = [from, to]
  if (type === 'number' || (type === 'metadata' && typeof from === 'number')) {
    for (const [i, bound] of bounds.entries()) checkNumber(bound, [...path, i])
  } else for (const i of bounds.keys()) bounds[i] = dateOf(bounds[i], [...path, i])
  // Of a date and a duration nobody knows the order before asOf is known.
  if (typeof from === typeof to && Number(bounds[0]) > Number(bounds[1])) {
    refuse(path, 'must not end before it begins')
  }
}

function checkScalar(value: unknown, path: Path, type: Field['type']): void {
  if (type === 'metadata' && typeof value === 'boolean') return
  if (type === 'number' || (type === 'metadata' && typeof value === 'number')) {
    checkNumber(value, path)
    return
  }
  if (typeof value !== 'string') {
    refuse(path, type === 'text' ? 'must be a string' : 'must be a string, a number, true or false')
  }
  if (value.length > 1000 || !isStorable(value)) {
    refuse(path, 'must be at most 1000 characters of well-formed Unicode without NUL')
  }
}

function checkNumber(value: unknown, path: Path): void {
  if (typeof value !== 'number') refuse(path, 'must be a number')
  if (value !== 0 && !(Math.abs(value) >= SMALLEST && Math.abs(value) < TOO_LARGE)) {
    refuse(path, `must be 0 or of a magnitude from 2^-${LIMIT_EXPONENT} to below 2^${LIMIT_EXPONENT}`)
  }
}

/** Milliseconds: since the epoch, or of a duration. */
function dateOf(value: unknown, path: Path): number {
  if (isObject(value) && Object.hasOwn(value, 'asOf')) {
    const { asOf } = object(value, path, ['asOf'])
    const duration = typeof asOf === 'string' ? parseDuration(asOf) : undefined
    return duration ?? refuse([...path, 'asOf'], DURATION_NEEDED)
  }
  const date = typeof value === 'string' ? parseDate(value) : undefined
  return date ?? refuse(path, DATE_NEEDED)
}

function fieldOf(value: unknown, path: Path): Field {
  const field = typeof value === 'string' ? parseField(value) : undefined
  return field ?? refuse(path, FIELD_NEEDED)
}

function checkFormulaField(value: Record<string, unknown>, path: Path): void {
  const { type } = fieldOf(value.field, [...path, 'field'])
  if (type === 'text' || type === 'date') {
    refuse([...path, 'field'], `must be id, trendingScore or of the metadata; ${value.field} is a ${type}`)
  }
  if (value.default !== undefined) checkNumber(value.default, [...path, 'default'])
}

function object(
  value: unknown,
  path: Path,
  keys: string[],
  message = `must be an object with ${keys.join(', ')}`,
): Record<string, unknown> {
  if (!isObject(value)) refuse(path, message)
  const unknown = Object.keys(value).find((key) => !keys.includes(key))
  if (unknown !== undefined) refuse(at(path, unknown), `is not known here; there is ${keys.join(', ')}`)
  return value
}

function list(value: unknown, path: Path, least: number, most: number): unknown[] {
  if (Array.isArray(value) && value.length >= least && value.length <= most) return value
  return refuse(path, least === most ? `must be a list of ${most}` : `must be a list of ${least} to ${most}`)
}

/** The path of a key that somebody made up; of its object, when the key would swell the answer. */
function at(path: Path, key: string): Path {
  return key.length <= 100 ? [...path, key] : path
}
