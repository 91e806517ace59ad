import type { MediaItem } from '../domain/media-item.ts'
import type { PolicyItem } from '../domain/policy/values.ts'

export const ITEM_COLUMNS = `id, title, media_type, released_at, metadata, ingestion_status, trending_score, version, created_at,
  updated_at, deleted_at`

/** An item that policies decide about. */
export const READY = `ingestion_status = 'ready' AND deleted_at IS NULL`

export interface ItemRow {
  id: number
  title: string | null
  media_type: string | null
  released_at: Date | null
  metadata: Record<string, unknown>
  ingestion_status: MediaItem['ingestionStatus']
  trending_score: number
  version: number
  created_at: Date
  updated_at: Date
  deleted_at: Date | null
}

export function toItem(row: ItemRow): MediaItem {
  return {
    id: row.id,
    title: row.title,
    mediaType: row.media_type,
    releasedAt: row.released_at?.toISOString() ?? null,
    metadata: row.metadata,
    ingestionStatus: row.ingestion_status,
    trendingScore: row.trending_score,
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    deletedAt: row.deleted_at?.toISOString() ?? null,
  }
}

/** An item as the policy language sees it. */
export function toPolicyItem(row: ItemRow): PolicyItem {
  return {
    id: row.id,
    title: row.title,
    mediaType: row.media_type,
    releasedAt: row.released_at?.getTime() ?? null,
    trendingScore: row.trending_score,
    createdAt: row.created_at.getTime(),
    metadata: row.metadata,
  }
}
