import type { PolicyRun } from '../domain/policy-run.ts'
import type { Database } from './database.ts'
import { readReadiness } from './policy-promote.ts'
import { getRun, type RunRow, toRun } from './policy-runs.ts'
import { type Transaction, transaction } from './transaction.ts'

/**
 * Everything about a run, as people need it to decide.
 *
 * @param db a pool for reads of whole tables: coverage is by query
 * @throws Problem `run-not-found`
 */
export async function readRun(db: Database, runId: string): Promise<Omit<PolicyRun, 'workflowId'>> {
  const origin = { actor: 'interlock', door: 'http' } as const
  const run = await getRun(db, runId)
  return (await transaction(db, (tx) => report(tx, run), { origin })).result
}

async function report(tx: Transaction, run: RunRow): Promise<Omit<PolicyRun, 'workflowId'>> {
  const ranges = await tx.query<{ after: number; to: number; cursor: number }>(
    `SELECT after_id AS after, to_id AS "to", cursor FROM catalog_evaluation_ranges WHERE run_id = $1 ORDER BY number`,
    [run.id],
  )
  const readiness = await readReadiness(tx, run, {})
  const unfinished = ranges.find(({ cursor, to }) => cursor < to)
  return { ...toRun(run), cursor: (unfinished ?? ranges.at(-1))?.cursor ?? null, ranges, ...readiness }
}
