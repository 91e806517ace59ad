import { parseArgs } from 'node:util'
import { findTemporalCli } from '../../dev/temporal-cli.ts'
import { startAccountScene } from './account-scene.ts'
import { ACCOUNT_STRIKES, runAccountRound } from './account-storm.ts'
import { createCaller } from './caller.ts'
import { PROMISES } from './oracle.ts'
import { randomOf } from './random.ts'
import { type Outcome, runRaceRound, runRound } from './round.ts'
import { startStage } from './stage.ts'
import { kills, STRIKES, type Strike } from './strikes.ts'

/**
 * `npm run chaos -- --seed 1 --minutes 10`: the long form of what `npm test` does to schedules, and to accounts that move.
 * Random strikes under load on schedules for two thirds of the time, and between them 10,000 races of cancel against fire,
 * however long they take; then on accounts, for a third, a round at least. The last line counts the promises that were broken;
 * with one of them the exit code is 1.
 */
const RACES = 10_000
const RACES_A_ROUND = 1_000
const STRIKES_A_ROUND = 20
const OF_ACCOUNTS = 1 / 3

const { values } = parseArgs({ options: { seed: { type: 'string' }, minutes: { type: 'string' } } })
const seed = wholeNumber('seed', Math.floor(Math.random() * 1e9))
const timeMs = wholeNumber('minutes', 10) * 60_000
const deadline = performance.now() + timeMs * (1 - OF_ACCOUNTS)
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
const moved = { acknowledged: 0, strikes: 0, broken: 0 }
await moveAccounts().catch((error) => {
  failed = true
  console.error(error)
})
const counts = PROMISES.map((promise) => `${promise} ${total.broken.filter((one) => one.promise === promise).length}`)
const ofAccounts = `notes written ${moved.acknowledged}, strikes ${moved.strikes}, lost or wrong ${moved.broken}`
console.log([`schedules ${total.schedules}`, `strikes ${total.strikes}`, ...counts, ofAccounts].join(', '))
process.exitCode = failed || total.broken.length + moved.broken > 0 ? 1 : 0

async function moveAccounts(): Promise<void> {
  const end = performance.now() + timeMs * OF_ACCOUNTS
  const scene = await startAccountScene()
  try {
    const current = await scene.openCurrentStore()
    for (let round = 0; round === 0 || performance.now() < end; round++) {
      const strikes = Array.from({ length: STRIKES_A_ROUND / 2 }, () => pick(ACCOUNT_STRIKES))
      const outcome = await runAccountRound({ ...scene, current }, `moved${round}`, strikes, random)
      moved.acknowledged += outcome.acknowledged
      moved.strikes += strikes.length
      moved.broken += outcome.broken.length
      say(`accounts ${round}: ${outcome.acknowledged} writes, ${outcome.failed} failed (${strikes.join(', ')})`)
      for (const one of outcome.broken) console.log(one)
    }
  } catch (error) {
    console.error(scene.servers.complaints())
    throw error
  } finally {
    await scene.stop()
  }
}

function pick<T>(among: readonly T[]): T {
  return among[Math.floor(random() * among.length)] as T
}

/** Half of them at named points, the others of any kind, until the round or the time is up. */
function* strikesOf(): Generator<Strike> {
  for (let nth = 0; nth < STRIKES_A_ROUND && performance.now() < deadline; nth++) {
    yield pick(random() < 0.5 ? kills : STRIKES)
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
