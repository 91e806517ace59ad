import { type Column, SMALLEST, TOO_LARGE } from './values.ts'

/** Columns of `media_items` by the names that policies know them by. */
export const SQL_COLUMNS: Record<Column, string> = {
  id: 'id',
  title: 'title',
  mediaType: 'media_type',
  releasedAt: 'released_at',
  trendingScore: 'trending_score',
  createdAt: 'created_at',
}

/** Makes `value` a parameter of the statement; returns what stands for it in the text, cast to `type`. */
export type Parameter = (value: unknown, type: string) => string

// The numbers of JSON have any length; these lie halfway to the nearest double below, where rounding up begins.
const ROUNDS_TO_TOO_LARGE = String(2n ** 100n - 2n ** 46n)
const ROUNDS_TO_SMALLEST = `${(2n ** 54n - 1n) * 5n ** 154n}e-154`

/** What `toNumber` makes of a float8: NULL when it cannot be computed with. */
export function floatNumber(value: string, parameter: Parameter): string {
  const [smallest, tooLarge] = [parameter(SMALLEST, 'float8'), parameter(TOO_LARGE, 'float8')]
  return `CASE WHEN abs(${value}) < ${smallest} THEN 0 WHEN abs(${value}) < ${tooLarge} THEN ${value} END`
}

/** What `toNumber` makes of a jsonb value, as float8; NULL when it cannot be computed with. */
export function jsonNumber(value: string, parameter: Parameter): string {
  const json = (number: string) => parameter(number, 'jsonb')
  const [smallest, tooLarge] = [json(ROUNDS_TO_SMALLEST), json(ROUNDS_TO_TOO_LARGE)]
  const [negative, tooNegative] = [json(`-${ROUNDS_TO_SMALLEST}`), json(`-${ROUNDS_TO_TOO_LARGE}`)]
  // In the order of jsonb only numbers lie between two numbers. The usual ones come first, in two comparisons.
  return `CASE WHEN ${value} >= ${smallest} AND ${value} < ${tooLarge} THEN ${value}::float8
    WHEN ${value} > ${negative} AND ${value} < ${smallest} THEN 0
    WHEN ${value} > ${tooNegative} AND ${value} <= ${negative} THEN ${value}::float8 END`
}

const DAY = '[0-9]{4}-[0-9]{2}-[0-9]{2}'
const TIME = '(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,3})?'
const ZONE = '(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])'

/** What `parseDate` makes of a text, as timestamptz; NULL when it is no date. */
export function textDate(text: string): string {
  const valid = (sql: string) => `pg_input_is_valid(${sql}, 'timestamptz')`
  const midnight = `${text} || 'T00:00:00Z'`
  // One pattern for both took 2 µs a value, the one for the day takes 0.7.
  return `CASE WHEN length(${text}) = 10 THEN
      CASE WHEN ${text} COLLATE "C" ~ '^${DAY}$' AND ${valid(midnight)} THEN (${midnight})::timestamptz END
    WHEN length(${text}) < 30 AND ${text} COLLATE "C" ~ '^${DAY}T${TIME}${ZONE}$' AND ${valid(text)} THEN ${text}::timestamptz END`
}

/** An instant, in milliseconds since the epoch, as Postgres reads it. */
export function timestampText(ms: number): string {
  const date = new Date(ms)
  const year = date.getUTCFullYear()
  const rest = date.toISOString().replace(/^[+-]?[0-9]+/, '')
  // The year before 1 is 0 in JavaScript and 1 BC in Postgres.
  return year > 0 ? `${String(year).padStart(4, '0')}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`
}
