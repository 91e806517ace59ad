import { parseDate, resolveDate } from './dates.ts'
import { type Condition, type Formula, type Leaf, operationOf, type PolicyDocument, type Scalar } from './document.ts'
import { type Field, isObject, type PolicyItem, parseField, readField, toNumber } from './values.ts'

/** What a policy says of an item. */
export interface Evaluation {
  status: 'eligible' | 'ineligible' | 'pending' | 'error'
  /** Rules whose condition holds, in the document's order; of an error, what could not be decided, `relevance` last. */
  reasons: string[]
  /** Null of an error. */
  relevance: number | null
}

/** Data that a condition or a formula cannot be computed with. */
interface Cause {
  what: string
  value?: unknown
  needed?: string
}

const NUMBER = 'a number of less than 2^100'
const DATE = 'a date such as 2026-03-01 or 2026-03-01T09:00:00Z'

/** Neither true nor false: what SQL's NULL is in AND, OR and NOT. */
class Undecided {
  readonly causes: Cause[]
  constructor(causes: Cause[]) {
    this.causes = causes
  }
}

type Truth = boolean | Undecided

/**
 * Evaluates a valid document for one item, exactly as the SQL of `compilePolicy` does.
 *
 * @throws when the document has relative dates and no `asOf`
 */
export function interpret(document: PolicyDocument, item: PolicyItem): Evaluation {
  const { rules, relevance } = evaluate(document, item)
  const undecided = rules.filter(({ truth }) => truth instanceof Undecided).map(({ reason }) => reason)
  if (relevance instanceof Undecided) return { status: 'error', reasons: [...undecided, 'relevance'], relevance: null }
  if (undecided.length > 0) return { status: 'error', reasons: undecided, relevance: null }
  const matching = rules.filter(({ truth }) => truth === true)
  const says = (verdict: string) => matching.some((rule) => rule.verdict === verdict)
  const status = says('ineligible') ? 'ineligible' : says('pending') ? 'pending' : 'eligible'
  // + 0 turns -0 into 0.
  return { status, reasons: matching.map(({ reason }) => reason), relevance: relevance + 0 }
}

/**
 * Why an item's evaluation is an error, for people, at most 500 characters in all: lines such as
 * `too-long: metadata.runtimeMinutes is a string ("abc"), a number is needed`.
 *
 * @throws when the document has relative dates and no `asOf`
 */
export function explainErrors(document: PolicyDocument, item: PolicyItem): string[] {
  const { rules, relevance } = evaluate(document, item)
  const lines = [...rules, { reason: 'relevance', truth: relevance }].flatMap(({ reason, truth }) =>
    truth instanceof Undecided ? truth.causes.map((cause) => `${reason}: ${describe(cause)}`) : [],
  )
  const shown: string[] = []
  let length = 0
  for (const line of new Set(lines)) {
    length += line.length + 1
    // 20 are left for the last line.
    if (length > 480) return [...shown, '… and more']
    shown.push(line)
  }
  return shown
}

function evaluate(document: PolicyDocument, item: PolicyItem) {
  const rules = document.rules.map((rule) => ({ ...rule, truth: conditionOf(rule.when, document, item) }))
  return { rules, relevance: numberOf(document.relevance ?? 0, document, item) }
}

function conditionOf(condition: Condition, document: PolicyDocument, item: PolicyItem): Truth {
  if ('all' in condition) return every(condition.all.map((part) => conditionOf(part, document, item)))
  if ('any' in condition) return not(every(condition.any.map((part) => not(conditionOf(part, document, item)))))
  if ('not' in condition) return not(conditionOf(condition.not, document, item))
  return leafOf(condition, document, item)
}

function every(parts: Truth[]): Truth {
  if (parts.includes(false)) return false
  return undecidedOf(parts) ?? true
}

function not(truth: Truth): Truth {
  return truth instanceof Undecided ? truth : !truth
}

function undecidedOf(parts: unknown[]): Undecided | undefined {
  const undecided = parts.filter((part) => part instanceof Undecided)
  return undecided.length > 0 ? new Undecided(undecided.flatMap(({ causes }) => causes)) : undefined
}

