import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  contradictions,
  type FlagState,
  nextMove,
  type Run,
  type RunPatch,
  settledPatches,
} from '../../domain/gameplan/run.ts'

/** Patches of which each waits for some of those before it. */
const patches = fc
  .array(fc.tuple(fc.integer(), fc.constantFrom('open', 'merged', 'skipped')), { minLength: 1, maxLength: 7 })
  .map((drawn) =>
    drawn.map(([bits, status], i): RunPatch => {
      const dependencies = drawn.flatMap((_, j) => (j < i && (bits >> j) & 1 ? [String(j)] : []))
      return { key: String(i), dependencies, status }
    }),
  )

/** By its definition, without a graph. */
function isSettled(key: string, all: RunPatch[]): boolean {
  const patch = all.find((one) => one.key === key)
  return patch !== undefined && patch.status !== 'open' && patch.dependencies.every((other) => isSettled(other, all))
}

const AFTER: Record<string, FlagState> = {
  create: 'created',
  switch: 'switched',
  begin: 'switching',
  'take-back': 'created',
}

/** Takes every step at once, as an environment without change requests does. */
function settle(run: Run): { run: Run; complete: boolean } {
  for (let steps = 0; steps < 5; steps++) {
    const move = nextMove(run)
    if (move?.move === 'complete') return { run, complete: true }
    if (move?.move !== 'step' || !run.flag) return { run, complete: false }
    run = { ...run, flag: { ...run.flag, state: AFTER[move.step] as FlagState } }
  }
  throw new Error('It never comes to rest')
}

describe('what a gameplan does next', () => {
  it('whatever is merged, skipped and reverted: the flag is on exactly while what activates it is there, with all that it waits for', () => {
    fc.assert(
      fc.property(
        fc.array(patches, { minLength: 1, maxLength: 5 }).map((all) => all.map((one) => one.slice(0, all[0]?.length))),
        fc.nat(),
        fc.nat(),
        fc.nat({ max: 1 }),
        (states, i, j, openGates) => {
          const [first = []] = states
          const [introduced, activated] = [String(i % first.length), String(j % first.length)]
          let run: Run = {
            patches: [],
            flag: { introduced, activated, state: 'absent' },
            request: null,
            through: null,
            openGates,
          }
          let was = false
          for (const now of states.filter(({ length }) => length === first.length)) {
            const settled = settle({ ...run, patches: now })
            run = settled.run
            const is = (key: string) => isSettled(key, now)
            const merged = (key: string) => is(key) && now.find((one) => one.key === key)?.status === 'merged'
            const on = merged(activated) && is(introduced)
            was ||= merged(introduced) || on
            expect(run.flag?.state).toBe(on ? 'switched' : was ? 'created' : 'absent')
            expect([...settledPatches(now)].sort()).toEqual(
              now
                .map(({ key }) => key)
                .filter(is)
                .sort(),
            )
            const all = now.every(({ status }) => status !== 'open')
            expect(settled.complete).toBe(all && openGates === 0)
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })

  const running: Run = {
    patches: [{ key: '1', dependencies: [], status: 'merged' }],
    flag: { introduced: '1', activated: '1', state: 'switching' },
    request: null,
    through: { schedule: 'pending' },
    openGates: 0,
  }

  it('is nothing while its schedule, its plan or its change request is under way', () => {
    expect(nextMove(running)).toBeNull()
    for (const plan of ['draft', 'running', 'paused'] as const)
      expect(nextMove({ ...running, through: { plan } })).toBeNull()
    const created: Run = { ...running, flag: { introduced: '1', activated: '1', state: 'created' }, through: null }
    for (const state of ['draft', 'in-review', 'approved', 'scheduled', 'suspended', 'failed'] as const) {
      expect(nextMove({ ...created, request: { step: 'switch', state } })).toBeNull()
    }
    expect(nextMove({ ...created, request: { step: 'switch', state: 'applied' } })).toEqual({
      move: 'landed',
      step: 'switch',
    })
    expect(nextMove({ ...created, request: { step: 'create', state: 'in-review' } })).toEqual({ move: 'withdraw' })
  })

  it('is to halt when somebody stopped what the flag was to be changed through', () => {
    for (const schedule of ['cancelled', 'failed', null] as const) {
      expect(nextMove({ ...running, through: { schedule } })).toMatchObject({ move: 'halt' })
    }
    expect(nextMove({ ...running, through: { plan: null } })).toMatchObject({ move: 'halt' })
    for (const state of ['rejected', 'cancelled', null] as const) {
      const created: Run = { ...running, flag: { introduced: '1', activated: '1', state: 'created' }, through: null }
      expect(nextMove({ ...created, request: { step: 'switch', state } })).toMatchObject({ move: 'halt' })
    }
    expect(nextMove({ ...running, through: { schedule: 'applied' } })).toEqual({ move: 'switched' })
    expect(nextMove({ ...running, through: { plan: 'completed' } })).toEqual({ move: 'switched' })
  })
})

describe('a revision', () => {
  const patch = (key: string, status: RunPatch['status'], dependencies: string[] = []) => ({
    ...{ key, label: key, class: 'INFRA', status, dependencies },
  })
  const flag = { key: 'F', introduced: '1', activated: '2' }

  it('says nothing against what is merged as long as merged patches stay as they are', () => {
    const before = { patches: [patch('1', 'merged'), patch('2', 'open', ['1']), patch('3', 'skipped')], flag }
    const after = { patches: [patch('1', 'open'), patch('4', 'open', ['1'])], flag: { ...flag, activated: '4' } }
    expect(contradictions(before, after, 'created')).toEqual([])
    expect(contradictions(before, { ...after, flag: null }, 'absent')).toEqual([])
    expect(contradictions(before, after, 'switching')).toMatchObject([{ patchId: null }])
    expect(contradictions(before, { ...after, flag: null }, 'created')).toMatchObject([{ patchId: null }])
  })

  it('may give a merged patch dependencies that are merged, too, and take some away', () => {
    const before = { patches: [patch('1', 'merged'), patch('2', 'merged', ['1']), patch('3', 'merged')], flag }
    const after = { patches: [patch('1', 'open', ['3']), patch('2', 'open'), patch('3', 'open')], flag }
    expect(contradictions(before, after, 'switched')).toEqual([])
  })

  it('gives neither a merged nor a skipped patch anything to wait for that is open', () => {
    for (const status of ['merged', 'skipped'] as const) {
      const before = { patches: [patch('1', status)], flag: null }
      const after = { patches: [patch('1', 'open', ['2']), patch('2', 'open')], flag: null }
      expect(contradictions(before, after, 'absent')).toEqual([
        { patchId: '1', message: `Patch 1 is ${status}; the revision has it wait for Patch 2, which is open.` },
      ])
    }
  })
})
