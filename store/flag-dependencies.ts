import type { Flag } from '../domain/flag.ts'
import { type FieldProblem, Problem } from '../domain/problems.ts'
import type { Dependency } from '../domain/strategy.ts'
import type { Transaction } from './transaction.ts'

/**
 * Checks what a flag is to depend on; `parents` are those of them that exist, locked like the flag. Flags that others
 * depend on have no dependencies themselves, so nothing can go round.
 *
 * @throws Problem `dependency-refused`
 */
export async function refuseDependencies(
  tx: Transaction,
  { environment, key }: Pick<Flag, 'environment' | 'key'>,
  dependencies: Dependency[],
  parents: Flag[],
): Promise<void> {
  if (dependencies.length === 0) return
  const found = new Map(parents.map((parent) => [parent.key, parent]))
  const why = (flagKey: string, i: number): string | undefined => {
    if (flagKey === key) return 'must name another flag'
    if (dependencies.findIndex((other) => other.flagKey === flagKey) < i) return 'must name each flag once'
    const parent = found.get(flagKey)
    if (!parent) return `must name a flag of the environment "${environment}"`
    if (parent.archivedAt) return 'must name a flag that is not archived'
    if (parent.dependencies.some((other) => other.flagKey === key)) return 'must name a flag that does not depend on it'
    if (parent.dependencies.length > 0) return 'must name a flag that depends on no other'
    return undefined
  }
  const fields = dependencies.flatMap(({ flagKey }, i): FieldProblem[] => {
    const message = why(flagKey, i)
    return message ? [{ field: `dependencies.${i}.flagKey`, message }] : []
  })
  if (fields.length > 0) {
    const detail = fields.map(({ field, message }) => `${field} ${message}`).join('; ')
    throw new Problem('dependency-refused', detail, { fields })
  }
  const dependents = await dependentsOf(tx, environment, key)
  if (dependents.length === 0) return
  throw new Problem('dependency-refused', `Other flags depend on "${key}": ${dependents.join(', ')}.`, {
    fields: [{ field: 'dependencies', message: 'must be empty while other flags depend on this one' }],
    members: { dependents },
  })
}

/** @throws Problem `flag-depended-on` while flags that are not archived depend on this one, which is locked */
export async function refuseDependedOn(tx: Transaction, { environment, key }: Flag): Promise<void> {
  const dependents = await dependentsOf(tx, environment, key)
  if (dependents.length === 0) return
  throw new Problem('flag-depended-on', `Take it out of the dependencies of ${dependents.join(', ')} first.`, {
    members: { dependents },
  })
}

async function dependentsOf(tx: Transaction, environment: string, key: string): Promise<string[]> {
  const rows = await tx.query<{ key: string }>(
    `SELECT key FROM feature_flags WHERE environment = $1 AND dependencies <> '[]' AND archived_at IS NULL
       AND dependencies @> jsonb_build_array(jsonb_build_object('flagKey', $2::text)) ORDER BY key`,
    [environment, key],
  )
  return rows.map((row) => row.key)
}
