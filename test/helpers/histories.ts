import { mkdir, writeFile } from 'node:fs/promises'
import type { WorkflowHandle } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { expect, vi } from 'vitest'
import type { TestApp } from './app.ts'

/** Where histories for replay are kept: `<workflow type>/<branch>.json`. */
export const HISTORIES = new URL('../histories/', import.meta.url)

/**
 * With `RECORD_HISTORIES=1`, keeps the history of a workflow as a replay test of the branch that it took. Record again
 * only for a new branch: what is committed stands for workflows that are open in installations.
 */
export async function record({ client }: TestApp, workflowId: string, branch: string, runId?: string): Promise<void> {
  if (process.env.RECORD_HISTORIES !== '1') return
  const handle = client.workflow.getHandle(workflowId, runId)
  const { type } = await handle.describe()
  const directory = new URL(`${type}/`, HISTORIES)
  await mkdir(directory, { recursive: true })
  await writeFile(
    new URL(`${branch}.json`, directory),
    `${JSON.stringify(JSON.parse(historyToJSON(await handle.fetchHistory())), null, 1)}\n`,
  )
}

/** Nudges a workflow until it has continued as new. Returns the id of the run before. */
export async function nudgeIntoNewRun(handle: WorkflowHandle): Promise<string> {
  const { runId } = await handle.describe()
  await vi.waitFor(
    async () => {
      await Promise.all(Array.from({ length: 20 }, () => handle.signal('nudge')))
      expect((await handle.describe()).runId).not.toBe(runId)
    },
    // A workflow task that is lost is begun again after 10 s; with more signals than these, the history would be full by then.
    { timeout: 50_000, interval: 50 },
  )
  return runId
}
