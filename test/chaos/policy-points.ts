import { createHolder, type Holder, stopCommits } from './policy-holds.ts'
import { runRow, untilProcessed } from './policy-oracle.ts'
import { begin, goBackTo, type Scene, type Started, workflowOf } from './policy-scene.ts'
import { until } from './until.ts'

/** Where a worker can be killed: brings it there, and lets go of what keeps it there. */
export interface Point {
  name: string
  /** Resolves when the worker is exactly there. */
  reach(scene: Scene, holder: Holder): Promise<Started & { release?: () => Promise<void> }>
}

const QUICK = { batchSize: 500 }
/** About two seconds, so that there is a middle. */
const SLOW = { batchSize: 50, delayMs: 30 }

const BATCH = /^WITH evaluated/
const runLock = 'SELECT 1 FROM catalog_evaluation_runs WHERE id = $1 FOR UPDATE'
const rangeLock = 'SELECT 1 FROM catalog_evaluation_ranges WHERE run_id = $1 FOR UPDATE'

/** Begins a run while the worker stands still, so that `hold` comes first. */
async function heldFromTheStart(scene: Scene, hold: (run: Started) => Promise<void>, options = QUICK) {
  const { worker } = scene.stack
  await worker.pause()
  try {
    const run = await begin(scene, options)
    await hold(run)
    return run
  } finally {
    await worker.resume()
  }
}

async function inTheMiddle(scene: Scene) {
  const run = await begin(scene, SLOW)
  await untilProcessed(scene.stack, run.runId, 300)
  return run
}

export const POINTS: Point[] = [
  {
    name: 'before the first statement of a slice',
    async reach(scene, holder) {
      const run = await heldFromTheStart(scene, ({ runId }) => holder.hold(runLock, [runId]))
      await holder.untilWaitedFor(/SET fence = fence \+ 1/)
      return run
    },
  },
  {
    name: 'in the barrier',
    async reach(scene, holder) {
      const run = await heldFromTheStart(scene, () => holder.hold('SELECT pg_advisory_xact_lock_shared(1970170469, 1)'))
      await holder.untilWaitedFor(/pg_advisory_xact_lock\(/)
      return run
    },
  },
  {
    name: 'between the barrier and the count',
    async reach(scene, holder) {
      const run = await heldFromTheStart(scene, () => holder.hold('LOCK TABLE catalog_evaluation_ranges IN SHARE MODE'))
      await holder.untilWaitedFor(/INSERT INTO catalog_evaluation_ranges/)
      const { snapshot_cutoff, total_ready_snapshot } = await runRow(scene.stack, run.runId)
      if (!snapshot_cutoff || total_ready_snapshot !== null) throw new Error('not between the barrier and the count')
      return run
    },
  },
  {
    name: 'in a batch that has written its evaluations and not moved its cursor',
    async reach(scene, holder) {
      const run = await inTheMiddle(scene)
      await holder.hold(rangeLock, [run.runId])
      await holder.untilWaitedFor(BATCH)
      return run
    },
  },
  {
    name: 'in a batch that has moved its cursor and not counted',
    async reach(scene, holder) {
      const run = await inTheMiddle(scene)
      await holder.hold(runLock, [run.runId])
      await holder.untilWaitedFor(BATCH)
      return run
    },
  },
  {
    name: 'at the COMMIT of a batch',
    async reach(scene, holder) {
      const run = await inTheMiddle(scene)
      await holder.hold(rangeLock, [run.runId])
      await holder.untilWaitedFor(BATCH)
      const commits = await stopCommits(scene.stack)
      await holder.release()
      await commits.untilAtCommit('batch')
      return { ...run, release: commits.release }
    },
  },
  {
    name: 'after the COMMIT of a batch and before its slice ends',
    async reach(scene) {
      const run = await inTheMiddle(scene)
      await untilProcessed(scene.stack, run.runId, (await runRow(scene.stack, run.runId)).processed)
      return run
    },
  },
  {
    name: 'before the COMMIT of the completion',
    async reach(scene, holder) {
      const run = await heldFromTheStart(scene, ({ version }) =>
        holder.hold('SELECT 1 FROM evaluated_versions WHERE version = $1 FOR UPDATE', [version]),
      )
      await holder.untilWaitedFor(/INSERT INTO evaluated_versions/)
      return run
    },
  },
  {
    name: 'after the completion and before the workflow closes',
    async reach(scene, holder) {
      const before = await createHolder(scene.stack)
      const run = await heldFromTheStart(scene, ({ version }) =>
        before.hold('SELECT 1 FROM evaluated_versions WHERE version = $1 FOR UPDATE', [version]),
      )
      await before.untilWaitedFor(/INSERT INTO evaluated_versions/)
      // Next in the queue behind the completion: nobody reads a run once that is committed.
      const { taken } = await holder.queue('LOCK TABLE catalog_evaluation_runs IN ACCESS EXCLUSIVE MODE')
      await before.release()
      await taken
      await holder.untilWaitedFor(/^SELECT \* FROM catalog_evaluation_runs WHERE id/)
      return run
    },
  },
  {
    name: 'when the workflow has continued as new',
    async reach(scene) {
      const run = await begin(scene, { batchSize: 20, delayMs: 200 })
      await untilProcessed(scene.stack, run.runId, 0)
      const handle = workflowOf(scene, run)
      const { runId: first } = await handle.describe()
      await until(
        async () => {
          await handle.signal('nudge')
          return (await handle.describe()).runId === first ? 'still the first' : undefined
        },
        20_000,
        30,
      )
      await scene.stack.sql('UPDATE catalog_evaluation_runs SET delay_ms = 0, batch_size = 500 WHERE id = $1', [
        run.runId,
      ])
      return run
    },
  },
]

/** Going back waits for the row of the version that is live. */
export const GOING_BACK = async (scene: Scene, holder: Holder, to: Started): Promise<Started> => {
  await holder.hold('SELECT 1 FROM catalog_policies WHERE is_active FOR NO KEY UPDATE')
  const run = await goBackTo(scene, to)
  await holder.untilWaitedFor(/catalog_policies (SET is_active|WHERE is_active)/)
  return run
}
