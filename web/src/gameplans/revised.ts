import { canonicalId } from '../../../domain/gameplan/model.ts'

interface Said {
  patches: { id: string; title: string | null; class: string | null; dependencies: string[] }[]
  flag: { key: string; introduced: string; activated: string } | null
}

/** By `Patch 3a` and `flag`: what differs, as it was and as it is to be. */
export interface Revised {
  before: Record<string, unknown>
  after: Record<string, unknown>
}

/** What a revision changes for patches and flag; how ids are written makes no difference. */
export function revised(before: Said, after: Said): Revised {
  const [was, is] = [partsOf(before), partsOf(after)]
  const differs = (name: string) => JSON.stringify(was[name]) !== JSON.stringify(is[name])
  const changed = (parts: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(parts).filter(([name]) => differs(name)))
  return { before: changed(was), after: changed(is) }
}

function partsOf({ patches, flag }: Said): Record<string, unknown> {
  return {
    ...Object.fromEntries(
      patches.map(({ id, title, class: its, dependencies }) => [
        `Patch ${canonicalId(id)}`,
        { title, class: its, waitsFor: dependencies.map(canonicalId).toSorted().join(', ') || 'nothing' },
      ]),
    ),
    ...(flag && {
      flag: { key: flag.key, introduced: canonicalId(flag.introduced), activated: canonicalId(flag.activated) },
    }),
  }
}
