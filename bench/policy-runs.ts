import { setTimeout as wait } from 'node:timers/promises'
import type { PolicyDocument } from '../domain/policy/document.ts'
import type { Prepare } from '../domain/policy-run.ts'
import type { Application } from './application.ts'

// Policies and their runs, as a client of the API has them.

const LOOK_EVERY_MS = 200

export interface Policy {
  id: string
  version: number
}

export interface Run {
  runId: string
  workflowId: string
  targetPolicyVersion: number
  status: string
  totalReadySnapshot: number | null
  processed: number
  progress: number
  finishedAt: string | null
}

export async function createPolicy({ call }: Application, name: string, document: PolicyDocument): Promise<Policy> {
  return await call<Policy>('POST', 'catalog-policies', { name, document })
}

/** Begins a run. Returns its id, and when the reply came, as `Date.now()`. */
export async function prepare(
  { call }: Application,
  policy: Policy,
  options: Partial<Prepare>,
): Promise<{ runId: string; at: number }> {
  const { runId } = await call<{ runId: string }>('POST', `catalog-policies/${policy.id}/prepare`, options)
  return { runId, at: Date.now() }
}

/** Reads a run until `holds`. @throws when it fails */
export async function untilRun(
  { call }: Application,
  runId: string,
  holds: (run: Run) => boolean,
  everyMs = LOOK_EVERY_MS,
): Promise<Run> {
  for (;;) {
    const run = await call<Run>('GET', `catalog-policy-runs/${runId}`)
    if (run.status === 'failed') throw new Error(`Run ${runId} failed: ${JSON.stringify(run)}`)
    if (holds(run)) return run
    await wait(everyMs)
  }
}

/** Runs a policy to the end. Returns the run, and the milliseconds from the reply to `prepare` to `finishedAt`. */
export async function runThrough(
  application: Application,
  policy: Policy,
  options: Partial<Prepare>,
): Promise<{ run: Run; ms: number }> {
  const { runId, at } = await prepare(application, policy, options)
  const run = await untilRun(application, runId, ({ status }) => status !== 'running')
  if (run.status !== 'success') throw new Error(`Run ${runId} is ${run.status}`)
  return { run, ms: Date.parse(run.finishedAt as string) - at }
}
