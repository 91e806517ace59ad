import { type PolicyDocument, withAsOf } from '../domain/policy/document.ts'
import { type Evaluation, explainErrors, interpret } from '../domain/policy/interpret.ts'
import type { PolicyPreview } from '../domain/policy-preview.ts'
import { activePolicy } from './catalog-policies.ts'
import { type Database, query } from './database.ts'
import { ITEM_COLUMNS, type ItemRow, READY, toPolicyItem } from './media-item-rows.ts'

type Change = keyof PolicyPreview['changes']

/**
 * What a document would say of some items, beside what the active version says: the named ones, or a sample, half of it what
 * trends most and half of it from anywhere in the catalog. Writes nothing.
 */
export async function previewPolicy(
  db: Database,
  draft: PolicyDocument,
  wanted: { itemIds?: number[] | undefined; sample?: number | undefined },
): Promise<PolicyPreview> {
  const document = withAsOf(draft, new Date().toISOString())
  const active = await activePolicy(db)
  const rows = wanted.itemIds ? await readItems(db, wanted.itemIds) : await sampleItems(db, wanted.sample ?? 100)
  const statuses = { eligible: 0, ineligible: 0, pending: 0, error: 0 }
  const changes = { regressions: 0, improvements: 0, reasonChanges: 0, unchanged: 0 }
  const items = rows.map((row) => {
    const item = toPolicyItem(row)
    const after = interpret(document, item)
    const before = active ? interpret(active.document, item) : null
    const change = changeOf(before, after)
    statuses[after.status]++
    changes[change]++
    const problems = after.status === 'error' ? explainErrors(document, item) : []
    return { mediaItemId: row.id, title: row.title, trendingScore: row.trending_score, change, after, before, problems }
  })
  return { activeVersion: active?.version ?? null, items, statuses, changes }
}

function changeOf(before: Evaluation | null, after: Evaluation): Change {
  const [was, is] = [before?.status === 'eligible', after.status === 'eligible']
  if (was && !is) return 'regressions'
  if (is && !was) return 'improvements'
  const same = before?.status === after.status && before.reasons.join('\n') === after.reasons.join('\n')
  return same ? 'unchanged' : 'reasonChanges'
}

async function readItems(db: Database, ids: number[]): Promise<ItemRow[]> {
  return await query<ItemRow>(
    db,
    `SELECT ${ITEM_COLUMNS} FROM media_items WHERE id = ANY ($1::bigint[]) AND deleted_at IS NULL ORDER BY id`,
    [ids],
  )
}

// Random places in the key, and the item next to each: a true random sample would read the whole catalog.
async function sampleItems(db: Database, size: number): Promise<ItemRow[]> {
  return await query<ItemRow>(
    db,
    `WITH trending AS (SELECT id FROM media_items WHERE ${READY} ORDER BY trending_score DESC, id DESC LIMIT $1 / 2),
       bounds AS (SELECT min(id) AS low, max(id) AS high FROM media_items),
       places AS (SELECT low + floor(random() * (high - low + 1))::bigint AS place FROM bounds, generate_series(1, $1 - $1 / 2)),
       anywhere AS (SELECT near.id FROM places CROSS JOIN LATERAL
         (SELECT id FROM media_items WHERE id >= place AND ${READY} ORDER BY id LIMIT 1) near)
     SELECT ${ITEM_COLUMNS} FROM media_items WHERE id IN (SELECT id FROM trending UNION SELECT id FROM anywhere)
     ORDER BY trending_score DESC, id`,
    [size],
  )
}
