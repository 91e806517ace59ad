import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { ChangeConflict } from './change-request.ts'

/** What a change is about, as it is or was; null when there is no such thing. */
export type Snapshot = Record<string, unknown> | null

/** What a change does to the fields of its target. */
export interface Wish {
  /** The target is made by it. */
  makes: boolean
  /** What the fields are to be. */
  wanted: Record<string, unknown>
  /** It concerns the whole of its target, not only the fields that it sets. */
  whole: boolean
}

export type Difference = Pick<ChangeConflict, 'kind' | 'field' | 'before' | 'now' | 'wanted'>

/**
 * What stands against a change whose target was `before` when it was asked for and is `now`: fields that it sets or rests on and
 * that somebody else has changed, unless to what it wants. Other fields do not matter.
 */
export function differences(before: Snapshot, now: Snapshot, { makes, wanted, whole }: Wish): Difference[] {
  const difference = (kind: Difference['kind'], field: string | null): Difference => {
    const valueIn = (values: Snapshot) => (field === null ? values : (values?.[field] ?? null))
    return {
      kind,
      field,
      before: valueIn(before),
      now: valueIn(now),
      wanted: field === null ? wanted : valueIn(wanted),
    }
  }
  if (makes) return now && !before ? [difference('exists', null)] : []
  // It was to be made by an earlier change of the same request.
  if (!before) return []
  if (!now) return [difference('gone', null)]
  const archived = now.archived === true && before.archived !== true && wanted.archived === undefined
  if (archived) return [difference('archived', 'archived')]
  return touched(before, wanted, whole)
    .filter((field) => !isDeepStrictEqual(before[field], now[field]))
    .filter((field) => !(field in wanted) || !isDeepStrictEqual(now[field], wanted[field]))
    .map((field) => difference('changed', field))
}

/** The fields that a reviewer of a change has to look at. */
export function touched(before: NonNullable<Snapshot>, wanted: Wish['wanted'], whole: boolean): string[] {
  return whole ? Object.keys(before) : Object.keys(wanted)
}

/** Everything that is approved with a request, but its time. */
export interface Approvable {
  environment: string
  title: string
  description: string
  latePolicy: string
  changes: { action: string; flagKey: string | null; payload: Record<string, unknown>; seen: Snapshot }[]
}

/** SHA-256 over canonical content: the same for the same content, however it was written. */
export function hashOf(content: Approvable): string {
  return createHash('sha256').update(canonical(content)).digest('hex')
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`
}
