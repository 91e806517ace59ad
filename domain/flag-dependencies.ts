import { type FieldProblem, Problem } from './problems.ts'
import type { Dependency } from './strategy.ts'

/** What is looked at of a flag that another one is to depend on. */
interface Parent {
  archivedAt?: string | null
  dependencies: readonly Dependency[]
}

/**
 * Checks what a flag is to depend on. Flags that others depend on have no dependencies themselves, so nothing can go round.
 *
 * @param parents flags by key, at least those that it is to depend on
 * @param dependents keys of the flags that depend on it
 * @throws Problem `dependency-refused`
 */
export function checkDependencies(
  { environment, key }: { environment: string; key: string },
  dependencies: readonly Dependency[],
  parents: ReadonlyMap<string, Parent>,
  dependents: string[],
): void {
  if (dependencies.length === 0) return
  const why = (flagKey: string, i: number): string | undefined => {
    if (flagKey === key) return 'must name another flag'
    if (dependencies.findIndex((other) => other.flagKey === flagKey) < i) return 'must name each flag once'
    const parent = parents.get(flagKey)
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
  if (dependents.length === 0) return
  throw new Problem('dependency-refused', `Other flags depend on "${key}": ${dependents.join(', ')}.`, {
    fields: [{ field: 'dependencies', message: 'must be empty while other flags depend on this one' }],
    members: { dependents },
  })
}
