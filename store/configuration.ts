import type { ClientBase } from 'pg'
import type { ConstraintConfiguration, FlagConfiguration } from '../domain/evaluation/model.ts'

/** What one process serves by: everything that applications may see, of one configuration revision. Never changed in place. */
export interface Snapshot {
  revision: number
  environments: ReadonlyMap<string, EnvironmentSnapshot>
  /** Keys that applications read with, by the SHA-256 of what was given out, in hex. */
  apiKeys: ReadonlyMap<string, ApiKeyConfiguration>
}

export interface EnvironmentSnapshot {
  /** Configuration revision of the last change in this environment. */
  revision: number
  /** By key, in the order of keys, so that every process gives the same answer byte for byte. */
  flags: ReadonlyMap<string, FlagConfiguration>
  segments: ReadonlyMap<string, readonly ConstraintConfiguration[]>
}

interface ApiKeyConfiguration {
  environment: string
  /** Milliseconds since 1970; null: it does not expire. */
  expiresAt: number | null
}

/** What has changed since a revision, and the revision that it leads to. */
export interface ConfigurationChanges {
  revision: number
  flags: (FlagConfiguration & { environment: string; archived: boolean })[]
  segments: { environment: string; key: string; revision: number; constraints: ConstraintConfiguration[] }[]
  apiKeys: { hash: string; environment: string; expiresAt: number | null; revoked: boolean }[]
}

/** Before anything was read. */
export const NOTHING: Snapshot = { revision: -1, environments: new Map(), apiKeys: new Map() }

// One statement, so one snapshot of Postgres: with revision N it sees all of N and nothing of N + 1, because revisions are
// committed in their order. A segment that was deleted is no change: what refers to one cannot lose it (foreign key).
const CHANGES = `
  SELECT (SELECT revision FROM configuration_revision) AS revision,
    (SELECT coalesce(json_agg(json_build_object('environment', f.environment, 'key', f.key, 'revision', f.revision,
        'archived', f.archived_at IS NOT NULL, 'enabled', f.enabled, 'rolloutPercentage', f.rollout_percentage,
        'variants', f.variants, 'dependencies', f.dependencies,
        'strategies', (SELECT coalesce(json_agg(json_build_object('id', s.id, 'name', s.name, 'title', s.title,
            'parameters', s.parameters, 'constraints', s.constraints, 'variants', s.variants, 'disabled', s.disabled,
            'segments', (SELECT coalesce(json_agg(g.key ORDER BY g.key), '[]')
              FROM feature_strategy_segment u JOIN segments g ON g.id = u.segment_id WHERE u.feature_strategy_id = s.id))
            ORDER BY (s.milestone_id IS NULL), s.sort_order, s.id), '[]')
          FROM feature_strategies s WHERE s.flag_id = f.id))), '[]')
      FROM feature_flags f WHERE f.revision > $1 AND ($1 >= 0 OR f.archived_at IS NULL)) AS flags,
    (SELECT coalesce(json_agg(json_build_object('environment', g.environment, 'key', g.key, 'revision', g.revision,
        'constraints', g.constraints)), '[]') FROM segments g WHERE g.revision > $1) AS segments,
    (SELECT coalesce(json_agg(json_build_object('hash', encode(k.hash, 'hex'), 'environment', k.environment,
        'expiresAt', extract(epoch FROM k.expires_at) * 1000, 'revoked', k.revoked_at IS NOT NULL)), '[]')
      FROM api_keys k WHERE k.revision > $1 AND ($1 >= 0 OR k.revoked_at IS NULL)) AS "apiKeys"`

/** Reads what was committed after the revision `since`; -1 for all there is. */
export async function readChanges(client: ClientBase, since: number): Promise<ConfigurationChanges> {
  const { rows } = await client.query<ConfigurationChanges>(CHANGES, [since])
  return rows[0] as ConfigurationChanges
}

/**
 * The next snapshot. What did not change keeps its identity, which evaluation remembers parsed things by.
 *
 * @throws Error when it would be older: the database is not the one that was read before
 */
export function applyChanges(before: Snapshot, changes: ConfigurationChanges): Snapshot {
  if (changes.revision < before.revision) {
    throw new Error(`Postgres is at revision ${changes.revision}, and ${before.revision} was read from it before`)
  }
  if (changes.revision === before.revision) return before
  const environments = new Map(before.environments)
  const touched = new Set([...changes.flags, ...changes.segments].map(({ environment }) => environment))
  for (const name of touched) {
    const flags = changes.flags.filter(({ environment }) => environment === name)
    const segments = changes.segments.filter(({ environment }) => environment === name)
    environments.set(name, applyToEnvironment(before.environments.get(name), flags, segments))
  }
  return { revision: changes.revision, environments, apiKeys: applyKeys(before.apiKeys, changes.apiKeys) }
}

function applyToEnvironment(
  before: EnvironmentSnapshot | undefined,
  changedFlags: ConfigurationChanges['flags'],
  changedSegments: ConfigurationChanges['segments'],
): EnvironmentSnapshot {
  let flags = new Map(before?.flags)
  let inOrder = true
  for (const { environment: _, archived, ...flag } of changedFlags) {
    if (archived) flags.delete(flag.key)
    else {
      inOrder &&= flags.has(flag.key)
      flags.set(flag.key, flag)
    }
  }
  if (!inOrder) flags = new Map([...flags].sort(([a], [b]) => (a < b ? -1 : 1)))
  const segments = new Map(before?.segments)
  for (const { key, constraints } of changedSegments) segments.set(key, constraints)
  const revisions = [...changedFlags, ...changedSegments].map(({ revision }) => revision)
  return { revision: revisions.reduce((a, b) => Math.max(a, b), before?.revision ?? 0), flags, segments }
}

function applyKeys(before: Snapshot['apiKeys'], changed: ConfigurationChanges['apiKeys']): Snapshot['apiKeys'] {
  if (changed.length === 0) return before
  const keys = new Map(before)
  for (const { hash, environment, expiresAt, revoked } of changed) {
    if (revoked) keys.delete(hash)
    else keys.set(hash, { environment, expiresAt })
  }
  return keys
}
