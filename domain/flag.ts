import { z } from 'zod'
import { Dependencies, type FlagVariant, FlagVariants } from './strategy.ts'
import { between, strict } from './strict.ts'
import { Environment, FlagKey, Instant, Text } from './text.ts'

export const Enabled = z.boolean({ error: 'must be true or false' })
export const RolloutPercentage = between(0, 100)

/** What an application sees of a flag, and what a schedule may change. */
export interface FlagState {
  enabled: boolean
  rolloutPercentage: number
  variants?: FlagVariant[]
  /** By id, what is known of them. */
  strategies?: Record<string, Record<string, unknown>> | undefined
}

export const Flag = z
  .object({
    id: z.uuid(),
    key: FlagKey,
    environment: Environment,
    description: Text,
    enabled: Enabled,
    rolloutPercentage: RolloutPercentage,
    variants: FlagVariants,
    dependencies: Dependencies,
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
  variants: FlagVariants.optional(),
  dependencies: Dependencies.optional(),
})
export type NewFlag = z.infer<typeof NewFlag>

export const FlagEdit = strict({
  description: Text.optional(),
  enabled: Enabled.optional(),
  rolloutPercentage: RolloutPercentage.optional(),
  variants: FlagVariants.optional(),
  dependencies: Dependencies.optional(),
  archived: z
    .literal(false, { error: 'can only be set to false, which brings an archived flag back; DELETE archives one' })
    .optional(),
}).refine((edit) => Object.keys(edit).length > 0, 'must name at least one field to change')
export type FlagEdit = z.infer<typeof FlagEdit>
