import { type Connection, isGrpcServiceError } from '@temporalio/client'
import type { WorkerDeploymentVersion } from '@temporalio/common'
import type { Log } from '../runtime/log.ts'
import { CALL_DEADLINE_MS } from './connection.ts'

/** Says which command a worker waits for that asks for tasks in vain, because its version is not current. */
export async function sayUnlessCurrent(
  connection: Connection,
  namespace: string,
  version: WorkerDeploymentVersion,
  log: Log,
): Promise<void> {
  const { deploymentName, buildId } = version
  try {
    if ((await currentBuild(connection, namespace, deploymentName)) === buildId) return
    const command = `temporal worker deployment set-current-version --deployment-name ${deploymentName} --build-id ${buildId}`
    log.warn({ ...version, command }, 'This version is not current: no new tasks come before the command')
  } catch (error) {
    log.warn({ err: error, ...version }, 'Could not ask which version is current')
  }
}

async function currentBuild(connection: Connection, namespace: string, deploymentName: string) {
  try {
    const { workerDeploymentInfo } = await connection.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      connection.workflowService.describeWorkerDeployment({ namespace, deploymentName }),
    )
    return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? undefined
  } catch (error) {
    // Its first worker is this one.
    if (isGrpcServiceError(error) && error.code === 5 /* not found */) return undefined
    throw error
  }
}
