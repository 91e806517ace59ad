import { z } from 'zod'
import { between, strict } from './strict.ts'
import { Environment, Instant } from './text.ts'

const Switch = z.boolean({ error: 'must be true or false' })
const Approvals = between(1, 10)

/** What an environment is asked to keep to. */
export const EnvironmentSettings = z
  .object({
    environment: Environment,
    releasePlanSync: Switch.meta({
      description: "Whether an edit of one copy of an active milestone's strategy changes the other",
    }),
    changeRequests: Switch.meta({ description: 'Whether changes need a change request' }),
    requiredApprovals: z.int().meta({ description: 'How many people must approve a change request' }),
    selfApproval: Switch.meta({ description: 'Whether who asks for a change may approve it' }),
    version: z.int().meta({ description: 'Also its ETag; 0 while nothing was ever changed' }),
    updatedAt: Instant.nullable(),
  })
  .meta({ id: 'EnvironmentSettings' })
export type EnvironmentSettings = z.infer<typeof EnvironmentSettings>

export const EnvironmentSettingsWithDrift = EnvironmentSettings.extend({
  drift: z.int().meta({ description: 'How many strategies of active milestones have copies that differ' }),
}).meta({ id: 'EnvironmentSettingsWithDrift' })
export type EnvironmentSettingsWithDrift = z.infer<typeof EnvironmentSettingsWithDrift>

export const EnvironmentSettingsEdit = strict({
  releasePlanSync: Switch.optional(),
  changeRequests: Switch.optional(),
  requiredApprovals: Approvals.optional(),
  selfApproval: Switch.optional(),
}).refine((edit) => Object.keys(edit).length > 0, 'must name at least one field to change')
export type EnvironmentSettingsEdit = z.infer<typeof EnvironmentSettingsEdit>
