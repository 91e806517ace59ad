import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest'
import { type Caller, createCaller } from './caller.ts'
import { randomOf } from './random.ts'
import { runRaceRound, runRound } from './round.ts'
import { type Stage, startStage } from './stage.ts'
import { SHORT } from './strikes.ts'

// The short form of `npm run chaos`: the same load, strikes and oracle, each point once.

// On two idle cores it takes two minutes; beside other tests, several times that.
const TIMEOUT = 900_000
const SEED = 20_260_301
let stage: Stage
let caller: Caller

beforeAll(async () => {
  stage = await startStage()
  caller = await createCaller(stage.urls)
}, 120_000)
afterAll(async () => {
  await stage?.stop()
}, 120_000)

function sceneOf(log: string[]) {
  onTestFailed(() => console.error(log.join('\n'), stage.complaints(), caller.tally))
  return { stage, caller, random: randomOf(SEED), say: (line: string) => void log.push(line) }
}

test('cancel against fire, 300 times: it will never run, or it already ran', { timeout: TIMEOUT }, async () => {
  const { broken, cancels } = await runRaceRound(sceneOf([]), 'races', 300)
  expect(broken).toEqual([])
  // Some of each, or it was no race.
  expect(Math.min(cancels.inTime, cancels.tooLate)).toBeGreaterThan(10)
})

test('under load, every point once: nothing lost, twice, early, out of order or a lie', {
  timeout: TIMEOUT,
}, async () => {
  const { broken, schedules } = await runRound(sceneOf([]), 'all', SHORT)
  expect(broken).toEqual([])
  expect(schedules).toBeGreaterThan(500)
})
