import { drawnGraph, type PatchGraph } from '../domain/gameplan/graph.ts'
import type { Gameplan, GameplanStatus, GameplanSummary } from '../domain/gameplan/resource.ts'
import { type Database, query } from './database.ts'
import { type ReadDocument, readDocument, writeParts } from './gameplan-document.ts'
import {
  emitGameplanEvent,
  type GameplanAddress,
  loadGameplan,
  type PatchRow,
  SUMMARY_COLUMNS,
  type SummaryRow,
  stateOf,
  toGameplan,
  toSummary,
} from './gameplan-rows.ts'
import { type Page, type PageRequest, page, readCursor, ULID_CURSOR } from './page.ts'
import { newUlid } from './strategy-rows.ts'
import type { Transaction } from './transaction.ts'

/** @throws Problem `gameplan-not-found` */
export async function getGameplan(db: Database, address: GameplanAddress): Promise<Gameplan> {
  return await toGameplan(db, await loadGameplan(db, address))
}

export interface GameplanFilter extends PageRequest {
  environment?: string | undefined
  status?: GameplanStatus | undefined
  flagKey?: string | undefined
}

/** Gameplans, the newest first. */
export async function listGameplans(db: Database, filter: GameplanFilter): Promise<Page<GameplanSummary>> {
  const [before] = readCursor(filter.cursor, ULID_CURSOR) ?? []
  const { environment, status, flagKey, limit } = filter
  const rows = await query<SummaryRow>(
    db,
    `SELECT ${SUMMARY_COLUMNS} FROM gameplans g
     WHERE ($1::text IS NULL OR g.environment = $1) AND ($2::text IS NULL OR g.status = $2)
       AND ($3::text IS NULL OR g.flag_key = $3) AND ($4::text IS NULL OR g.id < $4)
     ORDER BY g.id DESC LIMIT $5`,
    [environment ?? null, status ?? null, flagKey ?? null, before ?? null, limit + 1],
  )
  const patches = await query<PatchRow & { gameplan_id: string }>(
    db,
    'SELECT * FROM gameplan_patches WHERE gameplan_id = ANY ($1::text[])',
    [rows.map(({ id }) => id)],
  )
  const ofGameplan = Map.groupBy(patches, ({ gameplan_id }) => gameplan_id)
  return page(
    rows,
    limit,
    (row) => toSummary({ row, patches: ofGameplan.get(row.id) ?? [] }),
    (row) => [row.id],
  )
}

export type LiveGraph = Omit<PatchGraph, 'patches'> & {
  patches: (PatchGraph['patches'][number] & { state: ReturnType<typeof stateOf> })[]
}

/** Its graph, with what has become of each patch. @throws Problem `gameplan-not-found` */
export async function graphOfGameplan(db: Database, address: GameplanAddress): Promise<LiveGraph> {
  const { patches } = await loadGameplan(db, address)
  const labelOf = new Map(patches.map(({ key, label }) => [key, label]))
  const drawn = drawnGraph(
    patches.map(({ label: id, class: its, title, dependencies }) => {
      return { id, class: its, title, dependencies: dependencies.flatMap((key) => labelOf.get(key) ?? []) }
    }),
  )
  const stateById = new Map(patches.map((patch) => [patch.label, stateOf(patch, patches)]))
  return { ...drawn, patches: drawn.patches.map((one) => ({ ...one, state: stateById.get(one.id) ?? 'blocked' })) }
}

/** Keeps a gameplan, as a draft: nothing follows from it before it is started. @throws Problem `gameplan-refused` */
export async function createGameplan(tx: Transaction, environment: string, markdown: string): Promise<Gameplan> {
  const read = readDocument(markdown)
  const id = newUlid()
  await tx.query(
    `INSERT INTO gameplans (id, environment, title, document, flag_key, introduced, activated, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [id, environment, read.title, markdown, ...flagColumns(read), tx.origin.actor],
  )
  await writeParts(tx, id, read)
  const made = await loadGameplan(tx, { id })
  emitGameplanEvent(tx, 'gameplan-created', made, {
    title: read.title,
    patches: read.patches.map(({ label }) => label),
  })
  return await toGameplan(tx, made)
}

export function flagColumns({ flag }: ReadDocument): (string | null)[] {
  return [flag?.key ?? null, flag?.introduced ?? null, flag?.activated ?? null]
}
