import type pg from 'pg'
import type { Application } from './application.ts'
import { evaluationsOf } from './catalog-in-postgres.ts'
import { type Policy, type Run, untilRun } from './policy-runs.ts'

/** Milliseconds. */
export interface Comparison {
  /** Ready items that were compared. */
  items: number
  plain: number[]
  counts: number[]
  samples: number[]
  promoteMs: number
  rollbackMs: number
}

type Counts = Record<'regressions' | 'improvements' | 'reasonChanges' | 'unchanged', number>

/** Compares a run's version with the active one, promotes it and goes back. @throws when the counts are not the plain join's */
export async function compareVersions(
  client: pg.Client,
  application: Application,
  { run, base, times }: { run: Run; base: Policy; times: number },
): Promise<Comparison> {
  const { call } = application
  const diff = async (limit: number) =>
    await call<Counts>('GET', `catalog-policy-runs/${run.runId}/diff?limit=${limit}`)
  const join = async () => await countByJoin(client, base.version, run.targetPolicyVersion)
  // Not measured: whoever reads a page first after it was written pays for that.
  await join()
  await diff(50)
  const plain: number[] = []
  const counts: number[] = []
  const samples: number[] = []
  let items = 0
  for (let n = 0; n < times; n++) {
    const [byJoin, joinMs] = await timed(join)
    const [byDiff, countMs] = await timed(() => diff(0))
    plain.push(joinMs)
    counts.push(countMs)
    samples.push((await timed(() => diff(50)))[1])
    const keys = Object.keys(byJoin) as (keyof Counts)[]
    const wrong = keys.filter((key) => byJoin[key] !== byDiff[key])
    if (wrong.length > 0) throw new Error(`diff and join count ${wrong.join(', ')} differently`)
    items = keys.reduce((sum, key) => sum + byJoin[key], 0)
  }
  const [, promoteMs] = await timed(() => call('POST', `catalog-policy-runs/${run.runId}/promote`))
  const [, rollbackMs] = await timed(async () => {
    const { runId } = await call<{ runId: string }>('POST', `catalog-policies/${base.id}/rollback`)
    const last = await untilRun(application, runId, ({ status }) => status !== 'running', 20)
    if (last.status !== 'promoted') throw new Error(`The rollback is ${last.status}`)
  })
  return { items, plain, counts, samples, promoteMs, rollbackMs }
}

async function countByJoin(client: pg.Client, base: number, target: number): Promise<Counts> {
  const { rows } = await client.query<Counts>(
    `SELECT count(*) FILTER (WHERE a.status = 'eligible' AND b.status IS DISTINCT FROM 'eligible')::integer AS regressions,
       count(*) FILTER (WHERE b.status = 'eligible' AND a.status IS DISTINCT FROM 'eligible')::integer AS improvements,
       count(*) FILTER (WHERE a.status IS DISTINCT FROM 'eligible' AND b.status IS DISTINCT FROM 'eligible'
         AND (a.status, a.reasons) IS DISTINCT FROM (b.status, b.reasons) OR a.status = 'eligible' AND b.status = 'eligible'
         AND a.reasons IS DISTINCT FROM b.reasons)::integer AS "reasonChanges",
       count(*) FILTER (WHERE (a.status, a.reasons) IS NOT DISTINCT FROM (b.status, b.reasons))::integer AS unchanged
     FROM media_items i
       LEFT JOIN ${evaluationsOf(base)} a ON a.media_item_id = i.id AND a.item_version = i.version
       LEFT JOIN ${evaluationsOf(target)} b ON b.media_item_id = i.id AND b.item_version = i.version
     WHERE i.ingestion_status = 'ready' AND i.deleted_at IS NULL`,
  )
  return rows[0] as Counts
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now()
  const result = await work()
  return [result, performance.now() - start]
}
