import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Approvable, differences, hashOf, type Snapshot } from '../../domain/change-request-conflicts.ts'

const FIELDS = ['enabled', 'rolloutPercentage', 'description'] as const
const state = fc.record({ enabled: fc.boolean(), rolloutPercentage: fc.nat(2), description: fc.constantFrom('', 'x') })
const edit = fc.record(
  { enabled: fc.boolean(), rolloutPercentage: fc.nat(2), description: fc.constantFrom('', 'x') },
  { requiredKeys: [] },
)
const ours = (wanted: object) => ({ makes: false, whole: false, wanted: wanted as Record<string, unknown> })

it('stand against a partial change exactly when the other one sets a field of it, to something else', () => {
  fc.assert(
    fc.property(state, edit, edit, (before, wanted, other) => {
      const fields = differences(before, { ...before, ...other }, ours(wanted)).map(({ field }) => field)
      const orders = [
        { ...before, ...other, ...wanted },
        { ...before, ...wanted, ...other },
      ]
      // No false alarm: where one is raised, the order of the two decides what comes out.
      for (const field of fields as (typeof FIELDS)[number][]) expect(orders[0]?.[field]).not.toBe(orders[1]?.[field])
      // None is missed, unless what the other one did cannot be told from nothing.
      const decided = FIELDS.filter((field) => orders[0]?.[field] !== orders[1]?.[field])
      const changed = decided.filter((field) => ({ ...before, ...other })[field] !== before[field])
      expect([...fields].sort()).toEqual([...changed].sort())
    }),
    { numRuns: 2_000 },
  )
})

const content: Approvable = {
  environment: 'production',
  title: 'a',
  description: 'b',
  latePolicy: 'ask',
  changes: [
    {
      action: 'updateFlag',
      flagKey: 'f',
      payload: { enabled: true, list: [1, { deep: 'x' }] },
      seen: { enabled: false },
    },
    { action: 'createSegment', flagKey: null, payload: { key: 's' }, seen: null },
  ],
}

/** Every place in a value, with the value that has something else there. */
function mutants(value: unknown, path: string[] = []): { path: string[]; mutant: unknown }[] {
  const here = { path, mutant: value === 'other' ? 'another' : 'other' }
  if (typeof value !== 'object' || value === null) return [here]
  const entries = Object.entries(value)
  const inside = entries.flatMap(([key, inner]) =>
    mutants(inner, [...path, key]).map(({ path: at, mutant }) => {
      const changed = entries.map(([k, v]) => [k, k === key ? mutant : v])
      return { path: at, mutant: Array.isArray(value) ? changed.map(([, v]) => v) : Object.fromEntries(changed) }
    }),
  )
  return Array.isArray(value)
    ? [here, ...inside, { path, mutant: value.slice(1) }, { path, mutant: [...value].reverse() }]
    : inside
}

it('what is approved has another hash when anything in it is another, the order of changes included', () => {
  const hash = hashOf(content)
  const all = mutants(content)
  expect(all.length).toBeGreaterThan(15)
  // A list of one is the same reversed.
  const others = all.filter(({ mutant }) => JSON.stringify(mutant) !== JSON.stringify(content))
  for (const { path, mutant } of others) expect(hashOf(mutant as Approvable), path.join('.')).not.toBe(hash)
})

it('has the same hash however its keys are ordered', () => {
  const shuffle = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffle)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, inner]) => [key, shuffle(inner)]),
    )
  }
  expect(hashOf(shuffle(content) as Approvable)).toBe(hashOf(content))
})

it.each<[string, Snapshot, Snapshot, Parameters<typeof differences>[2], string[]]>([
  ['made meanwhile', null, { enabled: true }, { makes: true, whole: false, wanted: {} }, ['exists']],
  ['still to be made', null, null, { makes: true, whole: false, wanted: {} }, []],
  ['made by the same request', null, null, ours({ enabled: true }), []],
  ['gone', { enabled: true }, null, ours({ enabled: true }), ['gone']],
  ['archived', { archived: false }, { archived: true }, ours({}), ['archived']],
  ['archived, as is wanted', { archived: false }, { archived: true }, ours({ archived: true }), []],
  ['brought back, as is wanted', { archived: true }, { archived: false }, ours({ archived: false }), []],
  [
    'edited before it is deleted',
    { title: 'a' },
    { title: 'b' },
    { makes: false, whole: true, wanted: {} },
    ['changed'],
  ],
])('a target that was %s', (_, before, now, wish, kinds) => {
  expect(differences(before, now, wish).map(({ kind }) => kind)).toEqual(kinds)
})
