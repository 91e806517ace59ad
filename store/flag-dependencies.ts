import type { Flag } from '../domain/flag.ts'
import { checkDependencies } from '../domain/flag-dependencies.ts'
import { Problem } from '../domain/problems.ts'
import type { Dependency } from '../domain/strategy.ts'
import type { Transaction } from './transaction.ts'

/**
 * Checks what a flag is to depend on; `parents` are those of them that exist, locked like the flag.
 *
 * @throws Problem `dependency-refused`
 */
export async function refuseDependencies(
  tx: Transaction,
  flag: Pick<Flag, 'environment' | 'key'>,
  dependencies: Dependency[],
  parents: Flag[],
): Promise<void> {
  if (dependencies.length === 0) return
  const dependents = await dependentsOf(tx, flag.environment, flag.key)
  checkDependencies(flag, dependencies, new Map(parents.map((parent) => [parent.key, parent])), dependents)
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
