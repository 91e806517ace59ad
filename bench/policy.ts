import type pg from 'pg'
import type { Application } from './application.ts'
import {
  attachEvaluations,
  CATALOG,
  connectPlain,
  createCatalog,
  dropEvaluations,
  evaluateInOne,
  POLICY,
  STRICTER,
  settle,
  UPSERT_ALL,
} from './catalog-in-postgres.ts'
import { watchOthers } from './others.ts'
import { type Comparison, compareVersions } from './policy-diff.ts'
import { createPolicy, type Policy, runThrough } from './policy-runs.ts'
import { atLeastTimes, atMostTimes, type BenchmarkRow, type Measurement } from './row.ts'
import { distribution, median } from './statistics.ts'

const FULL = { items: 1_000_000, runs: 3 }
const QUICK = { items: 50_000, runs: 1 }
const LARGE = { batchSize: 5_000, parallelism: 2 }
const SMALL = { batchSize: 500, parallelism: 2 }
/** A version that no policy will get. */
const PLAIN_VERSION = 1_000_000

/** Milliseconds of each run. */
interface Times {
  /** One `INSERT … SELECT` into an empty partition, and the same again as an upsert of every row. */
  plain: number[]
  upsert: number[]
  large: number[]
  small: number[]
  again: number[]
}

/** How fast a catalog is evaluated for a policy, again when nothing has changed, and compared and promoted. */
export const policy: BenchmarkRow = async (stack, { quick, say }) => {
  const size = quick ? QUICK : FULL
  say(`a catalog of ${size.items} items`)
  const url = await createCatalog(stack, 'policy', size.items)
  const client = await connectPlain(url)
  const application = await stack.startApplication(url, 'policy')
  try {
    const times: Times = { plain: [], upsert: [], large: [], small: [], again: [] }
    const others = watchOthers()
    let last: Policy | undefined
    // Taken in turn, so that a change of the machine's mood hits all alike.
    for (let run = 1; run <= size.runs; run++) {
      say(`run ${run} of ${size.runs}`)
      if (last) await dropEvaluations(client, last.version)
      await byPlainSql(client, times)
      await dropEvaluations(client, (await byRun(client, application, SMALL, times.small)).version)
      last = await byRun(client, application, LARGE, times.large)
      await settle(client)
      times.again.push((await runThrough(application, last, LARGE)).ms)
    }
    const busy = others()
    say('diff, promote, go back')
    const comparison = await compareWithStricter(client, application, last as Policy, size.runs)
    const of = (milliseconds: number[]) => median(milliseconds)
    const measured = (name: string, of: string, milliseconds: number[]): Measurement => {
      return { name, of, distribution: distribution(milliseconds), others: busy }
    }
    const ready = comparison.items
    return {
      row: 'policy',
      conditions: [
        `${size.items} items, ${ready} of them ready; ${CATALOG}`,
        `${size.runs} runs, the competitors in turn, judged by their medians; each into a new partition, after a CHECKPOINT`,
        'one INSERT: INSERT … SELECT of the same compiled policy into a partition with its primary key, settings of the server, ' +
          'partition made and attached beforehand; one upsert: the same with ON CONFLICT DO UPDATE when all rows are there',
        'Interlock: POST prepare through HTTP, API and worker are processes; from its reply to finishedAt, ' +
          'so with barrier, counting, cursors, counters and ANALYZE; every batch is a transaction of its own',
        'again: the same policy prepared once more when no item has changed',
        'diff: through HTTP, beside one statement that joins and counts the four classes, settings of the server',
      ],
      measurements: [
        measured('one INSERT', 'all items', times.plain),
        measured(`Interlock, ${describe(LARGE)}`, 'reply → finishedAt', times.large),
        measured(`Interlock, ${describe(SMALL)}`, 'reply → finishedAt', times.small),
        measured('one upsert', 'all items, unchanged', times.upsert),
        measured(`Interlock again, ${describe(LARGE)}`, 'reply → finishedAt', times.again),
        measured('plain join', 'four counts', comparison.plain),
        measured('diff?limit=0', 'request → reply', comparison.counts),
        measured('diff?limit=50', 'request → reply', comparison.samples),
        measured('promote', 'request → reply', [comparison.promoteMs]),
        measured('rollback', 'request → promoted', [comparison.rollbackMs]),
      ],
      verdicts: [
        atLeastTimes(`policy: items/s, ${describe(LARGE)} ÷ one INSERT`, 1, of(times.plain) / of(times.large)),
        atLeastTimes(`policy: items/s, ${describe(SMALL)} ÷ one INSERT`, 0.6, of(times.plain) / of(times.small)),
        atLeastTimes('policy: items/s unchanged, again ÷ one upsert', 1.9, of(times.upsert) / of(times.again)),
        atMostTimes('policy: time of diff counts ÷ plain join', 1.1, of(comparison.counts) / of(comparison.plain)),
      ],
    }
  } finally {
    await application.stop()
    await client.end()
  }
}

function describe({ batchSize, parallelism }: typeof LARGE): string {
  return `${parallelism} × ${batchSize}`
}

async function byPlainSql(client: pg.Client, times: Times): Promise<void> {
  await attachEvaluations(client, PLAIN_VERSION)
  await settle(client)
  let start = performance.now()
  await evaluateInOne(client, POLICY, PLAIN_VERSION)
  times.plain.push(performance.now() - start)
  await settle(client)
  start = performance.now()
  await evaluateInOne(client, POLICY, PLAIN_VERSION, UPSERT_ALL)
  times.upsert.push(performance.now() - start)
  await dropEvaluations(client, PLAIN_VERSION)
}

async function byRun(
  client: pg.Client,
  application: Application,
  options: typeof LARGE,
  milliseconds: number[],
): Promise<Policy> {
  const policy = await createPolicy(application, describe(options), POLICY)
  await settle(client)
  milliseconds.push((await runThrough(application, policy, options)).ms)
  return policy
}

/** Makes the policy the active one, and compares a stricter one with it. */
async function compareWithStricter(
  client: pg.Client,
  application: Application,
  first: Policy,
  times: number,
): Promise<Comparison> {
  const firstRun = await runThrough(application, first, LARGE)
  await application.call('POST', `catalog-policy-runs/${firstRun.run.runId}/promote`)
  const stricter = await createPolicy(application, 'stricter', STRICTER)
  const { run } = await runThrough(application, stricter, LARGE)
  return await compareVersions(client, application, { run, base: first, times })
}
