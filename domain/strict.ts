import { z } from 'zod'

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
