import { z } from 'zod'

/** An integer of a request; another one, or none, is refused with both ends, which are allowed. */
export function between(low: number, high: number) {
  const rule = `must be an integer from ${low} to ${high}`
  return z.int({ error: rule }).min(low, rule).max(high, rule)
}

/** An object of a request: a field that it does not have is refused, with the names of those that it has. */
export function strict<Shape extends z.core.$ZodShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return `is not a field of this request, which has ${known}`
      return issue.input === undefined
        ? `is needed: a JSON object with ${known}`
        : `must be a JSON object with ${known}`
    },
  })
}
