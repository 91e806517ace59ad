import { parseArgs } from 'node:util'
import type { Client } from '@temporalio/client'
import { Worker, type WorkflowBundleOption } from '@temporalio/worker'
import { connectClient } from '../temporal/connection.ts'
import { dataConverter } from '../temporal/data-converter.ts'
import * as workflows from '../workflows/index.ts'
import { bundleWorkflows } from './bundle.ts'

export interface Verified {
  replayed: number
  /** Workflows that this build would take another way than the one that began them. */
  broken: { workflowId: string; runId: string; error: string }[]
}

export interface VerifyOptions {
  client: Client
  workflowBundle: WorkflowBundleOption
  /** Open workflows of each type that are replayed at most. */
  limit: number
  /** Part of the visibility query that says which installation is meant; all by default. */
  query?: string
}

/**
 * Replays open workflows against this build, as its worker would when it takes over. Nothing is changed: what is found
 * here would otherwise stop these workflows after the deploy.
 */
export async function verifyOpenWorkflows({ client, workflowBundle, limit, query }: VerifyOptions): Promise<Verified> {
  const verified: Verified = { replayed: 0, broken: [] }
  for (const type of Object.keys(workflows)) {
    const open = `WorkflowType = "${type}" AND ExecutionStatus = "Running"${query ? ` AND ${query}` : ''}`
    let taken = 0
    for await (const { workflowId, runId } of client.workflow.list({ query: open })) {
      if (taken++ === limit) break
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory()
      const failure = await Worker.runReplayHistory({ workflowBundle, dataConverter }, history, workflowId).then(
        () => undefined,
        (error: Error) => error.message,
      )
      verified.replayed++
      if (failure) verified.broken.push({ workflowId, runId, error: failure })
    }
  }
  return verified
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { limit: { type: 'string', default: '100' } } })
  const { client, connection } = connectClient()
  try {
    const limit = Number(values.limit)
    if (!Number.isInteger(limit) || limit < 1) throw new Error('--limit must be a whole number from 1 on')
    const { replayed, broken } = await verifyOpenWorkflows({ client, workflowBundle: await bundleWorkflows(), limit })
    for (const { workflowId, error } of broken) console.error(`${workflowId}: ${error}`)
    console.log(`${replayed} open workflows replayed, ${broken.length} would break`)
    process.exitCode = broken.length === 0 ? 0 : 1
  } catch (error) {
    console.error(`Could not verify: ${(error as Error).message}`)
    process.exitCode = 2
  } finally {
    await connection.close()
  }
}
