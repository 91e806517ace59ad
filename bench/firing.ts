import { setTimeout as wait } from 'node:timers/promises'
import { sweepDue } from '../store/sweep.ts'
import { applyByGraphile, describeGraphile } from './graphile.ts'
import { type CpuTime, watchCpuTime, watchOthers } from './others.ts'
import { atMost, type BenchmarkRow, type Measurement, none } from './row.ts'
import {
  appliedSoFar,
  flagKey,
  insertFlags,
  insertSchedules,
  openSweepDatabase,
  readLateness,
} from './rows-in-postgres.ts'
import type { Stack } from './stack.ts'
import { distribution, seededRandom } from './statistics.ts'

interface Size {
  schedules: number
  windowMs: number
  /** From the first creation to the first due time: all workflows must sleep by then. */
  leadMs: number
}

const FULL: Size = { schedules: 1_000, windowMs: 20_000, leadMs: 60_000 }
const QUICK: Size = { schedules: 60, windowMs: 2_000, leadMs: 8_000 }
/** Beside the full rate, which leaves two cores no room, one in five of them: what lateness is without a queue for the CPU. */
const CALM_EVERY = 5
/** Peers write their rows directly, so they need less time before the first due time. */
const PEER_LEAD_MS = 3_000
/** Armed later than this before the first due time, starts and firings would mix. */
const QUIET_MS = 2_000
// 10 ms is as often as it can poll here before the polls themselves delay the jobs.
const GRAPHILE = { concurrency: 10, pollIntervalMs: 10, localQueue: 20 }

/** How late a scheduled change is applied, when others are due all the time. */
export const firing: BenchmarkRow = async (stack, { quick, say }) => {
  const size = quick ? QUICK : FULL
  const random = seededRandom(1)
  const offsets = Array.from({ length: size.schedules }, () => Math.floor(random() * size.windowMs))
  say('in-process setTimeout')
  const timers = await byTimers(stack, offsets)
  say('graphile-worker')
  const graphile = await byGraphile(stack, offsets)
  say('Interlock')
  const interlock = await byInterlock(stack, 'firing', offsets, size, say)
  say('Interlock, one in five')
  const calmOffsets = offsets.filter((_, index) => index % CALM_EVERY === 0)
  const calm = await byInterlock(stack, 'firing_calm', calmOffsets, size, say)
  const results = [interlock, calm, timers, graphile].flatMap(({ lateness }) => lateness)
  const ours = measured('Interlock', interlock)
  return {
    row: 'firing',
    conditions: [
      `${size.schedules} schedules on as many flags, due at random milliseconds of ${size.windowMs / 1_000} s, the same for all`,
      'lateness = applied_at − scheduled_at by the clock of Postgres; applied_at is read in the statement that applies',
      'Interlock: created through HTTP; the window begins when every workflow has its timer; API and worker are processes',
      `at the full rate ${cpuText(interlock)}; at a fifth of it ${cpuText(calm)}`,
      'setTimeout: one timer and one sweep transaction (the same code) for each schedule, no Temporal, in one process',
      `graphile-worker: ${describeGraphile(GRAPHILE)}; its task updates schedule and flag only`,
    ],
    measurements: [
      ours,
      measured(`Interlock, ${calmOffsets.length} of them`, calm),
      measured('in-process setTimeout', timers),
      measured('graphile-worker', graphile),
      { name: 'cron, every 60 s', of: 'applied − due', distribution: distribution(byCron(offsets)), computed: true },
    ],
    verdicts: [
      atMost('firing: p50 of applied − due', 3, ours.distribution.p50),
      atMost('firing: p99 of applied − due', 8, ours.distribution.p99),
      none('firing: applied early', results.filter((lateness) => lateness < 0).length),
    ],
  }
}

interface Firings {
  /** Applied − due of each schedule, in milliseconds. */
  lateness: number[]
  others: number | undefined
}

interface InterlockFirings extends Firings {
  cpu: CpuTime
}

