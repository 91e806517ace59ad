import { describe, expect, it } from 'vitest'
import { explore } from './explore.ts'
import { ABLATIONS, MIGRATING_TABLE, OWN } from './mutants.ts'
import { scenarios } from './scenarios.ts'
import type { Scenario } from './world.ts'

async function exploreAll(what: string, all: Scenario[], { crash }: { crash: boolean }) {
  let interleavings = 0
  let states = 0
  for (const scenario of all) {
    const explored = await explore(scenario, {}, { crash })
    interleavings += explored.interleavings
    states += explored.states
    expect(explored.violation, JSON.stringify(scenario)).toBeUndefined()
  }
  console.log(`${what}: ${all.length} scenarios, ${states} states, ${interleavings.toExponential(2)} interleavings`)
}

const listsOrSweeps = ({ operations }: Scenario) =>
  operations.filter(({ kind }) => kind === 'list' || kind === 'sweep').length

describe('M1, M2, M3, M4: every interleaving is linearizable, and no version is lost in any state', {
  timeout: 600_000,
}, () => {
  it('of two operations, with a crash', () =>
    exploreAll('two operations, a crash', scenarios(2, { flips: false }), { crash: true }))

  it('of two operations and every flip', () =>
    exploreAll('two operations, a flip', scenarios(2, { flips: true }), { crash: false }))

  it('of two operations, every flip and a crash', () =>
    exploreAll(
      'two operations without lists and sweeps, a flip, a crash',
      scenarios(2, { flips: true }).filter((scenario) => listsOrSweeps(scenario) === 0),
      { crash: true },
    ))

  it('of three operations', () =>
    exploreAll(
      'three operations',
      scenarios(3, { flips: false }).filter((scenario) => listsOrSweeps(scenario) < 2),
      { crash: false },
    ))
})

for (const [what, mutants] of Object.entries({
  'an ablation of the protocol': ABLATIONS,
  'a bug of MigratingTable': MIGRATING_TABLE,
  'a mistake of our own': OWN,
})) {
  describe(`${what} is found`, () => {
    for (const [name, { variant, scenario }] of Object.entries(mutants)) {
      it(name, async () => {
        expect((await explore(scenario)).violation).toBeUndefined()
        expect((await explore(scenario, variant)).violation).toBeDefined()
      })
    }
  })
}
