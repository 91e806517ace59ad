import { Problem } from '../domain/problems.ts'

/** One page of a list, and where the next one starts (null at the end). */
export interface Page<T> {
  items: T[]
  next: string | null
}

export interface PageRequest {
  limit: number
  cursor?: string | undefined
}

/** Sort keys of lists by key, or by ids that sort by age. */
export const KEY_CURSOR = /^[A-Za-z0-9._-]+$/
export const UUID_CURSOR = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
export const ULID_CURSOR = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/

/** Sort key of lists in the order in which schedules are due: due time, sequence. Postgres has no year 0. */
export const DUE_CURSOR = [
  /^(?!0000)\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/,
  /^\d{1,15}$/,
]

/**
 * Cuts a page out of `rows`, which were asked for with `limit + 1`; `keyOf` names the sort key of the last row, which
 * the next page starts after.
 */
export function page<R, T>(
  rows: R[],
  limit: number,
  toItem: (row: R) => T,
  keyOf: (row: R) => (string | number)[],
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const next = rows.length > limit && last ? writeCursor(keyOf(last)) : null
  return { items: shown.map(toItem), next }
}

/** A cursor that carries the sort key of the last row of a page. */
export function writeCursor(key: (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/**
 * Sort key that a cursor carries, each part checked by its own pattern.
 *
 * @returns undefined without a cursor
 * @throws Problem `validation-failed` for a cursor that no page gave out
 */
export function readCursor(cursor: string | undefined, ...parts: RegExp[]): string[] | undefined {
  if (cursor === undefined) return undefined
  try {
    const key = (JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[]).map(String)
    const fits = key.length === parts.length && parts.every((part, i) => part.test(key[i] ?? ''))
    // A day such as the 30th of February has the form of one.
    const exists = key.every((part) => !/^\d{4}-\d\d-\d\dT/.test(part) || new Date(part).toISOString() === part)
    if (fits && exists) return key
  } catch {}
  throw new Problem('validation-failed', 'The cursor is not one of ours.', {
    fields: [{ field: 'query.cursor', message: 'must be taken from the Link header of the page before' }],
  })
}
