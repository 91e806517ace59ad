import { Exploration, type State, Violation } from './exploration.ts'
import type { Scenario, Variant } from './world.ts'

export interface Explored {
  /** Orders of steps that were covered, from the first step to the last; those that lead to one state share what follows. */
  interleavings: number
  states: number
  /** One that a map could not have answered so; undefined: there is none. */
  violation?: string | undefined
}

/**
 * Every interleaving of a scenario at the boundaries of statements, each with and without one crash at each of them. None is
 * left out: a state (what both stores and the account's row hold, what each operation can still know, how a map may stand)
 * is entered once, whichever way it is reached, since it decides all that follows. Of operations that differ in what they
 * write alone, the first begins first: the other orders are the same by other names.
 */
export async function explore(scenario: Scenario, variant: Variant = {}, { crash = true } = {}): Promise<Explored> {
  const world = new Exploration(scenario, variant)
  const states = [await world.begin()]
  let [state] = states as [State]
  const shapes = scenario.operations.map((operation) => JSON.stringify({ ...operation, value: undefined }))
  const twins = shapes.map((shape, who) => shapes.slice(0, who).lastIndexOf(shape))
  try {
    for (let n = 0; n < states.length; n++) {
      state = states[n] as State
      const followers: State[] = []
      for (const [who, actor] of state.actors.entries()) {
        if (!actor.request || state.crashed === who) continue
        const twin = twins[who] as number
        if (actor.isNew && state.actors[twin]?.isNew) continue
        followers.push(await world.completed(() => world.step(state, who)))
        if (crash && state.crashed < 0 && !actor.isNew) followers.push(world.end(state, who))
      }
      for (const follower of followers) {
        state.followers.push(follower.id)
        if (follower.id === states.length) states.push(follower)
      }
      if (followers.length === 0) await world.completed(() => world.readAll(state))
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    return { interleavings: 1, states: states.length, violation: `${error.what}\n${world.stepsTo(state, error)}` }
  }
  return { interleavings: countPaths(states), states: states.length }
}

function countPaths(states: State[]): number {
  const counted = new Float64Array(states.length)
  const count = (n: number): number => {
    if (counted[n] === Number.POSITIVE_INFINITY) throw new Error('No end in sight: an operation goes round and round')
    if (counted[n]) return counted[n]
    const { followers } = states[n] as State
    counted[n] = Number.POSITIVE_INFINITY
    const paths = followers.reduce((sum, follower) => sum + count(follower), 0) || 1
    counted[n] = paths
    return paths
  }
  return count(0)
}
