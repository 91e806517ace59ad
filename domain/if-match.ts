import { Problem } from './problems.ts'

/**
 * @param what for people: `The schedule`
 * @param now its version or revision, which is its ETag
 * @param expected the caller's If-Match, if it sent one
 * @throws Problem `revision-mismatch` when it is not what is now
 */
export function requireCurrent(
  what: string,
  now: { version: number } | { revision: number },
  expected: number | undefined,
): void {
  const [name, value] = Object.entries(now)[0] as [string, number]
  if (expected === undefined || expected === value) return
  throw new Problem('revision-mismatch', `${what} is at ${name} ${value}. Read it again, then decide.`, {
    fields: [{ field: 'header.if-match', message: `must be "${value}", its ETag as it is now` }],
    members: { ...now },
  })
}
