import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import type { Application } from './application.ts'
import { CATALOG, connectPlain, createCatalog, evaluationsOf, POLICY } from './catalog-in-postgres.ts'
import { watchOthers } from './others.ts'
import { createPolicy, type Policy, prepare, type Run, untilRun } from './policy-runs.ts'
import { atMost, type BenchmarkRow, none } from './row.ts'
import { distribution } from './statistics.ts'

const FULL = { items: 1_000_000, cancels: 12 }
const QUICK = { items: 50_000, cancels: 3 }
const RUN = { batchSize: 500, parallelism: 2 }
const BEGUN = 0.2
const LATER_MS = 2_000
const LOOK_EVERY_MS = 20
/** A slice: the goal is what a cancel would take that is seen only between two of them. */
const SLICE_MS = 5_000

interface Cancel {
  replyMs: number
  /** From the reply to the close of the run's workflow. */
  idleMs: number
  /** Rows of the version that the run does not know of as it was when the reply was made. */
  rowsAfter: number
}

/** How long a cancel takes, and what is written after it. */
export const policyCancel: BenchmarkRow = async (stack, { quick, say }) => {
  const size = quick ? QUICK : FULL
  say(`a catalog of ${size.items} items`)
  const url = await createCatalog(stack, 'policy_cancel', size.items)
  const client = await connectPlain(url)
  const application = await stack.startApplication(url, 'policy-cancel')
  try {
    const policy = await createPolicy(application, 'cancelled', POLICY)
    const cancels: Cancel[] = []
    const others = watchOthers()
    for (let n = 1; n <= size.cancels; n++) {
      say(`cancel ${n} of ${size.cancels}`)
      cancels.push(await cancelOnce(client, application, policy))
    }
    const busy = others()
    const reply = distribution(cancels.map(({ replyMs }) => replyMs))
    const idle = distribution(cancels.map(({ idleMs }) => idleMs))
    return {
      row: 'policy-cancel',
      conditions: [
        `${size.items} items; ${CATALOG}`,
        `${size.cancels} runs (${RUN.parallelism} × ${RUN.batchSize}) of one policy into an empty partition, each cancelled at the first look that finds over ${BEGUN * 100} % done`,
        `committed after the cancel: rows of the version, as counted when the reply is there and ${LATER_MS / 1_000} s later, beyond those in the counters of the reply`,
        `idle: the run's workflow is closed, looked at every ${LOOK_EVERY_MS} ms`,
      ],
      measurements: [
        { name: 'cancel', of: 'request → reply', distribution: reply, others: busy },
        { name: 'idle', of: 'reply → workflow closed', distribution: idle, others: busy },
      ],
      verdicts: [
        none(
          'policy-cancel: rows committed after the cancel',
          cancels.reduce((sum, { rowsAfter }) => sum + Math.abs(rowsAfter), 0),
        ),
        atMost('policy-cancel: longest time to idle', SLICE_MS, idle.max),
      ],
    }
  } finally {
    await application.stop()
    await client.end()
  }
}

async function cancelOnce(client: pg.Client, application: Application, policy: Policy): Promise<Cancel> {
  const { runId } = await prepare(application, policy, RUN)
  const seen = await untilRun(application, runId, ({ progress }) => progress > BEGUN, LOOK_EVERY_MS)
  if (seen.status !== 'running') throw new Error(`The run was ${seen.status} before it could be cancelled`)
  const start = performance.now()
  const run = await application.call<Run>('POST', `catalog-policy-runs/${runId}/cancel`)
  const replied = performance.now()
  const closed = application.untilClosed([run.workflowId], LOOK_EVERY_MS).then(() => performance.now() - replied)
  const [atOnce, idleMs] = await Promise.all([countRows(client, policy), closed])
  await wait(Math.max(0, LATER_MS - idleMs))
  const later = await countRows(client, policy)
  // Empty for the next one: over rows that are there already, it would write nothing that could be counted.
  await client.query(`TRUNCATE ${evaluationsOf(policy.version)}`)
  return { replyMs: replied - start, idleMs, rowsAfter: Math.max(atOnce, later) - run.processed }
}

async function countRows(client: pg.Client, { version }: Policy): Promise<number> {
  const { rows } = await client.query(`SELECT count(*)::integer AS rows FROM ${evaluationsOf(version)}`)
  return (rows[0] as { rows: number }).rows
}
