import { isLinearizable } from './linearizability.ts'
import { createMemoryStore } from './memory-store.ts'
import { type Actor, Schedule } from './scheduler.ts'
import { type Scenario, type Variant, World } from './world.ts'

export interface Explored {
  /** Orders of steps that were covered, from the first step to the last; those that lead to one state share what follows. */
  interleavings: number
  states: number
  /** One that a map could not have answered so; undefined: there is none. */
  violation?: string | undefined
}

/** Never reached by a correct protocol: an actor that goes round and round. */
const LONGEST = 150

/**
 * Every interleaving of a scenario at the boundaries of statements, each with and without one crash at each of them.
 * A state that was reached before is not entered twice: what stores, account and actors know decides all that follows.
 */
export async function explore(scenario: Scenario, variant: Variant = {}, { crash = true } = {}): Promise<Explored> {
  const followers = new Map<string, string[]>()
  const todo: { path: number[]; from: string | undefined }[] = [{ path: [], from: undefined }]
  let root = ''
  for (let next = todo.pop(); next; next = todo.pop()) {
    const { path } = next
    let { from } = next
    const run = begin(scenario, variant)
    for (const choice of path) await run.schedule.take(choice)
    for (const taken = [...path]; ; ) {
      const state = run.state()
      if (from === undefined) root = state
      else followers.get(from)?.push(state)
      if (followers.has(state)) break
      followers.set(state, [])
      from = state
      const [first, ...others] = run.schedule.choices(crash)
      if (first === undefined) {
        const violation = await run.judge()
        if (violation) return { interleavings: 1, states: followers.size, violation: `${violation}\nsteps: ${taken}` }
        break
      }
      if (taken.length > LONGEST) throw new Error(`No end in sight: ${state}`)
      for (const other of others) todo.push({ path: [...taken, other], from: state })
      taken.push(first)
      const before = run.versions()
      await run.schedule.take(first)
      const lost = run.lostSince(before)
      if (lost) return { interleavings: 1, states: followers.size, violation: `${lost}\nsteps: ${taken}` }
    }
  }
  return { interleavings: countPaths(followers, root), states: followers.size }
}

function countPaths(followers: ReadonlyMap<string, string[]>, root: string): number {
  const counted = new Map<string, number>()
  const count = (state: string): number => {
    const known = counted.get(state)
    if (known !== undefined) return known
    const next = followers.get(state) ?? []
    const paths = next.length === 0 ? 1 : next.reduce((sum, follower) => sum + count(follower), 0)
    counted.set(state, paths)
    return paths
  }
  return count(root)
}

/** One interleaving, drawn by `random` (below the number given). */
export async function runOnce(
  world: (variant: Variant) => World,
  scenario: Scenario,
  random: (below: number) => number,
): Promise<string | undefined> {
  const run = start(world({}), scenario)
  for (let choices = run.schedule.choices(true); choices.length > 0; choices = run.schedule.choices(true)) {
    // A crash is one choice among many steps.
    const able = choices.filter((choice) => choice >= 0)
    const crash = choices.length > able.length && random(12) === 0
    const from = crash ? choices.filter((choice) => choice < 0) : able
    await run.schedule.take(from[random(from.length)] as number)
  }
  return run.judge()
}

function begin(scenario: Scenario, variant: Variant) {
  const stores = { legacy: createMemoryStore(), current: createMemoryStore() }
  for (const name of ['legacy', 'current'] as const) {
    stores[name].epoch = 1
    for (const copy of scenario[name]) stores[name].copies.set(copy.id, copy)
  }
  const run = start(new World(scenario, stores, variant), scenario)
  const versions = () => {
    const highest = new Map<string, number>()
    for (const { id, version } of [...stores.legacy.copies.values(), ...stores.current.copies.values()]) {
      highest.set(id, Math.max(version, highest.get(id) ?? 0))
    }
    return highest
  }
  return {
    ...run,
    /** The highest version of each key over both stores. */
    versions,
    /** No step may lose a key or lower its version, but for a clean-up that forgets tombstones. */
    lostSince(before: ReadonlyMap<string, number>): string | undefined {
      if (scenario.operations.some(({ kind }) => kind === 'cleanUp')) return undefined
      const now = versions()
      const lost = [...before].find(([id, version]) => (now.get(id) ?? 0) < version)
      return lost && `version ${lost[1]} of ${lost[0]} is in neither store`
    },
    state: () =>
      JSON.stringify([
        [stores.legacy, stores.current].map(({ epoch, copies }) => [
          epoch,
          [...copies.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
        ]),
        run.world.account,
        run.world.next,
        run.schedule.crashes,
      ]) +
      run.schedule.state() +
      run.world.order(),
  }
}

function start(world: World, scenario: Scenario) {
  const actors: Actor[] = scenario.operations.map((operation) => world.actor(operation, () => schedule))
  const schedule = new Schedule(actors)
  return {
    world,
    schedule,
    async judge(): Promise<string | undefined> {
      if (schedule.failure) return `failed: ${(schedule.failure as Error).stack}`
      await world.readAll(schedule.clock)
      if (isLinearizable(world.history, world.initial)) return undefined
      return world.history
        .map(
          ({ call, answer, asked, answered }) =>
            `${asked}–${answered} ${JSON.stringify(call)} → ${JSON.stringify(answer)}`,
        )
        .join('\n')
    },
  }
}
