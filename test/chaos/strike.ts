import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFailed } from 'vitest'
import type { Stack } from '../helpers/processes.ts'
import { createCaller } from './caller.ts'
import { type Asked, makeLoad, meddle, SCHEDULES } from './load.ts'
import { broken, untilSettled } from './oracle.ts'
import { until } from './until.ts'

export type Victim = 'worker' | 'api' | 'temporal' | 'postgres'

/** Kills a part of the product and starts it again a second later. */
export async function killAndRestart(stack: Stack, victim: Victim): Promise<void> {
  await stack[victim].kill()
  await wait(1_000)
  await stack[victim].start()
}

/**
 * Lets 200 schedules fall due, some cancelled, changed and moved meanwhile, runs `strike` in the middle of it, and
 * expects every promise to be kept in the end. Whoever is stopped has to run again when `strike` resolves.
 */
export async function strikeWhileDue(stack: Stack, name: string, strike: () => Promise<void>): Promise<void> {
  const caller = await createCaller(stack.url)
  onTestFailed(() => console.error(stack.complaints(), caller.tally))
  const load = await makeLoad(caller, name)
  const answers = meddle(caller, load)

  // In the middle: before, a strike would hit nothing, and later nothing that matters. On a busy machine the applying
  // may lag behind; after two seconds at least half of the schedules are still to come.
  const applied = `SELECT count(*) AS applied FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
    WHERE f.key LIKE $1 || '-%' AND status = 'applied'`
  await until(
    async () => {
      const [row] = await stack.sql<{ applied: number }>(applied, [name])
      if ((row?.applied ?? 0) > SCHEDULES / 5 || Date.now() > load.firstDue + 2_000) return undefined
      return 'not in the middle of it'
    },
    load.firstDue + 10_000 - Date.now(),
    20,
  )
  await strike()

  const asked = await answers
  await untilSettled(stack, load)
  // The first of each flag; nobody has touched it, so it is too late for certain.
  const firsts = load.schedules.filter(({ flagKey }, index, all) => all[index - 1]?.flagKey !== flagKey)
  const tooLate = await Promise.all(
    firsts.map(async (schedule): Promise<Asked> => {
      return { schedule, what: 'cancel', answer: await caller.call('DELETE', schedule.path) }
    }),
  )
  expect(new Set(tooLate.map(({ answer }) => answer.code))).toEqual(new Set(['schedule-applied']))
  expect(await broken(stack, load, [...asked, ...tooLate])).toEqual([])
  expect(caller.outrages).toEqual([])
}
