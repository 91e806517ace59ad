import { Problem } from '../domain/problems.ts'
import type { Transaction } from './transaction.ts'

/** Whether what is asked for passes without a change request: it only stops something, or changes nothing at all. */
export interface Gate {
  gated?: boolean
}

// What goes on by itself was let through when it was made; a cancelled workflow only stops it.
const PASSES = new Set(['change-request', 'schedule', 'temporal'])

/** Does a write through this door need a change request where the environment asks for them? */
export function isGated(tx: Transaction, { gated = true }: Gate = {}): boolean {
  return gated && !PASSES.has(tx.origin.door)
}

/**
 * Reads, within another statement, whether the environments of the parameter `environments` ask for change requests. Held until
 * the transaction ends: once somebody is told that they do, no direct write is still under way.
 */
export function settingsCte(environments: string, gated: string): string {
  return `gate AS MATERIALIZED (
    SELECT environment, change_requests FROM environment_settings WHERE environment = ANY (${environments}) AND ${gated}
    ORDER BY environment FOR SHARE)`
}

/**
 * Makes the row of an environment in which something is made, so that all who change it later have one to hold: a change that is under
 * way when change requests are asked for the first time ends before that does.
 */
export async function makeSettings(tx: Transaction, environment: string): Promise<void> {
  await tx.query(
    'INSERT INTO environment_settings (environment, version) VALUES ($1, 0) ON CONFLICT (environment) DO NOTHING',
    [environment],
  )
}

/** `refuseDirect`, where something is to be made. */
export async function enterEnvironment(tx: Transaction, environment: string): Promise<void> {
  await makeSettings(tx, environment)
  await refuseDirect(tx, environment)
}

/** @throws Problem `change-request-required` when the environment asks for change requests, and this is a direct write */
export async function refuseDirect(tx: Transaction, environment: string): Promise<void> {
  if (!isGated(tx)) return
  const [row] = await tx.query<{ change_requests: boolean }>(
    'SELECT change_requests FROM environment_settings WHERE environment = $1 FOR SHARE',
    [environment],
  )
  if (row?.change_requests) throw changeRequestRequired(environment)
}

export function changeRequestRequired(environment: string): Problem {
  const href = `/api/admin/environments/${environment}/change-requests`
  return new Problem(
    'change-request-required',
    `The environment "${environment}" takes changes by change requests only: POST ${href}.`,
    { members: { href } },
  )
}
