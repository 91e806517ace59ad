import { z } from 'zod'

const NAME_RULE = 'must be 1 to 100 of A-Z a-z 0-9 . _ -, and neither . nor ..'
/** What keys, environments and ids that people give look like. */
export const Name = z.string({ error: NAME_RULE }).regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/, NAME_RULE)

export const FlagKey = Name.meta({ description: 'Name of the flag within its environment', example: 'new-checkout' })
export const Environment = Name.meta({ description: 'Environment that the flag lives in', example: 'production' })

/** Text of people, of so many characters at most. */
export function textUpTo(most: number) {
  return (
    z
      .string({ error: 'must be text' })
      .max(most, `must be at most ${most} characters`)
      // Half of a character: Postgres takes no such JSON, and events are written as JSON.
      .refine((text) => text.isWellFormed(), 'must be valid Unicode')
      // Postgres cannot keep it.
      .refine((text) => !text.includes('\0'), 'must not contain the character NUL')
  )
}

/** Free text of people: descriptions, comments, reasons. */
export const Text = textUpTo(2000)

/** An instant as answers carry it: UTC, milliseconds. */
export const Instant = z.iso.datetime().meta({ example: '2026-03-01T09:00:00.000Z' })
