import { z } from 'zod'

/** An integer of a request; another one, or none, is refused with both ends, which are allowed. */
export function between(low: number, high: number) {
  const rule = `must be an integer from ${low} to ${high}`
  return z.int({ error: rule }).min(low, rule).max(high, rule)
}

/** The same in an address or a query, where a number is text. */
export function textBetween(low: number, high: number) {
  const rule = `must be an integer from ${low} to ${high}`
  return z.coerce.number({ error: rule }).int(rule).min(low, rule).max(high, rule)
}

/** One of some words of a request; another one is refused with all of them. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` })
}

/** A list of a request; what is none, too short or too long is refused with what would be right. */
export function listOf<Item extends z.ZodType>(item: Item, most: number, things: string, least = 0) {
  const rule = `must be a list of ${least > 0 ? `${least} to` : 'at most'} ${most} ${things}`
  return z.array(item, { error: rule }).min(least, rule).max(most, rule)
}

/** An object of a request: a field that it does not have is refused, with the names of those that it has. */
export function strict<Shape extends z.core.$ZodShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return `is not a field of this request, which has ${known || 'none'}`
      return issue.input === undefined
        ? `is needed: a JSON object with ${known}`
        : `must be a JSON object with ${known}`
    },
  })
}
