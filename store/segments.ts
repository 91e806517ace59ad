import { isDeepStrictEqual } from 'node:util'
import { checkConstraint } from '../domain/evaluation/check.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { Problem } from '../domain/problems.ts'
import type { NewSegment, Segment, SegmentEdit } from '../domain/segment.ts'
import type { Constraint } from '../domain/strategy.ts'
import { refuseFields, toFields } from '../domain/strategy-content.ts'
import { enterEnvironment, refuseDirect } from './change-request-gate.ts'
import { type Database, query } from './database.ts'
import { KEY_CURSOR, type Page, type PageRequest, page, readCursor } from './page.ts'
import { bumpRevision, NEXT_REVISION } from './revision.ts'
import type { Transaction } from './transaction.ts'

export interface SegmentAddress {
  environment: string
  segmentKey: string
}

/** Uses that a refusal shows. */
const SHOWN = 50

interface SegmentRow {
  id: string
  key: string
  environment: string
  description: string
  constraints: Constraint[]
  revision: number
  created_by: string
  created_at: Date
  updated_at: Date
}

function toSegment(row: SegmentRow): Segment {
  return {
    key: row.key,
    environment: row.environment,
    description: row.description,
    constraints: row.constraints,
    revision: row.revision,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

function segmentNotFound({ environment, segmentKey }: SegmentAddress): Problem {
  return new Problem('segment-not-found', `There is no segment "${segmentKey}" in the environment "${environment}".`)
}

/** @throws Problem `segment-not-found` */
export async function getSegment(db: Database, address: SegmentAddress): Promise<Segment> {
  const [row] = await query<SegmentRow>(db, 'SELECT * FROM segments WHERE environment = $1 AND key = $2', [
    address.environment,
    address.segmentKey,
  ])
  if (!row) throw segmentNotFound(address)
  return toSegment(row)
}

/** Segments of an environment by key. */
export async function listSegments(
  db: Database,
  { environment, limit, cursor }: PageRequest & { environment: string },
): Promise<Page<Segment>> {
  const [after] = readCursor(cursor, KEY_CURSOR) ?? []
  const rows = await query<SegmentRow>(
    db,
    'SELECT * FROM segments WHERE environment = $1 AND ($2::text IS NULL OR key > $2) ORDER BY key LIMIT $3',
    [environment, after ?? null, limit + 1],
  )
  return page(rows, limit, toSegment, (row) => [row.key])
}

/** @throws Problem `change-request-required`, `validation-failed`, `segment-exists` */
export async function createSegment(tx: Transaction, environment: string, input: NewSegment): Promise<Segment> {
  await enterEnvironment(tx, environment)
  refuseConstraints(input.constraints)
  const [row] = await tx.query<SegmentRow>(
    `WITH next AS (${NEXT_REVISION})
     INSERT INTO segments AS s (environment, key, description, constraints, created_by, revision)
     SELECT $1, $2, $3, $4::jsonb, $5, next.revision FROM next
     ON CONFLICT (environment, key) DO NOTHING RETURNING s.*`,
    [environment, input.key, input.description, JSON.stringify(input.constraints), tx.origin.actor],
  )
  if (!row) {
    throw new Problem('segment-exists', `There is a segment "${input.key}" in the environment "${environment}".`, {
      fields: [{ field: 'key', message: 'must be new in its environment' }],
    })
  }
  const segment = toSegment(row)
  emitSegmentEvent(tx, 'segment-created', segment.revision, null, segment)
  return segment
}

/**
 * Changes the named fields, for all strategies that use it. An edit that changes nothing leaves the revision.
 *
 * @throws Problem `segment-not-found`, `revision-mismatch`, `validation-failed`
 */
export async function editSegment(
  tx: Transaction,
  address: SegmentAddress,
  edit: SegmentEdit,
  expectedRevision?: number,
): Promise<Segment> {
  const before = await lockSegment(tx, address, 'NO KEY UPDATE', expectedRevision)
  const wanted = { ...before.segment, ...edit }
  refuseConstraints(wanted.constraints)
  if (isDeepStrictEqual(wanted, before.segment)) return before.segment
  const revision = await bumpRevision(tx)
  const [row] = await tx.query<SegmentRow>(
    `UPDATE segments SET description = $2, constraints = $3::jsonb, revision = $4, updated_at = clock_timestamp()
     WHERE id = $1 RETURNING *`,
    [before.id, wanted.description, JSON.stringify(wanted.constraints), revision],
  )
  const segment = toSegment(row as SegmentRow)
  emitSegmentEvent(tx, 'segment-updated', revision, before.segment, segment)
  return segment
}

/**
 * Deletes a segment that no strategy uses, neither one that is served nor one of a milestone.
 *
 * @throws Problem `segment-not-found`, `revision-mismatch`, `segment-in-use`
 */
export async function deleteSegment(
  tx: Transaction,
  address: SegmentAddress,
  expectedRevision?: number,
): Promise<Segment> {
  // Who gives it to a strategy holds it FOR KEY SHARE, so nobody does from here on.
  const { id, segment } = await lockSegment(tx, address, 'UPDATE', expectedRevision)
  await refuseUsed(tx, id)
  const revision = await bumpRevision(tx)
  await tx.query('DELETE FROM segments WHERE id = $1', [id])
  emitSegmentEvent(tx, 'segment-deleted', revision, segment, null)
  return segment
}

async function lockSegment(
  tx: Transaction,
  address: SegmentAddress,
  strength: 'UPDATE' | 'NO KEY UPDATE',
  expectedRevision: number | undefined,
): Promise<{ id: string; segment: Segment }> {
  await refuseDirect(tx, address.environment)
  const [row] = await tx.query<SegmentRow>(
    `SELECT * FROM segments WHERE environment = $1 AND key = $2 FOR ${strength}`,
    [address.environment, address.segmentKey],
  )
  if (!row) throw segmentNotFound(address)
  requireCurrent('The segment', { revision: row.revision }, expectedRevision)
  return { id: row.id, segment: toSegment(row) }
}

interface Use {
  flagKey: string
  strategyId: string
  milestoneId: string | null
}

async function refuseUsed(tx: Transaction, id: string): Promise<void> {
  const used = await tx.query<Use>(
    `SELECT f.key AS "flagKey", s.id AS "strategyId", s.milestone_id AS "milestoneId"
     FROM feature_strategy_segment l JOIN feature_strategies s ON s.id = l.feature_strategy_id
       JOIN feature_flags f ON f.id = s.flag_id WHERE l.segment_id = $1
     UNION
     SELECT f.key, s.id, s.milestone_id
     FROM milestone_strategy_segments l JOIN milestone_strategies s ON s.id = l.milestone_strategy_id
       JOIN milestones m ON m.id = s.milestone_id JOIN release_plans p ON p.id = m.plan_id
       JOIN feature_flags f ON f.id = p.flag_id WHERE l.segment_id = $1
     ORDER BY 1, 2`,
    [id],
  )
  if (used.length === 0) return
  const flags = [...new Set(used.map(({ flagKey }) => flagKey))]
  const detail = `${used.length} of the strategies of ${flags.slice(0, SHOWN).join(', ')} use it. Take it out of them first.`
  throw new Problem('segment-in-use', detail, { members: { usedBy: used.slice(0, SHOWN), uses: used.length } })
}

function refuseConstraints(constraints: Constraint[]): void {
  refuseFields(constraints.flatMap((constraint, i) => toFields(checkConstraint(constraint), ['constraints', i])))
}

function emitSegmentEvent(
  tx: Transaction,
  type: 'segment-created' | 'segment-updated' | 'segment-deleted',
  revision: number,
  before: Segment | null,
  after: Segment | null,
): void {
  const { environment, key: segmentKey } = (after ?? before) as Segment
  tx.emitEvent({
    type,
    environment,
    revision,
    data: { segmentKey, before: before && seen(before), after: after && seen(after) },
  })
}

function seen({ description, constraints }: Segment) {
  return { description, constraints }
}
