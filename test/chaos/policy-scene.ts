import { STRICTER } from '../helpers/catalog.ts'
import type { Stack } from '../helpers/processes.ts'
import type { Caller } from './caller.ts'
import { runRow } from './policy-oracle.ts'

export interface Started {
  runId: string
  policyId: string
  version: number
}

/** A product with a catalog, and what the tests of it ask for. */
export interface Scene {
  stack: Stack
  caller: Caller
  /** Every run that was started. */
  runs: Started[]
}

async function ask({ caller }: Scene, path: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await caller.call('POST', path, body)
  if (answer.status >= 300) throw new Error(`POST ${path} was answered ${JSON.stringify(answer.body)}`)
  return answer.body
}

/** Makes a policy and begins to prepare it. */
export async function begin(scene: Scene, options: object, document: object = STRICTER): Promise<Started> {
  const { id, version } = await ask(scene, '/catalog-policies', { name: 'Chaos', document })
  return await beginAgain(scene, String(id), Number(version), options)
}

export async function beginAgain(scene: Scene, policyId: string, version: number, options: object): Promise<Started> {
  const { runId } = await ask(scene, `/catalog-policies/${policyId}/prepare`, options)
  const started = { runId: String(runId), policyId, version }
  scene.runs.push(started)
  return started
}

export async function promote(scene: Scene, { runId }: Started): Promise<void> {
  await ask(scene, `/catalog-policy-runs/${runId}/promote`)
}

export async function goBackTo(scene: Scene, { policyId, version }: Started): Promise<Started> {
  const { runId } = await ask(scene, `/catalog-policies/${policyId}/rollback`)
  const started = { runId: String(runId), policyId, version }
  scene.runs.push(started)
  return started
}

export const workflowOf = ({ stack }: Scene, { version, runId }: Started) =>
  stack.client.workflow.getHandle(stack.names.policyRun(version, runId))

/**
 * Tells Temporal that the worker is gone, and the workflow to begin a new slice: what it would find out by itself after
 * 5 s without a sticky worker and 10 s without a heartbeat.
 */
export async function hurry(scene: Scene, started: Started): Promise<void> {
  const { workflowId } = workflowOf(scene, started)
  const { stack } = scene
  await stack.client.workflowService.resetStickyTaskQueue({ namespace: 'default', execution: { workflowId } })
  if ((await runRow(stack, started.runId)).status === 'running') await workflowOf(scene, started).signal('nudge')
}

/** Some writes over HTTP, that evaluate whatever is on the list at that moment. */
export async function write({ caller }: Scene, seed: number): Promise<void> {
  const paths = Array.from({ length: 12 }, (_, n) => `/media-items/${1 + ((seed * 997 + n * 379) % 4_000)}`)
  await Promise.all(
    paths.map((path, n) => {
      if (n % 4 === 0) return caller.call('DELETE', path)
      if (n % 4 === 1) return caller.call('PATCH', path, { ingestionStatus: 'failed' })
      return caller.call('PUT', path, { title: `Of ${seed}`, metadata: { rating: (seed + n) % 10 } })
    }),
  )
}
