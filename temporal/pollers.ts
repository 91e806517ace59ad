import type { Connection } from '@temporalio/client'

// A worker's poll lasts a minute at most; one that has not asked for longer is gone, though the server still lists it.
const GONE_AFTER_S = 70

/**
 * Seconds since a worker last asked `taskQueue` for workflow tasks; undefined when none does.
 *
 * @throws when Temporal does not answer
 */
export async function lastPoll(
  connection: Connection,
  namespace: string,
  taskQueue: string,
): Promise<number | undefined> {
  const { pollers } = await connection.withDeadline(Date.now() + 2_500, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: 1 /* workflow */,
    }),
  )
  const ages = (pollers ?? []).map(({ lastAccessTime }) => Date.now() / 1000 - Number(lastAccessTime?.seconds ?? 0))
  const youngest = Math.min(...ages)
  return youngest <= GONE_AFTER_S ? Math.max(0, youngest) : undefined
}
