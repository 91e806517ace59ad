import { setTimeout as wait } from 'node:timers/promises'
import { type Database, openDatabase } from '../store/database.ts'
import type { Dispatcher } from '../store/effects.ts'
import { createSchedule } from '../store/flag-schedules.ts'
import { nudgeFlagSchedule } from '../store/tasks.ts'
import { transaction } from '../store/transaction.ts'
import { connectClient } from '../temporal/connection.ts'
import { createDispatcher, createTaskRunner, type TaskRunner } from '../temporal/dispatcher.ts'
import { createTasks } from '../temporal/tasks.ts'
import { watchOthers } from './others.ts'
import { atMost, type BenchmarkRow } from './row.ts'
import { flagKey, insertFlags, quiet } from './rows-in-postgres.ts'
import type { Stack } from './stack.ts'
import { distribution } from './statistics.ts'

const FULL = { pairs: 4_000, ratePerSecond: 50, seconds: 10 }
const QUICK = { pairs: 200, ratePerSecond: 20, seconds: 2 }
const WARM_UP_PAIRS = 100
const FLAGS = 100
const HOUR_MS = 3_600_000
const origin = { actor: 'bench', door: 'http' } as const

/** What an effect costs the transaction that causes it, and how soon after the commit its workflow is started. */
export const effect: BenchmarkRow = async (stack, { quick, say }) => {
  const size = quick ? QUICK : FULL
  say('to COMMIT, without and with an effect')
  const { without, with: withEffect, statements, others } = await toCommit(stack, size.pairs)
  say('commit to workflow')
  const toStart = await toWorkflow(stack, size.ratePerSecond, size.seconds)
  const started = distribution(toStart.took)
  const [before, after] = [distribution(without), distribution(withEffect)]
  const ratio = after.p50 / before.p50
  const more = statements.with - statements.without
  return {
    row: 'effect',
    conditions: [
      `to COMMIT: ${size.pairs} pairs of transactions on one connection, their order within the pair changing; each updates a flag and writes one event`,
      `statements, BEGIN and COMMIT included: ${statements.without} without, ${statements.with} with an effect`,
      `to workflow: from the reply to COMMIT to the reply to signal-with-start, ${size.ratePerSecond}/s for ${size.seconds} s, with a worker that runs them`,
    ],
    measurements: [
      { name: 'without an effect', of: 'BEGIN to COMMIT', distribution: before, others },
      { name: 'with an effect', of: 'BEGIN to COMMIT', distribution: after, others },
      { name: 'commit → workflow', of: 'COMMIT to started', distribution: started, others: toStart.others },
    ],
    verdicts: [
      { what: 'effect: latency, ratio of p50', goal: '≤ 1.10', result: ratio.toFixed(3), pass: ratio <= 1.1 },
      { what: 'effect: statements more', goal: '≤ 1', result: String(more), pass: more <= 1 },
      atMost('effect: p99 of commit → workflow', 50, started.p99),
    ],
  }
}

async function toCommit(stack: Stack, pairs: number) {
  const url = await stack.createDatabase('effect')
  const dispatched: Dispatcher = { dispatch: async () => new Map() }
  const db = openDatabase({ url, name: 'api', log: quiet, connections: 1, dispatcher: dispatched })
  const counted = countStatements(db)
  const times = { without: [] as number[], with: [] as number[] }
  const statements = { without: 0, with: 0 }
  try {
    const flagIds = await insertFlags(db, FLAGS)
    const once = async (kind: 'without' | 'with', n: number) => {
      const flagId = flagIds[n % FLAGS] as string
      const from = counted()
      const start = performance.now()
      await changeFlag(db, flagId, n, kind === 'with')
      const took = performance.now() - start
      statements[kind] = counted() - from
      if (n >= WARM_UP_PAIRS) times[kind].push(took)
    }
    const others = watchOthers()
    for (let n = 0; n < pairs + WARM_UP_PAIRS; n++) {
      const order = n % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const)
      for (const kind of order) await once(kind, n)
    }
    return { ...times, statements, others: others() }
  } finally {
    await db.pool.end()
  }
}

async function changeFlag(db: Database, flagId: string, n: number, enqueue: boolean): Promise<void> {
  await transaction(
    db,
    async (tx) => {
      await tx.query('UPDATE feature_flags SET rollout_percentage = $2, updated_at = clock_timestamp() WHERE id = $1', [
        flagId,
        n % 101,
      ])
      tx.emitEvent({ type: 'flag-updated', environment: 'production', flagId, data: { rolloutPercentage: n % 101 } })
      if (!enqueue) return
      const scheduledAt = new Date().toISOString()
      const payload = { scheduleId: flagId, flagKey: flagKey(n % FLAGS), environment: 'production', scheduledAt }
      tx.enqueueTriggerTask('schedule', nudgeFlagSchedule, payload, { idempotencyKey: `bench/${n}` })
    },
    { origin },
  )
}

/** Counts what goes over the pool's connections from now on; returns how many statements so far. */
function countStatements(db: Database): () => number {
  let statements = 0
  db.pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    const counting = (...args: unknown[]) => {
      statements += 1
      return query(...args)
    }
    client.query = counting as typeof client.query
  })
  return () => statements
}

async function toWorkflow(stack: Stack, ratePerSecond: number, seconds: number) {
  const url = await stack.createDatabase('effect_started')
  const application = await stack.startApplication(url, 'effect')
  const { client, connection } = connectClient()
  const committedAt = new Map<string, number>()
  const took: number[] = []
  const send = createTaskRunner(createTasks(client, application.names))
  const run: TaskRunner = async (task) => {
    const handle = await send(task)
    took.push(performance.now() - (committedAt.get(task.idempotencyKey) as number))
    return handle
  }
  const sending = createDispatcher(run, () => db, quiet)
  const dispatcher: Dispatcher = {
    dispatch(tasks) {
      for (const { idempotencyKey } of tasks) committedAt.set(idempotencyKey, performance.now())
      return sending.dispatch(tasks)
    },
  }
  const db = openDatabase({ url, name: 'api', log: quiet, connections: 10, dispatcher })
  try {
    await insertFlags(db, FLAGS)
    const input = { scheduledAt: new Date(Date.now() + HOUR_MS).toISOString(), updates: { enabled: true } }
    const create = (n: number) =>
      transaction(db, (tx) => createSchedule(tx, { environment: 'production', flagKey: flagKey(n % FLAGS) }, input), {
        origin,
      })
    for (let n = 0; n < 20; n++) await create(n)
    took.length = 0
    const others = watchOthers()
    const start = performance.now()
    const all: Promise<unknown>[] = []
    for (let n = 0; n < ratePerSecond * seconds; n++) {
      await wait(Math.max(0, start + (n * 1_000) / ratePerSecond - performance.now()))
      all.push(create(n))
    }
    await Promise.all(all)
    await sending.drain()
    if (took.length !== all.length) throw new Error(`${all.length - took.length} workflows were not started`)
    return { took, others: others() }
  } finally {
    await sending.drain()
    await db.pool.end()
    await connection.close()
    await application.stop()
  }
}
