import type { Flag } from '../domain/flag.ts'
import type { Dependency, FlagVariant } from '../domain/strategy.ts'

/** Columns of a `FlagRow`, as `f`. */
export const FLAG_COLUMNS = `f.id, f.environment, f.key, f.description, f.enabled, f.rollout_percentage, f.variants, f.dependencies,
  f.revision, f.archived_at, f.created_at, f.updated_at, f.applied_through_at, f.applied_through_sequence`

export interface FlagRow {
  id: string
  environment: string
  key: string
  description: string
  enabled: boolean
  rollout_percentage: number
  variants: FlagVariant[]
  dependencies: Dependency[]
  revision: number
  archived_at: Date | null
  created_at: Date
  updated_at: Date
  applied_through_at: Date | null
  applied_through_sequence: number | null
}

export function toFlag(row: FlagRow): Flag {
  return {
    id: row.id,
    key: row.key,
    environment: row.environment,
    description: row.description,
    enabled: row.enabled,
    rolloutPercentage: row.rollout_percentage,
    variants: row.variants,
    dependencies: row.dependencies,
    revision: row.revision,
    archivedAt: row.archived_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
