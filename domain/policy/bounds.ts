import type { Formula } from './document.ts'
import type { Path, Refusal } from './validate.ts'
import { LIMIT_EXPONENT } from './values.ts'

/** Results of a formula that are not 0 have a magnitude from 2^lo to 2^hi; null when all are 0. */
type Bound = { lo: number; hi: number } | null

// Doubles end at 2^-1022 and 2^1024; the rest is for what rounding adds.
const LOWEST = -1000
const HIGHEST = 1000

/** Numbers, except text's: what Postgres raises for when a result leaves the range of a double. */
class OutOfRange extends Error {
  readonly path: Path
  constructor(path: Path) {
    super('A result could leave the range of numbers')
    this.path = path
  }
}

/**
 * The first part of a valid formula whose result could overflow or underflow, if there is one. Postgres raises then,
 * which would fail the items of a whole batch; JavaScript goes on with Infinity or 0.
 */
export function findOverflow(formula: Formula, path: Path): Refusal | undefined {
  try {
    boundOf(formula, path)
    return undefined
  } catch (error) {
    if (!(error instanceof OutOfRange)) throw error
    const message = `could give a number beyond 2^${HIGHEST} or, other than 0, below 2^${LOWEST}; fields can be up to 2^${LIMIT_EXPONENT}`
    return { path: error.path, message }
  }
}

function boundOf(formula: Formula, path: Path): Bound {
  const within = (bound: Bound): Bound => {
    if (bound && (bound.lo < LOWEST || bound.hi > HIGHEST)) throw new OutOfRange(path)
    return bound
  }
  const all = (parts: Formula[], key: string) => parts.map((part, i) => boundOf(part, [...path, key, i]))
  if (typeof formula === 'number') return literal(formula)
  if ('field' in formula) return hull([{ lo: -LIMIT_EXPONENT, hi: LIMIT_EXPONENT }, literal(formula.default ?? 0)])
  if ('add' in formula) return within(sum(all(formula.add, 'add')))
  if ('subtract' in formula) return within(sum(all(formula.subtract, 'subtract')))
  if ('multiply' in formula) {
    return all(formula.multiply, 'multiply').reduce((a, b) => within(a && b && { lo: a.lo + b.lo, hi: a.hi + b.hi }))
  }
  if ('divide' in formula) {
    const [a, b] = all(formula.divide, 'divide') as [Bound, Bound]
    return within(a && b && { lo: a.lo - b.hi, hi: a.hi - b.lo })
  }
  if ('min' in formula) return hull(all(formula.min, 'min'))
  if ('max' in formula) return hull(all(formula.max, 'max'))
  if ('sqrt' in formula) {
    const bound = boundOf(formula.sqrt, [...path, 'sqrt'])
    return bound && { lo: Math.floor(bound.lo / 2), hi: Math.ceil(bound.hi / 2) }
  }
  return hull([boundOf(formula.then, [...path, 'then']), boundOf(formula.else, [...path, 'else'])])
}

function literal(value: number): Bound {
  if (value === 0) return null
  const lo = Math.floor(Math.log2(Math.abs(value)))
  // One more on either side, for log2 is not exact.
  return { lo: lo - 1, hi: lo + 2 }
}

function hull(bounds: Bound[]): Bound {
  const known = bounds.filter((bound) => bound !== null)
  if (known.length === 0) return null
  return { lo: Math.min(...known.map(({ lo }) => lo)), hi: Math.max(...known.map(({ hi }) => hi)) }
}

function sum(bounds: Bound[]): Bound {
  const known = bounds.filter((bound) => bound !== null)
  const whole = hull(bounds)
  if (!whole || known.length === 1) return whole
  // All terms are multiples of the last bit of the smallest, so every partial sum is one too, however much cancels out.
  return { lo: whole.lo - 53, hi: whole.hi + Math.ceil(Math.log2(known.length)) }
}
