/** One place at which two JSON values differ; undefined: it is not there. */
export interface Difference {
  path: string
  before: unknown
  after: unknown
}

/** Where two JSON values differ, as deep as both have the same kind of thing; in the order of the first, then the second. */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (Object.is(before, after)) return []
  if (!isTree(before) || !isTree(after) || Array.isArray(before) !== Array.isArray(after)) {
    return [{ path, before, after }]
  }
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].flatMap((name) => differences(before[name], after[name], path ? `${path}.${name}` : name))
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
