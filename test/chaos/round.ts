import type { Caller } from './caller.ts'
import { countCancels, type Load, runRaces, startLoad } from './load.ts'
import { type Broken, broken, untilSettled } from './oracle.ts'
import { hoursOutage } from './outage.ts'
import { brokenRecurring, makeRecurring, moveBack, skipNowAndThen, untilCaughtUp } from './recurring.ts'
import type { Stage } from './stage.ts'
import type { Strike } from './strikes.ts'
import { until } from './until.ts'

export interface Scene {
  stage: Stage
  caller: Caller
  random: () => number
  /** Is told of each strike, as it begins. */
  say(line: string): void
}

/** What a part of the test came to. */
export interface Outcome {
  schedules: number
  strikes: number
  cancels: { inTime: number; tooLate: number }
  broken: Broken[]
}

const OCCURRENCES = 30

/**
 * Strikes one after the other, under a load of schedules, races and recurrences; then an hour's outage of everything. Waits
 * until nothing is left to do, and looks whether every promise was kept.
 */
export async function runRound(scene: Scene, name: string, strikes: Iterable<Strike>): Promise<Outcome> {
  const { stage, caller, random, say } = scene
  const load = startLoad({ servers: stage, caller, random }, name)
  const recurring = startRecurring(scene, name)
  let struck = 0
  try {
    // Before that, a strike would hit nothing.
    await until(async () => (load.schedules.some(({ dueAt }) => dueAt < Date.now()) ? undefined : 'nothing is due yet'))
    for (const strike of strikes) {
      say(strike.name)
      await strike.run(stage, random)
      struck++
    }
  } finally {
    await load.stop()
  }
  const fromRecurring = await (await recurring)()
  say('outage of everything for an hour')
  const fromOutage = await hoursOutage(stage, caller, random, load)
  const outcome = await look(scene, load)
  return { ...outcome, strikes: struck + 1, broken: [...fromRecurring, ...fromOutage, ...outcome.broken] }
}

/** Nothing but races between cancelling and firing. */
export async function runRaceRound({ stage, caller, random, ...scene }: Scene, name: string, races: number) {
  const load = await runRaces({ servers: stage, caller, random }, name, races)
  return await look({ stage, caller, random, ...scene }, load)
}

async function look({ stage, caller }: Scene, load: Load): Promise<Outcome> {
  await untilSettled(stage, load)
  const outrages = caller.outrages.splice(0).map((what): Broken => ({ promise: 'false answers', what }))
  return {
    schedules: load.schedules.length,
    strikes: 0,
    cancels: countCancels(load),
    broken: [...(await broken(stage, load)), ...outrages],
  }
}

/**
 * Makes recurrences that missed two days, and have to make up for it while the strikes go on: 30 occurrences each for two of
 * them, one of which has some skipped.
 */
async function startRecurring({ stage, caller, random }: Scene, name: string): Promise<() => Promise<Broken[]>> {
  const make = async (key: string, catchUp: 'all' | 'latest' | 'none', count?: number) => {
    const recurring = await makeRecurring(caller, `${name}-${key}`, catchUp, 60, count)
    await moveBack(stage, recurring, 48)
    return recurring
  }
  const [all, skipped, latest, none] = await Promise.all([
    make('all', 'all', OCCURRENCES),
    make('skipped', 'all', OCCURRENCES),
    make('latest', 'latest'),
    make('none', 'none'),
  ])
  const skipping = skipNowAndThen(caller, skipped, random)
  return async () => {
    await Promise.all([all, skipped, latest, none].map((one) => untilCaughtUp(stage, one, 60_000)))
    await skipping
    const found = [
      brokenRecurring(stage, caller, all, OCCURRENCES),
      brokenRecurring(stage, caller, skipped, OCCURRENCES),
      brokenRecurring(stage, caller, latest),
      brokenRecurring(stage, caller, none),
    ]
    return (await Promise.all(found)).flat()
  }
}
