import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import pg from 'pg'

const TASK = 'apply'

// Less than a sweep does: no event, no revision, no watermark. The queue's own part is what is compared.
const APPLY = `
  WITH applied AS (
    UPDATE feature_flag_schedules SET status = 'applied', applied_at = clock_timestamp(), applied_revision = 1,
      updated_at = clock_timestamp()
    WHERE id = $1 AND status = 'pending' RETURNING flag_id, updates
  )
  UPDATE feature_flags f SET enabled = (applied.updates ->> 'enabled')::boolean, updated_at = clock_timestamp()
  FROM applied WHERE f.id = applied.flag_id`

export interface GraphileOptions {
  concurrency: number
  pollIntervalMs: number
  /** Jobs fetched at once into the process; see graphile-worker's `localQueue`. */
  localQueue: number
}

/** How the options read in the report. */
export function describeGraphile({ concurrency, pollIntervalMs, localQueue }: GraphileOptions): string {
  return `concurrency ${concurrency}, poll ${pollIntervalMs} ms, local queue ${localQueue}`
}

/**
 * Applies schedules by graphile-worker, one job each with the due time as `run_at`, and waits until all are done.
 *
 * @returns when the last update was committed, as `Date.now()`
 */
export async function applyByGraphile(
  url: string,
  jobs: readonly { scheduleId: string; dueAt: number }[],
  options: GraphileOptions,
): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: options.concurrency + 4 })
  pool.on('error', console.error)
  // Asked for by graphile-worker, which checks it.
  pool.on('connect', (client) => client.on('error', console.error))
  const done = Promise.withResolvers<number>()
  let left = jobs.length
  const logger = new Logger(() => () => {})
  const utils = await makeWorkerUtils({ pgPool: pool, logger })
  await utils.migrate()
  const runner = await run({
    pgPool: pool,
    logger,
    noHandleSignals: true,
    preset: {
      worker: {
        concurrentJobs: options.concurrency,
        pollInterval: options.pollIntervalMs,
        localQueue: { size: options.localQueue },
        completeJobBatchDelay: 0,
      },
    },
    taskList: {
      [TASK]: async (payload) => {
        await pool.query({ name: TASK, text: APPLY, values: [(payload as { scheduleId: string }).scheduleId] })
        left -= 1
        if (left === 0) done.resolve(Date.now())
      },
    },
  })
  try {
    const specs = jobs.map(({ scheduleId, dueAt }) => ({
      identifier: TASK,
      payload: { scheduleId },
      runAt: new Date(dueAt),
    }))
    for (let from = 0; from < specs.length; from += 1_000) await utils.addJobs(specs.slice(from, from + 1_000))
    return await Promise.race([done.promise, runner.promise.then(() => Promise.reject(new Error('It stopped')))])
  } finally {
    await runner.stop()
    await utils.release()
    await pool.end()
  }
}
