import { z } from 'zod'
import { strict } from './strict.ts'

const NAME_RULE = 'must be 1 to 100 of A-Z a-z 0-9 . _ -, and neither . nor ..'
const name = z.string({ error: NAME_RULE }).regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/, NAME_RULE)

export const FlagKey = name.meta({ description: 'Name of the flag within its environment', example: 'new-checkout' })
export const Environment = name.meta({ description: 'Environment that the flag lives in', example: 'production' })

export const Enabled = z.boolean({ error: 'must be true or false' })
export const RolloutPercentage = z
  .int({ error: 'must be an integer from 0 to 100' })
  .min(0, 'must be an integer from 0 to 100')
  .max(100, 'must be an integer from 0 to 100')

/** Free text of people: descriptions, comments, reasons. */
export const Text = z
  .string({ error: 'must be text' })
  .max(2000, 'must be at most 2000 characters')
  // Half of a character: Postgres takes no such JSON, and events are written as JSON.
  .refine((text) => text.isWellFormed(), 'must be valid Unicode')
  // Postgres cannot keep it.
  .refine((text) => !text.includes('\0'), 'must not contain the character NUL')

/** What an application sees of a flag, and what a schedule may change. */
export interface FlagState {
  enabled: boolean
  rolloutPercentage: number
}

/** An instant as answers carry it: UTC, milliseconds. */
export const Instant = z.iso.datetime().meta({ example: '2026-03-01T09:00:00.000Z' })

export const Flag = z
  .object({
    id: z.uuid(),
    key: FlagKey,
    environment: Environment,
    description: Text,
    enabled: Enabled,
    rolloutPercentage: RolloutPercentage,
    revision: z.int().meta({ description: "Configuration revision of the flag's last change; also its ETag" }),
    archivedAt: Instant.nullable(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'Flag' })
export type Flag = z.infer<typeof Flag>

export const NewFlag = strict({
  key: FlagKey,
  description: Text.default(''),
  enabled: Enabled.default(false),
  rolloutPercentage: RolloutPercentage.default(100),
})
export type NewFlag = z.infer<typeof NewFlag>

export const FlagEdit = strict({
  description: Text.optional(),
  enabled: Enabled.optional(),
  rolloutPercentage: RolloutPercentage.optional(),
  archived: z
    .literal(false, { error: 'can only be set to false, which brings an archived flag back; DELETE archives one' })
    .optional(),
}).refine((edit) => Object.keys(edit).length > 0, 'must name at least one field to change')
export type FlagEdit = z.infer<typeof FlagEdit>
