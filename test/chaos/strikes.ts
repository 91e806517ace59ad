import { setTimeout as wait } from 'node:timers/promises'
import type { Part } from '../helpers/parts.ts'
import { POINTS, type Point } from './points.ts'
import { holdFirst, type Player, type Stage } from './stage.ts'
import { killAndRestart } from './strike.ts'

/** Something that happens to the product. When it resolves, all of the product runs again. */
export interface Strike {
  name: string
  run(stage: Stage, random: () => number): Promise<void>
}

const HOUR = 3_600_000
const VICTIMS = ['worker', 'api', 'temporal', 'postgres'] as const

const oneOf = <T>(all: readonly T[], random: () => number) => all[Math.floor(random() * all.length)] as T

/** SIGKILL of each process at each point: a transaction of an API for the API, one that applies schedules for the others. */
export const kills: Strike[] = VICTIMS.flatMap((victim) =>
  POINTS.map((point) => ({
    name: `SIGKILL of ${victim} ${point}`,
    run: async (stage: Stage, random: () => number) => await killAt(stage, victim, point, random),
  })),
)

async function killAt(stage: Stage, victim: (typeof VICTIMS)[number], point: Point, random: () => number) {
  const actors = victim === 'api' && point !== 'before-activity-completion' ? stage.apis : stage.workers
  const actor = await holdFirst(actors, point)
  const targets = { worker: actor, api: actors === stage.apis ? actor : oneOf(stage.apis, random), ...stage }
  const target: Part = targets[victim]
  await target.kill()
  actor.order({ release: true })
  await wait(200 + random() * 800)
  await target.start()
}

const players = (stage: Stage) => [...stage.workers, ...stage.apis]

/** A strike on one process, a worker or an API by chance. */
function onOne(name: string, run: (player: Player) => Promise<void>, of = players): Strike {
  return { name, run: async (stage, random) => await run(oneOf(of(stage), random)) }
}

const cuts: Strike[] = (['toPostgres', 'toTemporal'] as const).flatMap((road) => [
  onOne(`all connections ${road} cut`, async (player) => {
    player[road].cut()
    await wait(300)
    player[road].cut()
  }),
  onOne(`nothing gets through ${road} for 3 s`, async (player) => {
    player[road].blackHole()
    await wait(3_000)
    player[road].open()
  }),
])

/** The reply to a COMMIT is lost, or the COMMIT itself. */
const lostCommits: Strike[] = (['workers', 'apis'] as const).flatMap((kind) =>
  (['before', 'after'] as const).map((when) => ({
    name: `connection of one of ${kind} cut ${when} COMMIT took effect`,
    run: async (stage: Stage) => {
      const player = await holdFirst(stage[kind], 'before-commit')
      const cut = player.toPostgres.cutAtCommit(when)
      player.order({ release: true })
      await cut
    },
  })),
)

const jumps: Strike[] = (['workers', 'apis'] as const).flatMap((kind) =>
  [HOUR, -HOUR].map((byMs) =>
    onOne(
      `clock of one of ${kind} jumps ${byMs > 0 ? 'ahead' : 'back'} by an hour`,
      async (player) => {
        player.setClock(byMs)
        await wait(2_000)
        // Not before it has changed something.
        await holdFirst([player], 'after-commit')
        player.order({ release: true })
        player.setClock(0)
      },
      (stage) => [...stage[kind]],
    ),
  ),
)

const ends: Strike[] = [
  {
    name: 'SIGKILL of one of two workers and of one of two APIs at once',
    run: async (stage, random) => {
      const pair = [oneOf(stage.workers, random), oneOf(stage.apis, random)]
      await Promise.all(pair.map((player) => killAndRestart(player)))
    },
  },
  onOne('SIGTERM, and it ends in time', async (player) => {
    const from = performance.now()
    const exit = await player.stop()
    const tookMs = performance.now() - from
    if (exit?.code !== 0 || tookMs > 15_000) throw new Error(`${player.name} ended with ${exit?.code} in ${tookMs} ms`)
    await player.start()
  }),
  onOne('SIGSTOP for 4 s: a process that does not know that it was away', async (player) => {
    await player.pause()
    await wait(4_000)
    await player.resume()
  }),
]

export const STRIKES: Strike[] = [...kills, ...lostCommits, ...cuts, ...jumps, ...ends]

const IN_SHORT = [
  'SIGKILL of worker before-commit',
  'SIGKILL of worker before-activity-completion',
  'SIGKILL of api after-commit',
  'SIGKILL of temporal before-first-statement',
  'SIGKILL of postgres between-statements',
]

/** Each point once, each process at least once, and one of each of the others. */
export const SHORT: Strike[] = [
  ...kills.filter(({ name }) => IN_SHORT.includes(name)),
  ...lostCommits.slice(1, 3),
  ...cuts,
  ...jumps.slice(0, 2),
  ...ends,
]