function leafOf(leaf: Leaf, document: PolicyDocument, item: PolicyItem): Truth {
  const field = parseField(leaf.field) as Field
  const value = readField(item, field)
  const operation = operationOf(leaf)
  const { operator, literal } = operation
  if (operator === 'exists') return (value !== undefined) === literal
  if (value === undefined) return operator === 'ne'
  const bad = (needed: string) => new Undecided([{ what: leaf.field, value, needed }])
  const withNumber = (test: (number: number) => boolean): Truth => {
    const number = toNumber(value)
    return number === undefined ? bad(NUMBER) : test(number)
  }
  const withDate = (test: (ms: number) => boolean): Truth => {
    const ms = dateOf(field, value)
    return ms === undefined ? bad(DATE) : test(ms)
  }
  const equalsOneOf = (literals: Scalar[]): Truth => {
    if (typeof value !== typeof literals[0]) return false
    return typeof value === 'number'
      ? withNumber((number) => literals.includes(number))
      : literals.includes(value as Scalar)
  }
  switch (operator) {
    case 'eq':
      return equalsOneOf([literal])
    case 'ne':
      return not(equalsOneOf([literal]))
    case 'in':
      return equalsOneOf(literal)
    case 'lt':
      return withNumber((number) => number < literal)
    case 'lte':
      return withNumber((number) => number <= literal)
    case 'gt':
      return withNumber((number) => number > literal)
    case 'gte':
      return withNumber((number) => number >= literal)
    case 'before':
      return withDate((ms) => ms < resolveDate(literal, document.asOf))
    case 'after':
      return withDate((ms) => ms > resolveDate(literal, document.asOf))
    case 'between': {
      const [from, to] = literal
      if (typeof from === 'number' && typeof to === 'number')
        return withNumber((number) => from <= number && number <= to)
      const [begin, end] = literal.map((date) => resolveDate(date as string, document.asOf)) as [number, number]
      return withDate((ms) => begin <= ms && ms <= end)
    }
    case 'contains':
      if (Array.isArray(value)) return value.some((element) => (toNumber(element) ?? element) === literal)
      if (typeof literal !== 'string') return bad('an array')
      return typeof value === 'string' ? value.includes(literal) : bad('a string or an array')
    case 'is':
      return isOf(literal, field, value)
  }
}

function dateOf(field: Field, value: unknown): number | undefined {
  if (field.type === 'date') return value as number
  return field.type === 'metadata' && typeof value === 'string' ? parseDate(value) : undefined
}

function isOf(type: string, field: Field, value: unknown): boolean {
  if (type === 'date') return dateOf(field, value) !== undefined
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isObject(value)
  return field.type !== 'date' && typeof value === type
}

function numberOf(formula: Formula, document: PolicyDocument, item: PolicyItem): number | Undecided {
  const all = (parts: Formula[], combine: (numbers: number[]) => number | Undecided): number | Undecided => {
    const results = parts.map((part) => numberOf(part, document, item))
    return undecidedOf(results) ?? combine(results as number[])
  }
  if (typeof formula === 'number') return formula
  if ('field' in formula) {
    const value = readField(item, parseField(formula.field) as Field)
    if (value === undefined) return formula.default ?? 0
    return toNumber(value) ?? new Undecided([{ what: formula.field, value, needed: NUMBER }])
  }
  // From left to right, as the SQL does, so that both round alike.
  if ('add' in formula) return all(formula.add, (numbers) => numbers.reduce((a, b) => a + b))
  if ('multiply' in formula) return all(formula.multiply, (numbers) => numbers.reduce((a, b) => a * b))
  if ('subtract' in formula) return all(formula.subtract, ([a, b]) => (a as number) - (b as number))
  if ('divide' in formula) {
    return all(formula.divide, ([a, b]) =>
      b === 0 ? new Undecided([{ what: 'it divides by 0' }]) : (a as number) / (b as number),
    )
  }
  if ('min' in formula) return all(formula.min, (numbers) => Math.min(...numbers))
  if ('max' in formula) return all(formula.max, (numbers) => Math.max(...numbers))
  // There is no log, exp or pow: unlike the square root, their last bit differs between libraries.
  if ('sqrt' in formula) {
    return all([formula.sqrt], ([x]) =>
      (x as number) < 0
        ? new Undecided([{ what: 'it takes the square root of a negative number' }])
        : Math.sqrt(x as number),
    )
  }
  const truth = conditionOf(formula.if, document, item)
  return truth instanceof Undecided ? truth : numberOf(truth ? formula.then : formula.else, document, item)
}

function describe({ what, value, needed }: Cause): string {
  if (needed === undefined) return what
  const type = Array.isArray(value) ? 'an array' : isObject(value) ? 'an object' : `a ${typeof value}`
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? '')
  return `${cut(what, 80)} is ${type} (${cut(text, 40)}), ${needed} is needed`
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`
}
