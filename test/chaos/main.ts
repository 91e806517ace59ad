import { parseArgs } from 'node:util'
import { findTemporalCli } from '../../dev/temporal-cli.ts'
import { createCaller } from './caller.ts'
import { PROMISES } from './oracle.ts'
import { randomOf } from './random.ts'
import { type Outcome, runRaceRound, runRound } from './round.ts'
import { startStage } from './stage.ts'
import { kills, STRIKES, type Strike } from './strikes.ts'

/**
 * `npm run chaos -- --seed 1 --minutes 10`: the long form of what `npm test` does to schedules. Random strikes under load
 * until time is up, and between them 10,000 races of cancel against fire, however long they take. The last line counts the
 * promises that were broken; with one of them the exit code is 1.
 */
const RACES = 10_000
const RACES_A_ROUND = 1_000
const STRIKES_A_ROUND = 20

const { values } = parseArgs({ options: { seed: { type: 'string' }, minutes: { type: 'string' } } })
const seed = wholeNumber('seed', Math.floor(Math.random() * 1e9))
const deadline = performance.now() + wholeNumber('minutes', 10) * 60_000
const random = randomOf(seed)
const from = performance.now()
const say = (line: string) => console.log(`${((performance.now() - from) / 1_000).toFixed(1).padStart(7)} s  ${line}`)
const total: Outcome = { schedules: 0, strikes: 0, cancels: { inTime: 0, tooLate: 0 }, broken: [] }

say(`seed ${seed}`)
// What runs is ended when this process exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
await findTemporalCli()
const stage = await startStage()
let failed = false
try {
  const scene = { stage, caller: await createCaller(stage.urls), random, say }
  for (let round = 0; performance.now() < deadline || round * RACES_A_ROUND < RACES; round++) {
    const races = Math.min(RACES_A_ROUND, RACES - round * RACES_A_ROUND)
    if (races > 0) add(`${races} races`, await runRaceRound(scene, `races${round}`, races))
    if (performance.now() < deadline) add(`round ${round}`, await runRound(scene, `round${round}`, strikesOf()))
  }
} catch (error) {
  failed = true
  console.error(error, stage.complaints())
} finally {
  await stage.stop()
}
const counts = PROMISES.map((promise) => `${promise} ${total.broken.filter((one) => one.promise === promise).length}`)
console.log([`schedules ${total.schedules}`, `strikes ${total.strikes}`, ...counts].join(', '))
process.exitCode = failed || total.broken.length > 0 ? 1 : 0

/** Half of them at named points, the others of any kind, until the round or the time is up. */
function* strikesOf(): Generator<Strike> {
  for (let nth = 0; nth < STRIKES_A_ROUND && performance.now() < deadline; nth++) {
    const among = random() < 0.5 ? kills : STRIKES
    yield among[Math.floor(random() * among.length)] as Strike
  }
}

function add(what: string, outcome: Outcome): void {
  total.schedules += outcome.schedules
  total.strikes += outcome.strikes
  total.broken.push(...outcome.broken)
  const { inTime, tooLate } = outcome.cancels
  say(
    `${what}: ${outcome.schedules} schedules, cancelled ${inTime} in time and ${tooLate} too late, ${outcome.broken.length} promises broken`,
  )
  for (const one of outcome.broken) console.log(`${one.promise}: ${one.what}`)
}

function wholeNumber(name: 'seed' | 'minutes', otherwise: number): number {
  const text = values[name]
  if (text === undefined) return otherwise
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} is a whole number, not ${JSON.stringify(text)}`)
  return Number(text)
}
