import { setTimeout as wait } from 'node:timers/promises'
import { type Database, query } from '../store/database.ts'
import { sweepDue } from '../store/sweep.ts'
import { applyByGraphile, describeGraphile } from './graphile.ts'
import { watchOthers } from './others.ts'
import { atMost, type BenchmarkRow, type Measurement, none } from './row.ts'
import {
  appliedSoFar,
  flagKey,
  insertFlags,
  insertHistory,
  insertSchedules,
  openSweepDatabase,
} from './rows-in-postgres.ts'
import type { Stack } from './stack.ts'
import { distribution, median } from './statistics.ts'

interface Size {
  schedules: number
  /** Of them, with a workflow. */
  throughTemporal: number
  runs: number
  leadMs: number
}

const FULL: Size = { schedules: 10_000, throughTemporal: 200, runs: 3, leadMs: 20_000 }
const QUICK: Size = { schedules: 1_000, throughTemporal: 20, runs: 1, leadMs: 6_000 }
const PEER_LEAD_MS = 5_000
/** Workflows armed later than this before the due time would start and fire at once. */
const QUIET_MS = 2_000
const LOOK_EVERY_MS = 50
/** Applied schedules of each flag, for the loop beside a history. */
const HISTORY = 20
const GRAPHILE = { concurrency: 24, pollIntervalMs: 10, localQueue: 500 }

/** Milliseconds after the due time. */
interface Burst {
  lastAppliedMs: number
  /** When another connection, or the caller of the last commit, saw that all are applied. */
  seenMs: number
  early: number
  others: number | undefined
}

/** How long it takes until everything is applied that is due in one instant. */
export const burst: BenchmarkRow = async (stack, { quick, say }) => {
  const size = quick ? QUICK : FULL
  const interlock: Burst[] = []
  const inProcess: Burst[] = []
  const withHistory: Burst[] = []
  const graphile: Burst[] = []
  // Taken in turn, so that a change of the machine's mood hits all alike.
  for (let run = 1; run <= size.runs; run++) {
    say(`run ${run} of ${size.runs}`)
    inProcess.push(await byOneLoop(stack, size, run, 0))
    withHistory.push(await byOneLoop(stack, size, run, HISTORY))
    graphile.push(await byGraphile(stack, size, run))
    interlock.push(await byInterlock(stack, size, run))
  }
  const measured = (name: string, bursts: Burst[]): Measurement[] => {
    const others = bursts.some((burst) => burst.others === undefined)
      ? undefined
      : median(bursts.map((burst) => burst.others as number))
    const applied = distribution(bursts.map((burst) => burst.lastAppliedMs))
    const seen = distribution(bursts.map((burst) => burst.seenMs))
    return [
      { name, of: 'last applied_at − due', distribution: applied, others },
      { name, of: 'all seen as committed − due', distribution: seen, others },
    ]
  }
  return {
    row: 'burst',
    conditions: [
      `${size.schedules} schedules of as many flags, due in one instant; ${size.runs} runs, judged by their median`,
      `Interlock: ${size.throughTemporal} are created through HTTP and fire through their workflows; the others are rows without one, since a dev server starts about 100 workflows a second. The reconciler is paused, as it would start them`,
      `seen: Interlock by another connection that looks every ${LOOK_EVERY_MS} ms, the others by the caller of the last commit`,
      'in-process: the same sweeps in a loop from the due time on, without Temporal',
      `history: beside ${HISTORY} applied schedules of each flag, with statistics from before anything was pending`,
      `graphile-worker: ${describeGraphile(GRAPHILE)}; its task updates schedule and flag only`,
    ],
    measurements: [
      ...measured('Interlock', interlock),
      ...measured('in-process', inProcess),
      ...measured('in-process, history', withHistory),
      ...measured('graphile-worker', graphile),
    ],
    verdicts: [
      atMost('burst: all seen as committed − due', 500, median(interlock.map(({ seenMs }) => seenMs))),
      none(
        'burst: applied early',
        interlock.reduce((sum, { early }) => sum + early, 0),
      ),
    ],
  }
}

async function byInterlock(stack: Stack, size: Size, run: number): Promise<Burst> {
  const url = await stack.createDatabase(`burst_${run}`)
  const db = openSweepDatabase(url, 2)
  const application = await stack.startApplication(url, `burst-${run}`)
  try {
    await application.pauseReconciler()
    const flagIds = await insertFlags(db, size.schedules)
    const dueAt = Date.now() + size.leadMs
    const share = size.schedules / size.throughTemporal
    const workflows = await application.createSchedules(
      Array.from({ length: size.throughTemporal }, (_, n) => ({ flagKey: flagKey(n * share), dueAt })),
    )
    await insertSchedules(
      db,
      flagIds.filter((_, index) => index % share !== 0).map((flagId) => ({ flagId, dueAt })),
    )
    await application.untilArmed(workflows, dueAt - QUIET_MS)
    await wait(dueAt - Date.now())
    const others = watchOthers()
    while ((await appliedSoFar(db)) < size.schedules) await wait(LOOK_EVERY_MS)
    const seen = Date.now()
    const busy = others()
    await application.untilClosed(workflows)
    return await measure(db, dueAt, seen, busy)
  } finally {
    await application.stop()
    await db.pool.end()
  }
}

async function byOneLoop(stack: Stack, size: Size, run: number, history: number): Promise<Burst> {
  const db = openSweepDatabase(await stack.createDatabase(`burst_loop_${history}_${run}`))
  try {
    const { dueAt } = await prepare(db, size, history)
    await wait(dueAt - Date.now())
    const others = watchOthers()
    for (let left = size.schedules; left > 0; ) left -= (await sweepDue(db)).outcomes.length
    return await measure(db, dueAt, Date.now(), others())
  } finally {
    await db.pool.end()
  }
}

async function byGraphile(stack: Stack, size: Size, run: number): Promise<Burst> {
  const url = await stack.createDatabase(`burst_graphile_${run}`)
  const db = openSweepDatabase(url, 2)
  try {
    const { ids, dueAt } = await prepare(db, size)
    const others = watchOthers()
    const seen = await applyByGraphile(
      url,
      ids.map((scheduleId) => ({ scheduleId, dueAt })),
      GRAPHILE,
    )
    return await measure(db, dueAt, seen, others())
  } finally {
    await db.pool.end()
  }
}

async function prepare(db: Database, size: Size, history = 0): Promise<{ ids: string[]; dueAt: number }> {
  const flagIds = await insertFlags(db, size.schedules)
  if (history > 0) await insertHistory(db, history)
  const dueAt = Date.now() + PEER_LEAD_MS
  return {
    ids: await insertSchedules(
      db,
      flagIds.map((flagId) => ({ flagId, dueAt })),
    ),
    dueAt,
  }
}

async function measure(db: Database, dueAt: number, seen: number, others: number | undefined): Promise<Burst> {
  const [row] = await query<{ last: number; early: number; open: number }>(
    db,
    `SELECT (extract(epoch FROM max(applied_at - scheduled_at)) * 1000)::float8 AS last,
       count(*) FILTER (WHERE applied_at < scheduled_at) AS early, count(*) FILTER (WHERE status <> 'applied') AS open
     FROM feature_flag_schedules WHERE scheduled_at = to_timestamp($1::float8 / 1000)`,
    [dueAt],
  )
  if (!row || row.open > 0) throw new Error(`${row?.open} schedules were not applied`)
  return { lastAppliedMs: row.last, seenMs: seen - dueAt, early: row.early, others }
}
