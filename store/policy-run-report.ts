import type { PolicyRun } from '../domain/policy-run.ts'
import { type Database, query } from './database.ts'
import { readReadiness } from './policy-promote.ts'
import { getRun, toRun } from './policy-runs.ts'

/**
 * Everything about a run, as people need it to decide.
 *
 * @param db a pool for reads of whole tables: coverage is by query
 * @throws Problem `run-not-found`
 */
export async function readRun(db: Database, runId: string): Promise<Omit<PolicyRun, 'workflowId'>> {
  const run = await getRun(db, runId)
  const ranges = await query<{ after: number; to: number; cursor: number }>(
    db,
    `SELECT after_id AS after, to_id AS "to", cursor FROM catalog_evaluation_ranges WHERE run_id = $1 ORDER BY number`,
    [runId],
  )
  const readiness = await readReadiness((text, values) => query(db, text, values), run, {})
  const unfinished = ranges.find(({ cursor, to }) => cursor < to)
  return { ...toRun(run), cursor: (unfinished ?? ranges.at(-1))?.cursor ?? null, ranges, ...readiness }
}
