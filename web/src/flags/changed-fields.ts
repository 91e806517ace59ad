/** The fields of `after` that are not as in `before`, for PATCH. */
export function changedFields<T extends object>(before: T, after: T): Partial<T> {
  const differs = ([field, value]: [string, unknown]) =>
    JSON.stringify(value) !== JSON.stringify(before[field as keyof T])
  return Object.fromEntries(Object.entries(after).filter(differs)) as Partial<T>
}
