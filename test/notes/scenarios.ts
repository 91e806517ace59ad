import { type AccountMode, NEXT_MODES } from '../../domain/account.ts'
import { K1, K2, note, type Operation, type Scenario, tombstone } from './world.ts'

/** What two stores may hold of a key in each mode, crashes of earlier operations included. */
const HELD: Record<AccountMode, Pick<Scenario, 'legacy' | 'current'>[]> = {
  off: [
    { legacy: [note(K1, 1), note(K2, 1)], current: [] },
    { legacy: [tombstone(K1, 2), note(K2, 1)], current: [] },
  ],
  ready: [{ legacy: [note(K1, 1), note(K2, 1)], current: [] }],
  migrating: [
    { legacy: [note(K1, 1), note(K2, 1)], current: [] },
    { legacy: [note(K2, 1)], current: [note(K1, 2)] },
    // A writer that died before it took the source's copy away.
    { legacy: [note(K1, 1), note(K2, 1)], current: [note(K1, 2)] },
    { legacy: [note(K1, 1), note(K2, 1)], current: [tombstone(K1, 2)] },
    { legacy: [tombstone(K1, 2), note(K2, 1)], current: [] },
  ],
  done: [{ legacy: [], current: [note(K1, 1), note(K2, 1)] }],
  rollback: [
    { legacy: [], current: [note(K1, 2), note(K2, 1)] },
    // Left by a writer of the mode before: the older one where it counts for less.
    { legacy: [note(K1, 1)], current: [note(K1, 2), note(K2, 1)] },
    { legacy: [note(K1, 1), note(K2, 1)], current: [tombstone(K1, 2)] },
  ],
}

/** The six operations; two of a kind write different things. */
const operation = (kind: string, n: number): Operation => {
  if (kind === 'create' || kind === 'update') return { kind, id: K1, value: `${kind}${n}` }
  if (kind === 'get' || kind === 'delete') return { kind, id: K1 }
  return kind === 'list' ? { kind: 'list', limit: 1 } : { kind: 'sweep' }
}
const KINDS = ['create', 'get', 'list', 'update', 'delete', 'sweep']

/** Choices of `size` kinds, with repetition, without order. */
function choices(size: number, from = 0): string[][] {
  if (size === 0) return [[]]
  return KINDS.flatMap((kind, n) => (n < from ? [] : choices(size - 1, n).map((rest) => [kind, ...rest])))
}

/** All scenarios of so many operations at once, in every mode, with every flip (`flips`) or none. */
export function scenarios(size: number, { flips }: { flips: boolean }): Scenario[] {
  return (Object.keys(HELD) as AccountMode[]).flatMap((mode) =>
    HELD[mode].flatMap((held) =>
      choices(size).flatMap((kinds) => {
        const operations = kinds.map(operation)
        if (!flips) return [{ mode, ...held, operations }]
        return NEXT_MODES[mode].map((to) => ({
          mode,
          ...held,
          operations: [...operations, { kind: 'flip' as const, to }],
        }))
      }),
    ),
  )
}
