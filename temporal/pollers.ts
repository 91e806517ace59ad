import type { Connection } from '@temporalio/client'
import type { TemporalNames } from './ids.ts'

// A worker's poll lasts a minute at most; one that has not asked for longer is gone, though the server still lists it.
const GONE_AFTER_S = 70

/**
 * Seconds since every one of the queues was last asked for workflow tasks; undefined when one of them is not asked.
 *
 * @throws when Temporal does not answer
 */
export async function lastPoll(
  connection: Connection,
  namespace: string,
  queues: TemporalNames['queues'],
): Promise<number | undefined> {
  const polls = await Promise.all(Object.values(queues).map((queue) => lastPollOf(connection, namespace, queue)))
  return polls.reduce((oldest, poll) =>
    oldest === undefined || poll === undefined ? undefined : Math.max(oldest, poll),
  )
}

async function lastPollOf(connection: Connection, namespace: string, taskQueue: string): Promise<number | undefined> {
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
