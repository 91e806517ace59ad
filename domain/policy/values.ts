/** What a policy sees of an item. */
export interface PolicyItem {
  id: number
  title: string | null
  mediaType: string | null
  /** Milliseconds since the epoch, like `createdAt`. */
  releasedAt: number | null
  trendingScore: number
  createdAt: number
  /** A JSON object. */
  metadata: unknown
}

// Between these magnitudes no formula that was let in can overflow, which Postgres would raise for.
export const LIMIT_EXPONENT = 100
export const TOO_LARGE = 2 ** LIMIT_EXPONENT
export const SMALLEST = 2 ** -LIMIT_EXPONENT

const COLUMNS = {
  id: 'number',
  title: 'text',
  mediaType: 'text',
  releasedAt: 'date',
  trendingScore: 'number',
  createdAt: 'date',
} as const satisfies Partial<Record<keyof PolicyItem, string>>

export type Column = keyof typeof COLUMNS

/** A field of an item: a column with its type, or a path into the metadata, whose type only the item knows. */
export type Field =
  | { column: Column; type: (typeof COLUMNS)[Column] }
  | { column: undefined; type: 'metadata'; path: string[] }

/** The field that a document names, unless there is no such field. */
export function parseField(name: string): Field | undefined {
  if (Object.hasOwn(COLUMNS, name)) return { column: name as Column, type: COLUMNS[name as Column] }
  const [root, ...path] = name.split('.')
  if (root !== 'metadata' || path.length < 1 || path.length > 10 || !path.every(isSegment)) return undefined
  return { column: undefined, type: 'metadata', path }
}

function isSegment(segment: string): boolean {
  // Postgres takes an integer for an index of an array.
  const isInteger = /^\s*[+-]?\d+$/.test(segment)
  return segment.length >= 1 && segment.length <= 100 && isStorable(segment) && !isInteger
}

/** Whether Postgres can keep the text: no NUL, no half of a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value of a field of `item`; undefined when it is missing, which SQL NULL and JSON null are too. */
export function readField(item: PolicyItem, field: Field): unknown {
  if (field.column) return item[field.column] ?? undefined
  let value: unknown = item.metadata
  for (const segment of field.path) {
    if (!isObject(value) || !Object.hasOwn(value, segment)) return undefined
    value = value[segment]
  }
  return value ?? undefined
}

/** The number that policies compute with: 0 for what is tiny, undefined for what is no number or too large. */
export function toNumber(value: unknown): number | undefined {
  if (typeof value !== 'number' || !(Math.abs(value) < TOO_LARGE)) return undefined
  return Math.abs(value) < SMALLEST ? 0 : value
}
