import { checkStrategy } from './evaluation/check.ts'
import { type FieldProblem, Problem } from './problems.ts'
import type { NewStrategy, StrategyContent, StrategyEdit } from './strategy.ts'

/** A change of a strategy: the fields that it names, or all of it. */
export type StrategyChange = { edit: StrategyEdit } | { replace: NewStrategy }

/** A new strategy as both copies have it; `place` is its sortOrder when it names none. */
export function contentOf(input: NewStrategy, place: number): StrategyContent {
  const { name, title, parameters, constraints, variants, segments, disabled, sortOrder = place } = input
  const keys = [...new Set(segments)].sort()
  return { name, title, parameters, constraints, variants, segments: keys, disabled, sortOrder }
}

/** What both copies say after the change. A replacement that names no place stays where it is. */
export function changeContent(before: StrategyContent, change: StrategyChange): StrategyContent {
  if ('replace' in change) return contentOf(change.replace, before.sortOrder)
  const named = Object.entries(change.edit).filter(([, value]) => value !== undefined)
  return contentOf({ ...before, ...Object.fromEntries(named) }, before.sortOrder)
}

/** @throws Problem `validation-failed` when evaluation could not use all of it */
export function refuseInvalid(content: StrategyContent): void {
  refuseFields(toFields(checkStrategy(content)))
}

/** What the checks of evaluation found, as fields of a request. */
export function toFields(
  refusals: { path: (string | number)[]; message: string }[],
  path: (string | number)[] = [],
): FieldProblem[] {
  return refusals.map((refusal) => ({ field: [...path, ...refusal.path].join('.'), message: refusal.message }))
}

/** @throws Problem `validation-failed` when there are any */
export function refuseFields(fields: FieldProblem[]): void {
  if (fields.length === 0) return
  const detail = fields.map(({ field, message }) => `${field} ${message}`).join('; ')
  throw new Problem('validation-failed', detail, { fields })
}
