import type { PublicItem } from '../domain/public-catalog.ts'
import { type Database, query } from './database.ts'
import { type Page, type PageRequest, page, readCursor } from './page.ts'

interface PublicRow {
  policy_version: number
  id: number
  title: string | null
  media_type: string | null
  released_at: Date | null
  metadata: Record<string, unknown>
  trending_score: number
  relevance: number
}

/** A score as JavaScript writes it, which cannot be one that is too large for a number. */
const SCORE_CURSOR = /^-?\d{1,21}(\.\d{1,25})?(e(\+\d\d|-\d{1,3}))?$/

/**
 * What the public sees, what trends most first. One statement, hence one version: whatever is promoted meanwhile.
 *
 * @returns the page, and the version that decided; null before the first promotion
 */
export async function listPublicItems(
  db: Database,
  { limit, cursor }: PageRequest,
): Promise<Page<PublicItem> & { policyVersion: number | null }> {
  const after = readCursor(cursor, SCORE_CURSOR, /^\d{1,16}$/)
  const rows = await query<PublicRow & { active: number | null }>(
    db,
    `SELECT active.version AS active, i.* FROM (SELECT (SELECT version FROM catalog_policies WHERE is_active) AS version) active
       LEFT JOIN LATERAL (SELECT * FROM public_media_items
         WHERE $1::float8 IS NULL OR (trending_score, id) < ($1, $2::bigint)
         ORDER BY trending_score DESC, id DESC LIMIT $3) i ON true`,
    // As a number: Postgres refuses the text of one that is too small for it.
    [after ? Number(after[0]) : null, after?.[1] ?? null, limit + 1],
  )
  const items = rows.filter(({ id }) => id !== null)
  return {
    ...page(items, limit, toPublicItem, (row) => [row.trending_score, row.id]),
    policyVersion: rows[0]?.active ?? null,
  }
}

function toPublicItem(row: PublicRow): PublicItem {
  return {
    id: row.id,
    title: row.title,
    mediaType: row.media_type,
    releasedAt: row.released_at?.toISOString() ?? null,
    metadata: row.metadata,
    trendingScore: row.trending_score,
    relevance: row.relevance,
  }
}
