import type { Connection } from '@temporalio/client'
import type { TemporalNames } from './ids.ts'

// A worker's poll lasts a minute at most; one that has not asked for longer is gone, though the server still lists it.
const GONE_AFTER_S = 70

/** Seconds since every one of the queues was last asked for workflow tasks, or what is missing for that. */
export type LastPoll = { secondsAgo: number } | { missing: string }

/**
 * With worker versions, only who is given tasks counts: one whose version is not current asks for them as well.
 *
 * @throws when Temporal does not answer
 */
export async function lastPoll(
  connection: Connection,
  namespace: string,
  queues: TemporalNames['queues'],
): Promise<LastPoll> {
  const polls = await Promise.all(Object.values(queues).map((queue) => lastPollOf(connection, namespace, queue)))
  return polls.reduce((oldest, poll) =>
    'missing' in oldest || (!('missing' in poll) && poll.secondsAgo < oldest.secondsAgo) ? oldest : poll,
  )
}

async function lastPollOf(connection: Connection, namespace: string, taskQueue: string): Promise<LastPoll> {
  const { pollers, versioningInfo } = await connection.withDeadline(Date.now() + 2_500, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: 1 /* workflow */,
    }),
  )
  const youngest = new Map<string, number>()
  for (const { lastAccessTime, deploymentOptions } of pollers ?? []) {
    const secondsAgo = Math.max(0, Date.now() / 1000 - Number(lastAccessTime?.seconds ?? 0))
    if (secondsAgo > GONE_AFTER_S) continue
    const version = nameOf(deploymentOptions?.workerVersioningMode === 2 /* versioned */ ? deploymentOptions : null)
    youngest.set(version, Math.min(secondsAgo, youngest.get(version) ?? GONE_AFTER_S))
  }
  if (youngest.size === 0) return { missing: 'no worker asks for tasks' }
  const { currentDeploymentVersion, rampingDeploymentVersion, rampingVersionPercentage } = versioningInfo ?? {}
  const given = [
    nameOf(currentDeploymentVersion),
    ...(rampingVersionPercentage ? [nameOf(rampingDeploymentVersion)] : []),
  ]
  const silent = given.find((version) => !youngest.has(version))
  if (silent === undefined) return { secondsAgo: Math.max(...given.map((version) => youngest.get(version) ?? 0)) }
  return {
    missing: `tasks are for ${silent}, of which no worker asks; it is ${[...youngest.keys()].join(', ')} that ask`,
  }
}

function nameOf(version?: { deploymentName?: string | null; buildId?: string | null } | null): string {
  return version?.buildId ? `version ${version.deploymentName}:${version.buildId}` : 'workers without a version'
}
