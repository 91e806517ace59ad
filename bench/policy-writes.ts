import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import type { Application } from './application.ts'
import {
  CATALOG,
  connectPlain,
  createCatalog,
  dropEvaluations,
  POLICY,
  STRICTER,
  settle,
} from './catalog-in-postgres.ts'
import { watchOthers } from './others.ts'
import { createPolicy, runThrough } from './policy-runs.ts'
import { atMostTimes, type BenchmarkRow } from './row.ts'
import { distribution, seededRandom } from './statistics.ts'

const FULL = { items: 1_000_000, pairs: 4, ratePerSecond: 50, quietMs: 10_000 }
const QUICK = { items: 50_000, pairs: 1, ratePerSecond: 50, quietMs: 2_000 }
const RUN = { batchSize: 500, parallelism: 2 }

/** What a run does to those who write items meanwhile. */
export const policyWrites: BenchmarkRow = async (stack, { quick, say }) => {
  const size = quick ? QUICK : FULL
  say(`a catalog of ${size.items} items`)
  const url = await createCatalog(stack, 'policy_writes', size.items)
  const client = await connectPlain(url)
  const application = await stack.startApplication(url, 'policy-writes')
  try {
    await makeActive(application)
    const writer = createWriter(application, size.items, size.ratePerSecond)
    await writer.during(() => wait(1_000))
    const [without, during]: [number[][], number[][]] = [[], []]
    const others = watchOthers()
    // Taken in turn, so that a change of the machine's mood hits both alike.
    for (let pair = 1; pair <= size.pairs; pair++) {
      say(`pair ${pair} of ${size.pairs}`)
      await settle(client)
      without.push(await writer.during(() => wait(size.quietMs)))
      during.push(await duringRun(client, application, writer))
    }
    const busy = others()
    const [quiet, running] = [distribution(without.flat()), distribution(during.flat())]
    const of = 'scheduled → reply'
    return {
      row: 'policy-writes',
      conditions: [
        `${size.items} items; ${CATALOG}`,
        `PATCH of one item through HTTP, ${size.ratePerSecond}/s by a fixed schedule, however long the replies take; latency from the scheduled instant`,
        `${size.pairs} times ${size.quietMs / 1_000} s without a run, then a whole run (${RUN.parallelism} × ${RUN.batchSize}) from POST prepare to its success, no pause between batches`,
        'a version is active, so every write evaluates one version without a run and two during a run',
      ],
      measurements: [
        { name: 'without a run', of, distribution: quiet, others: busy },
        { name: 'during a run', of, distribution: running, others: busy },
      ],
      verdicts: [atMostTimes('policy-writes: p99 during a run ÷ without', 1.2, running.p99 / quiet.p99)],
    }
  } finally {
    await application.stop()
    await client.end()
  }
}

async function makeActive(application: Application): Promise<void> {
  const policy = await createPolicy(application, 'active', POLICY)
  const { run } = await runThrough(application, policy, RUN)
  await application.call('POST', `catalog-policy-runs/${run.runId}/promote`)
}

async function duringRun(client: pg.Client, application: Application, writer: Writer): Promise<number[]> {
  const policy = await createPolicy(application, 'next', STRICTER)
  await settle(client)
  const latencies = await writer.during(async () => {
    await runThrough(application, policy, RUN)
  })
  await dropEvaluations(client, policy.version)
  return latencies
}

interface Writer {
  /** Writes as long as `work` takes. Returns the latency of each write, in milliseconds. */
  during(work: () => Promise<unknown>): Promise<number[]>
}

function createWriter({ call }: Application, items: number, ratePerSecond: number): Writer {
  const random = seededRandom(2)
  const write = async (due: number) => {
    await wait(Math.max(0, due - performance.now()))
    // Every 20th item is not ready.
    const id = 1 + 20 * Math.floor((random() * items) / 20) + Math.floor(random() * 19)
    await call('PATCH', `media-items/${id}`, { trendingScore: Math.round(random() * 1_000) })
    return performance.now() - due
  }
  return {
    async during(work) {
      let done = false
      const working = work().finally(() => {
        done = true
      })
      const writes: Promise<number>[] = []
      const start = performance.now()
      for (let n = 0; !done; n++) {
        const due = start + (n * 1_000) / ratePerSecond
        writes.push(write(due))
        await wait(Math.max(0, due - performance.now()))
      }
      await working
      return await Promise.all(writes)
    },
  }
}
