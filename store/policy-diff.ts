import type { ChangedItem, PolicyDiff } from '../domain/policy-diff.ts'
import type { Database } from './database.ts'
import { READY } from './media-item-rows.ts'
import { readWholeTables } from './policy-promote.ts'
import { type RunRow, requireEvaluations } from './policy-runs.ts'
import { type Transaction, transaction } from './transaction.ts'

// Every ready item with what both versions say of it as it is now. Version 0 does not exist: nobody's opinion.
const COMPARED = `media_items i
  LEFT JOIN media_catalog_evaluations a ON a.media_item_id = i.id AND a.item_version = i.version AND a.policy_version = $1
  LEFT JOIN media_catalog_evaluations b ON b.media_item_id = i.id AND b.item_version = i.version AND b.policy_version = $2
  WHERE ${READY}`

const changeOf = (before: string, after: string, differs: string) => `CASE
    WHEN ${before} = 'eligible' AND ${after} IS DISTINCT FROM 'eligible' THEN 'regressions'
    WHEN ${after} = 'eligible' AND ${before} IS DISTINCT FROM 'eligible' THEN 'improvements'
    WHEN ${before} IS DISTINCT FROM ${after} OR ${differs} THEN 'reasonChanges'
    ELSE 'unchanged' END`
const CHANGE = changeOf('a.status', 'b.status', 'a.reasons IS DISTINCT FROM b.reasons')

// Grouped by what is in the rows; made into words only for the few groups.
const COUNTS = `
  SELECT ${changeOf('a', 'b', 'differs')} AS change, coalesce(a::text, 'none') AS before, coalesce(b::text, 'none') AS after,
    sum(items)::integer AS items
  FROM (SELECT a.status AS a, b.status AS b, a.reasons IS DISTINCT FROM b.reasons AS differs, count(*)::integer AS items
    FROM ${COMPARED} GROUP BY 1, 2, 3) g
  GROUP BY 1, 2, 3 ORDER BY 2, 3, 1`

// One pass for all three lists: a pass for each took 4 s more of a million items.
const SAMPLES = `
  SELECT change, id AS "mediaItemId", title, trending_score AS "trendingScore", before, after FROM (
    SELECT ${CHANGE} AS change, i.id, i.title, i.trending_score,
      row_number() OVER (PARTITION BY ${CHANGE} ORDER BY i.trending_score DESC, i.id) AS place,
      CASE WHEN a.status IS NOT NULL THEN jsonb_build_object('status', a.status, 'reasons', a.reasons, 'relevance', a.relevance) END AS before,
      CASE WHEN b.status IS NOT NULL THEN jsonb_build_object('status', b.status, 'reasons', b.reasons, 'relevance', b.relevance) END AS after
    FROM ${COMPARED} AND (a.status IS DISTINCT FROM b.status OR a.reasons IS DISTINCT FROM b.reasons)) ranked
  WHERE place <= $3 ORDER BY change, place`

type Count = PolicyDiff['matrix'][number] & { change: 'regressions' | 'improvements' | 'reasonChanges' | 'unchanged' }

/**
 * What would change for the public: the run's version against the one that was active when it began. Counts are of all
 * ready items, samples are the `limit` that trend most.
 *
 * @param db a pool for reads of whole tables
 * @throws Problem `run-not-complete`, `evaluations-gone`
 */
export async function diffRun(db: Database, run: RunRow, limit: number): Promise<PolicyDiff> {
  await requireEvaluations(db, run)
  const { base_policy_version: baseVersion, target_policy_version: targetVersion } = run
  return { runId: run.id, ...(await diffVersions(db, baseVersion, targetVersion, limit)) }
}

/** Compares two versions over all ready items; `null` is no version. */
export async function diffVersions(
  db: Database,
  baseVersion: number | null,
  targetVersion: number,
  limit: number,
): Promise<Omit<PolicyDiff, 'runId'>> {
  const origin = { actor: 'interlock', door: 'http' } as const
  return (await transaction(db, (tx) => compare(tx, baseVersion, targetVersion, limit), { origin })).result
}

async function compare(tx: Transaction, baseVersion: number | null, targetVersion: number, limit: number) {
  // Counts and samples of one and the same instant.
  await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
  await readWholeTables(tx)
  const versions = [baseVersion ?? 0, targetVersion]
  const counts = await tx.query<Count>(COUNTS, versions)
  const sum = (change?: Count['change']) =>
    counts.filter((count) => !change || count.change === change).reduce((total, { items }) => total + items, 0)
  const samples = limit === 0 ? [] : await tx.query<ChangedItem & { change: string }>(SAMPLES, [...versions, limit])
  const sample = (change: Count['change']) =>
    samples.filter((item) => item.change === change).map(({ change: _, ...item }) => item)
  return {
    baseVersion,
    targetVersion,
    items: sum(),
    regressions: sum('regressions'),
    improvements: sum('improvements'),
    reasonChanges: sum('reasonChanges'),
    unchanged: sum('unchanged'),
    matrix: [...Map.groupBy(counts, ({ before, after }) => `${before} ${after}`).values()].map((same) => {
      const { before, after } = same[0] as Count
      return { before, after, items: same.reduce((total, { items }) => total + items, 0) }
    }),
    samples: {
      regressions: sample('regressions'),
      improvements: sample('improvements'),
      reasonChanges: sample('reasonChanges'),
    },
  }
}