function cpuText({ cpu: { ours, busy }, lateness }: InterlockFirings): string {
  const parts = [...ours].map(([program, ms]) => `${program} ${(ms / lateness.length).toFixed(1)}`)
  // Without /proc nobody knows.
  const each = parts.length > 0 ? `, CPU time of a firing in ms: ${parts.join(', ')}` : ''
  return `the machine was ${(busy * 100).toFixed(0)} % busy${each}`
}

function measured(name: string, { lateness, others }: Firings): Measurement {
  return { name, of: 'applied − due', distribution: distribution(lateness), others }
}

async function byInterlock(
  stack: Stack,
  database: string,
  offsets: number[],
  { leadMs }: Size,
  say: (line: string) => void,
): Promise<InterlockFirings> {
  const url = await stack.createDatabase(database)
  const db = openSweepDatabase(url, 2)
  const application = await stack.startApplication(url, database)
  try {
    await insertFlags(db, offsets.length)
    const start = Date.now() + leadMs
    const workflows = await application.createSchedules(
      offsets.map((offset, index) => ({ flagKey: flagKey(index), dueAt: start + offset })),
    )
    say(`created; the window begins in ${((start - Date.now()) / 1_000).toFixed(1)} s`)
    await application.untilArmed(workflows, start - QUIET_MS)
    say(`every workflow has its timer, ${((start - Date.now()) / 1_000).toFixed(1)} s before the window`)
    await wait(start - Date.now())
    const [others, cpu] = [watchOthers(), watchCpuTime()]
    await wait(start + Math.max(...offsets) - Date.now())
    while ((await appliedSoFar(db)) < offsets.length) await wait(200)
    const firings = { lateness: await readLateness(db), others: others(), cpu: cpu() }
    await application.untilClosed(workflows)
    return firings
  } finally {
    await application.stop()
    await db.pool.end()
  }
}

/** One timer a schedule. A timer may fire a millisecond early, and another one's sweep may have taken its row along. */
async function byTimers(stack: Stack, offsets: number[]): Promise<Firings> {
  const db = openSweepDatabase(await stack.createDatabase('firing_timers'))
  try {
    const flagIds = await insertFlags(db, offsets.length)
    const start = Date.now() + PEER_LEAD_MS
    const ids = await insertSchedules(
      db,
      offsets.map((offset, index) => ({ flagId: flagIds[index] as string, dueAt: start + offset })),
    )
    const others = watchOthers()
    const applied = new Set<string>()
    await Promise.all(
      ids.map(async (id, index) => {
        await wait(start + (offsets[index] as number) - Date.now())
        while (!applied.has(id)) for (const { scheduleId } of (await sweepDue(db)).outcomes) applied.add(scheduleId)
      }),
    )
    return { lateness: await readLateness(db), others: others() }
  } finally {
    await db.pool.end()
  }
}

async function byGraphile(stack: Stack, offsets: number[]): Promise<Firings> {
  const url = await stack.createDatabase('firing_graphile')
  const db = openSweepDatabase(url, 2)
  try {
    const flagIds = await insertFlags(db, offsets.length)
    const start = Date.now() + PEER_LEAD_MS
    const due = offsets.map((offset, index) => ({ flagId: flagIds[index] as string, dueAt: start + offset }))
    const ids = await insertSchedules(db, due)
    const jobs = ids.map((scheduleId, index) => ({ scheduleId, dueAt: due[index]?.dueAt as number }))
    const others = watchOthers()
    await applyByGraphile(url, jobs, GRAPHILE)
    return { lateness: await readLateness(db), others: others() }
  } finally {
    await db.pool.end()
  }
}

/** A poll at every full minute, and a sweep that costs nothing; averaged over where in the minute the window begins. */
function byCron(offsets: number[]): number[] {
  const starts = Array.from({ length: 60 }, (_, second) => second * 1_000)
  return starts.flatMap((start) => offsets.map((offset) => 60_000 - ((start + offset) % 60_000)))
}
