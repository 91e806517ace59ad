import type { DateLiteral } from './document.ts'

const DATE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/
const INSTANT =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,3})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$/

/** The milliseconds since the epoch that a `YYYY-MM-DD` (midnight UTC) or an instant with its zone stands for, years 0001 to 9999. */
export function parseDate(text: string): number | undefined {
  if (!DATE.test(text) && !INSTANT.test(text)) return undefined
  const day = text.slice(0, 10)
  const midnight = Date.parse(`${day}T00:00:00Z`)
  // Date takes the 30th of February for the 2nd of March, and has a year 0.
  if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day || day < '0001') return undefined
  return text === day ? midnight : Date.parse(text)
}

const DURATION =
  /^([+-]?)P(?=.)(?:(\d{1,12})W)?(?:(\d{1,12})D)?(?:T(?=.)(?:(\d{1,12})H)?(?:(\d{1,12})M)?(?:(\d{1,12})S)?)?$/
const UNITS_MS = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000]
const HUNDRED_YEARS_MS = 36_525 * 86_400_000

/** A signed ISO 8601 duration of units of fixed length (weeks to seconds), at most 100 years, in milliseconds. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  if (!match) return undefined
  const ms = UNITS_MS.reduce((sum, unit, i) => sum + unit * Number(match[i + 2] ?? 0), 0)
  if (ms > HUNDRED_YEARS_MS) return undefined
  // 0 - ms, because -0 is a value of its own.
  return match[1] === '-' ? 0 - ms : ms
}

/**
 * The milliseconds since the epoch that a literal of a valid document stands for.
 *
 * @throws when it is relative and the document has no `asOf`
 */
export function resolveDate(literal: DateLiteral, asOf: string | undefined): number {
  if (typeof literal === 'string') return parseDate(literal) as number
  if (asOf === undefined) throw new Error('The policy has relative dates and no asOf; withAsOf fills it in')
  return Date.parse(asOf) + (parseDuration(literal.asOf) as number)
}
