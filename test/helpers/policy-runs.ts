import { afterAll } from 'vitest'
import { MediaItemLine } from '../../domain/media-item.ts'
import type { PolicyDocument } from '../../domain/policy/document.ts'
import { interpret } from '../../domain/policy/interpret.ts'
import { Prepare } from '../../domain/policy-run.ts'
import { createPolicy, getPolicy } from '../../store/catalog-policies.ts'
import type { Database } from '../../store/database.ts'
import { openBatchDatabase, openScanDatabase, query } from '../../store/database.ts'
import { ITEM_COLUMNS, type ItemRow, READY, toPolicyItem } from '../../store/media-item-rows.ts'
import { putItems } from '../../store/media-items.ts'
import { evaluateBatch, Fenced, type Range, type Slice } from '../../store/policy-batches.ts'
import { partitionOf } from '../../store/policy-partitions.ts'
import { promoteRun } from '../../store/policy-promote.ts'
import { prepareRun } from '../../store/policy-run-control.ts'
import { claimSlice, completeRun, openRanges } from '../../store/policy-slices.ts'
import { itemOf, POLICY } from './catalog.ts'
import { alice, asAlice, createTestDatabase, openTestDatabase, quiet } from './database.ts'

export interface CatalogDatabases {
  /** As the API has it. */
  db: Database
  batchDb: Database
  scanDb: Database
}

/** The pools that policy runs need; they are closed when the file has ended. */
export function openCatalogDatabases(url: string): CatalogDatabases {
  const db = openTestDatabase(url, { connections: 20 })
  const batchDb = openBatchDatabase({ url, log: quiet })
  const scanDb = openScanDatabase({ url, log: quiet, connections: 10 })
  afterAll(async () => {
    await batchDb.pool.end()
    await scanDb.pool.end()
  })
  return { db, batchDb, scanDb }
}

export async function addItems(db: Database, ids: number[], more: object = {}): Promise<void> {
  await asAlice(db, (tx) =>
    putItems(
      tx,
      ids.map((id) => MediaItemLine.parse(itemOf(id, more))),
    ),
  )
}

export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n + 1)
}

export async function addPolicy(db: Database, document: object = POLICY) {
  return await asAlice(db, (tx) => createPolicy(tx, { name: 'A policy', document: document as PolicyDocument }))
}

export async function startRun(db: Database, policyId: string, options: Partial<Prepare> = {}) {
  return await asAlice(db, (tx) => prepareRun(tx, policyId, Prepare.parse(options)))
}

/** Claims the run as a slice does. */
export async function claim({ scanDb }: CatalogDatabases, runId: string): Promise<{ slice: Slice; ranges: Range[] }> {
  const claimed = await claimSlice(scanDb, runId)
  if (!claimed) throw new Fenced()
  return { slice: claimed.slice, ranges: await openRanges(scanDb, claimed.slice, claimed.run) }
}

/** Evaluates until nothing is left, or for so many batches, as the activity does. Returns whether the run is a success now. */
export async function drive(
  dbs: CatalogDatabases,
  runId: string,
  batches = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  const { slice, ranges } = await claim(dbs, runId)
  let left = batches
  const ends = await Promise.all(
    ranges.map(async (range) => {
      let at = range
      while (at.cursor < at.to && left-- > 0) at = (await evaluateBatch(dbs.batchDb, slice, at)).range
      return at.cursor === at.to
    }),
  )
  return ends.every(Boolean) && (await completeRun(dbs.scanDb, slice))
}

/** Makes a policy live: creates, prepares and promotes it. */
export async function goLive(dbs: CatalogDatabases, document: object = POLICY) {
  const policy = await addPolicy(dbs.db, document)
  const { runId } = await startRun(dbs.db, policy.id)
  await drive(dbs, runId)
  await promoteRun(dbs.scanDb, runId, {}, { origin: alice })
  return { ...policy, runId }
}

/** Everything that a version says of ready items as they are now, in an order of its own: byte for byte. */
export async function contentOf(db: Database, version: number): Promise<string> {
  const rows = await query(
    db,
    `SELECT e.media_item_id, e.item_version, e.status, e.reasons, e.relevance FROM media_catalog_evaluations e
       JOIN media_items i ON i.id = e.media_item_id AND i.version = e.item_version
     WHERE e.policy_version = $1 AND ${READY} ORDER BY 1`,
    [version],
  )
  return JSON.stringify(rows)
}

/** Every row of a version with its place and its transaction: another write of the same would show. */
export async function bytesOf(db: Database, version: number): Promise<string> {
  return JSON.stringify(await query(db, `SELECT *, ctid, xmin FROM ${partitionOf(version)} ORDER BY media_item_id`))
}

/** What is wrong with a version's evaluations: recomputed from scratch, item by item, by the interpreter. */
export async function wrongEvaluations(db: Database, policyId: string): Promise<string[]> {
  const { version, document } = await getPolicy(db, policyId)
  const items = await query<ItemRow>(db, `SELECT ${ITEM_COLUMNS} FROM media_items WHERE ${READY} ORDER BY id`)
  const stored = await query<{ id: number; item_version: number; found: string }>(
    db,
    `SELECT media_item_id AS id, item_version, jsonb_build_object('status', status, 'reasons', reasons, 'relevance', relevance) AS found
     FROM media_catalog_evaluations WHERE policy_version = $1`,
    [version],
  )
  const byId = new Map(stored.map((row) => [row.id, row]))
  return items.flatMap((item) => {
    const row = byId.get(item.id)
    if (!row) return [`item ${item.id} has no evaluation`]
    if (row.item_version !== item.version)
      return [`item ${item.id} is at ${item.version}, evaluated at ${row.item_version}`]
    const { status, reasons, relevance } = interpret(document as unknown as PolicyDocument, toPolicyItem(item))
    const expected = { status, reasons, relevance }
    const found = row.found as unknown as typeof expected
    const same =
      found.status === status && found.relevance === relevance && found.reasons.join('\n') === reasons.join('\n')
    return same ? [] : [`item ${item.id}: ${JSON.stringify(found)} should be ${JSON.stringify(expected)}`]
  })
}

/** The pools of a database of its own, with items 1 to `count`. */
export async function newCatalog(count: number): Promise<CatalogDatabases> {
  const dbs = openCatalogDatabases(await createTestDatabase())
  await addItems(dbs.db, upTo(count))
  return dbs
}

export async function promote({ scanDb }: CatalogDatabases, runId: string, gate = {}) {
  return await promoteRun(scanDb, runId, gate, { origin: alice })
}

/** Takes the barrier's shared side, as every writer does. */
export const BARRIER = 'SELECT pg_advisory_xact_lock_shared(1970170469, 1)'
/** Edits an item past the store's own functions: nobody evaluates it. */
export const EDIT = `UPDATE media_items SET metadata = '{"adult": true}', version = version + 1, updated_at = clock_timestamp() WHERE id = $1`

/** A transaction of a connection of its own: what it does is committed when the test says so. */
export async function openWriter({ db }: CatalogDatabases) {
  const client = await db.pool.connect()
  await client.query('BEGIN')
  return {
    query: (text: string, values: unknown[] = []) => client.query(text, values),
    async commit() {
      await client.query('COMMIT')
      client.release()
    },
  }
}
