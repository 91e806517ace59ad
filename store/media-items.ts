import { requireCurrent } from '../domain/if-match.ts'
import type { MediaItem, MediaItemContent, MediaItemLine, MediaItemPatch } from '../domain/media-item.ts'
import { type Evaluation, interpret } from '../domain/policy/interpret.ts'
import { Problem } from '../domain/problems.ts'
import { type Database, query } from './database.ts'
import { type EvaluatedVersion, enterAsWriter } from './evaluated-versions.ts'
import { ITEM_COLUMNS, type ItemRow, toItem, toPolicyItem } from './media-item-rows.ts'
import type { Transaction } from './transaction.ts'

function itemNotFound(id: number): Problem {
  return new Problem('media-item-not-found', `There is no media item ${id}.`)
}

/** @throws Problem `media-item-not-found` */
export async function getItem(db: Database, id: number): Promise<MediaItem> {
  const [row] = await query<ItemRow>(
    db,
    `SELECT ${ITEM_COLUMNS} FROM media_items WHERE id = $1 AND deleted_at IS NULL`,
    [id],
  )
  if (!row) throw itemNotFound(id)
  return toItem(row)
}

// Whole items, one statement for many. One that is as it is wanted is left alone: no new version, nothing to evaluate.
const PUT = `
  INSERT INTO media_items AS old (id, title, media_type, released_at, metadata, ingestion_status, trending_score)
  SELECT id, title, "mediaType", date_trunc('milliseconds', "releasedAt") AS "releasedAt", metadata, "ingestionStatus", "trendingScore"
  FROM jsonb_to_recordset($1::jsonb) AS new(id bigint, title text, "mediaType" text, "releasedAt" timestamptz, metadata jsonb,
    "ingestionStatus" text, "trendingScore" double precision)
  ORDER BY id
  ON CONFLICT (id) DO UPDATE SET title = excluded.title, media_type = excluded.media_type,
    released_at = excluded.released_at, metadata = excluded.metadata, ingestion_status = excluded.ingestion_status,
    trending_score = excluded.trending_score, deleted_at = NULL, version = old.version + 1, updated_at = clock_timestamp()
  WHERE (old.title, old.media_type, old.released_at, old.metadata, old.ingestion_status, old.trending_score, old.deleted_at)
    IS DISTINCT FROM (excluded.title, excluded.media_type, excluded.released_at, excluded.metadata, excluded.ingestion_status,
      excluded.trending_score, NULL)
  RETURNING ${ITEM_COLUMNS}`

export interface PutResult {
  created: number
  updated: number
  unchanged: number
}

/**
 * Writes whole items, each id once, and evaluates what has changed for every version that is live, being prepared or kept.
 * At most a few hundred at once, and once in a transaction: the barrier of a run that begins waits for it.
 */
export async function putItems(tx: Transaction, items: MediaItemLine[]): Promise<PutResult> {
  const versions = await enterAsWriter(tx)
  const rows = await tx.query<ItemRow>(PUT, [JSON.stringify(items)])
  await evaluateItems(tx, versions, rows)
  const created = rows.filter(({ version }) => version === 1).length
  return { created, updated: rows.length - created, unchanged: items.length - rows.length }
}

/** Writes one whole item. Returns it, and whether it is new. */
export async function putItem(
  tx: Transaction,
  id: number,
  content: MediaItemContent,
): Promise<{ item: MediaItem; created: boolean }> {
  const { created } = await putItems(tx, [{ id, ...content }])
  const [row] = await tx.query<ItemRow>(`SELECT ${ITEM_COLUMNS} FROM media_items WHERE id = $1`, [id])
  return { item: toItem(row as ItemRow), created: created === 1 }
}

/** Changes the named fields. `expectedVersion` is the caller's If-Match. @throws Problem `media-item-not-found`, `revision-mismatch` */
export async function patchItem(
  tx: Transaction,
  id: number,
  patch: MediaItemPatch,
  expectedVersion?: number,
): Promise<MediaItem> {
  const versions = await enterAsWriter(tx)
  const item = toItem(await lockItem(tx, id, expectedVersion))
  const wanted = { ...item, ...patch }
  const [row] = await tx.query<ItemRow>(
    `UPDATE media_items SET title = $2, media_type = $3, released_at = $4, metadata = $5, ingestion_status = $6,
       trending_score = $7, version = version + 1, updated_at = clock_timestamp() WHERE id = $1 RETURNING ${ITEM_COLUMNS}`,
    [
      id,
      wanted.title,
      wanted.mediaType,
      wanted.releasedAt && new Date(wanted.releasedAt),
      JSON.stringify(wanted.metadata),
      wanted.ingestionStatus,
      wanted.trendingScore,
    ],
  )
  await evaluateItems(tx, versions, [row as ItemRow])
  return toItem(row as ItemRow)
}

/** Deletes an item; a PUT brings it back. `expectedVersion` is the caller's If-Match. @throws Problem `media-item-not-found`, `revision-mismatch` */
export async function deleteItem(tx: Transaction, id: number, expectedVersion?: number): Promise<MediaItem> {
  await enterAsWriter(tx)
  await lockItem(tx, id, expectedVersion)
  const [row] = await tx.query<ItemRow>(
    `UPDATE media_items SET deleted_at = clock_timestamp(), version = version + 1, updated_at = clock_timestamp()
     WHERE id = $1 RETURNING ${ITEM_COLUMNS}`,
    [id],
  )
  return toItem(row as ItemRow)
}

async function lockItem(tx: Transaction, id: number, expectedVersion: number | undefined): Promise<ItemRow> {
  const [row] = await tx.query<ItemRow>(
    `SELECT ${ITEM_COLUMNS} FROM media_items WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE`,
    [id],
  )
  if (!row) throw itemNotFound(id)
  requireCurrent('The item', { version: row.version }, expectedVersion)
  return row
}

/**
 * Evaluates items as they were just written, for the given versions. Their rows are locked, so nothing newer can be there; a
 * run may have evaluated them as they were before.
 */
async function evaluateItems(tx: Transaction, versions: EvaluatedVersion[], rows: ItemRow[]): Promise<void> {
  const ready = rows.filter((row) => row.ingestion_status === 'ready' && !row.deleted_at).sort((a, b) => a.id - b.id)
  if (ready.length === 0 || versions.length === 0) return
  const evaluations = versions.flatMap(({ version, document }) =>
    ready.map((row) => ({ id: row.id, version, itemVersion: row.version, ...interpret(document, toPolicyItem(row)) })),
  )
  await tx.query(
    `INSERT INTO media_catalog_evaluations (media_item_id, policy_version, item_version, status, reasons, relevance)
     SELECT id, version, "itemVersion", status, reasons, relevance
     FROM jsonb_to_recordset($1::jsonb) AS new(id bigint, version integer, "itemVersion" integer, status evaluation_status,
       reasons text[], relevance double precision)
     ORDER BY version, id
     ON CONFLICT (media_item_id, policy_version) DO UPDATE SET item_version = excluded.item_version,
       status = excluded.status, reasons = excluded.reasons, relevance = excluded.relevance, evaluated_at = excluded.evaluated_at`,
    [JSON.stringify(evaluations satisfies (Evaluation & { id: number })[])],
  )
}
