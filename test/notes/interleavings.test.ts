import { describe, expect, it } from 'vitest'
import { explore } from './explore.ts'
import {
  type Answer,
  agrees,
  answered,
  asked,
  askReference,
  beginMonitor,
  type Call,
  type Reference,
} from './linearizability.ts'
import { ABLATIONS, MIGRATING_TABLE, type Mutant, OWN } from './mutants.ts'
import { random } from './random.ts'
import { scenarios } from './scenarios.ts'
import { K1, type Scenario } from './world.ts'

async function exploreAll(what: string, all: Scenario[]) {
  let interleavings = 0
  let states = 0
  for (const scenario of all) {
    const explored = await explore(scenario)
    interleavings += explored.interleavings
    states += explored.states
    expect(explored.violation, JSON.stringify(scenario)).toBeUndefined()
  }
  console.log(`${what}: ${all.length} scenarios, ${states} states, ${interleavings.toExponential(2)} interleavings`)
}

describe('M1, M2, M3, M4: every interleaving is linearizable, and no version is lost in any state', {
  timeout: 600_000,
}, () => {
  it('of two operations, with a crash', () => exploreAll('two operations, a crash', scenarios(2, { flips: false })))

  it('of two operations, every flip and a crash', () =>
    exploreAll('two operations, a flip, a crash', scenarios(2, { flips: true })))

  it('of three operations, with a crash', () => exploreAll('three operations, a crash', scenarios(3, { flips: false })))

  it('of three operations, a flip and a crash, in a part of the scenarios: npm run test:full has them all', () =>
    exploreAll(
      'three operations, a flip, a crash, each 90th',
      scenarios(3, { flips: true }).filter((_, n) => n % 90 === 0),
    ))
})

// Each invariant by itself: what breaks it is found, and found as that.
for (const [invariant, mutant, seen] of [
  [
    'M1: what was acknowledged is there, in an order that keeps to real time',
    'blind put instead of compare-and-set',
    /no map/,
  ],
  [
    'M2: no note is in neither store',
    'sweep that forgets what it has not checked',
    /version 1 of .* is in neither store/,
  ],
  ['M3: the highest version of a key never falls', 'sweep that overwrites', /version 2 of .* is in neither store/],
  ['M4: a page is what the account held at one instant', 'QueryStreamedLock', /no map .*"kind":"page"/],
] as const) {
  it(`${invariant}; not so with: ${mutant}`, async () => {
    const { variant, scenario } = { ...ABLATIONS, ...MIGRATING_TABLE, ...OWN }[mutant] as Mutant
    expect((await explore(scenario)).violation).toBeUndefined()
    expect((await explore(scenario, variant)).violation).toMatch(seen)
  })
}

describe('the check of histories', () => {
  it('says what a search through all orders says', () => {
    const pick = random(5)
    let wrong = 0
    for (let run = 0; run < 400; run++) {
      const history = randomHistory(pick)
      const initial = [{ id: K1, value: 'v1', version: 1 }]
      let monitor = beginMonitor(initial)
      for (const { who, call, answer } of history) {
        monitor = answer ? answered(monitor, who, answer) : asked(monitor, who, call)
      }
      const found = monitor.length > 0
      expect(found, JSON.stringify(history)).toBe(hasAnOrder(history, initial))
      if (!found) wrong++
    }
    // Both answers are given often.
    expect(wrong).toBeGreaterThan(50)
    expect(wrong).toBeLessThan(350)
  })
})

interface Moment {
  who: number
  call: Call
  /** Undefined: it is asked. */
  answer?: Answer
}

/** Four callers that ask once; most are answered, each as some map would answer. */
function randomHistory(pick: (below: number) => number): Moment[] {
  const calls: Call[] = [0, 1, 2, 3].map((who) => {
    const kind = (['create', 'update', 'get', 'delete'] as const)[pick(4)]
    return kind === 'create' || kind === 'update' ? { kind, id: K1, value: `${who}` } : { kind: kind ?? 'get', id: K1 }
  })
  const history: Moment[] = []
  let map: Reference = [{ id: K1, value: 'v1', version: 1 }]
  const left = calls.flatMap((_, who) => [who, who])
  while (left.length > 0) {
    const [who] = left.splice(pick(left.length), 1) as [number]
    const call = calls[who] as Call
    if (!history.some((one) => one.who === who)) history.push({ who, call })
    else if (pick(5) > 0) {
      const made = askReference(map, call)
      history.push({ who, call, answer: made.answer })
      if (pick(6) > 0) map = made.map
    }
  }
  return history
}

/** Wing and Gong's search, over all orders of what was answered and any part of what was not. */
function hasAnOrder(history: Moment[], initial: Reference): boolean {
  const entries = history
    .map(({ who, call, answer }, asked) => ({
      ...{ call, asked, isAnswer: answer !== undefined },
      end: history.findIndex((one, n) => n > asked && one.who === who),
    }))
    .filter(({ isAnswer }) => !isAnswer)
  const search = (rest: typeof entries, map: Reference): boolean => {
    if (rest.every(({ end }) => end < 0)) return true
    return rest.some((entry) => {
      if (rest.some(({ end }) => end >= 0 && end < entry.asked)) return false
      const made = askReference(map, entry.call)
      const answer = history[entry.end]?.answer
      if (answer && !agrees(entry.call, answer, made.answer)) return false
      return search(
        rest.filter((other) => other !== entry),
        made.map,
      )
    })
  }
  return search(entries, initial)
}

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
