import { requireCurrent } from '../domain/if-match.ts'
import { type FieldProblem, Problem } from '../domain/problems.ts'
import type { NewMilestone, NewTemplate, ReleasePlanTemplate } from '../domain/release-plan.ts'
import { type Database, query, sqlState } from './database.ts'
import { type Page, type PageRequest, page, readCursor, ULID_CURSOR } from './page.ts'
import { checkNewStrategy } from './strategies.ts'
import { newUlid } from './strategy-rows.ts'
import type { Transaction } from './transaction.ts'

interface TemplateRow {
  id: string
  name: string
  description: string
  milestones: NewMilestone[]
  version: number
  archived_at: Date | null
  created_by: string
  created_at: Date
  updated_at: Date
}

function toTemplate(row: TemplateRow): ReleasePlanTemplate {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    milestones: row.milestones,
    version: row.version,
    archivedAt: row.archived_at?.toISOString() ?? null,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

function templateNotFound(id: string): Problem {
  return new Problem('template-not-found', `There is no template "${id}".`)
}

/** @throws Problem `template-not-found` */
export async function getTemplate(db: Database, id: string): Promise<ReleasePlanTemplate> {
  const [row] = await query<TemplateRow>(db, 'SELECT * FROM release_plan_templates WHERE id = $1', [id])
  if (!row) throw templateNotFound(id)
  return toTemplate(row)
}

/** Templates, the newest first; archived ones only when asked for. */
export async function listTemplates(
  db: Database,
  { archived, limit, cursor }: PageRequest & { archived: boolean },
): Promise<Page<ReleasePlanTemplate>> {
  const [before] = readCursor(cursor, ULID_CURSOR) ?? []
  const rows = await query<TemplateRow>(
    db,
    `SELECT * FROM release_plan_templates
     WHERE (archived_at IS NOT NULL) = $1 AND ($2::text IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [archived, before ?? null, limit + 1],
  )
  return page(rows, limit, toTemplate, (row) => [row.id])
}

/** @throws Problem `template-exists`, `validation-failed` for a strategy that could not be evaluated */
export async function createTemplate(tx: Transaction, input: NewTemplate): Promise<ReleasePlanTemplate> {
  checkMilestones(input.milestones)
  const rows = await unlessNamed(tx, input.name, () =>
    tx.query<TemplateRow>(
      `INSERT INTO release_plan_templates (id, name, description, milestones, created_by) VALUES ($1, $2, $3, $4, $5)
       RETURNING *`,
      [newUlid(), input.name, input.description, JSON.stringify(input.milestones), tx.origin.actor],
    ),
  )
  return emit(tx, 'release-plan-template-created', null, rows)
}

/**
 * Replaces a template as a whole; plans that were made from it stay as they are. `expectedVersion` is the caller's If-Match.
 *
 * @throws Problem `template-not-found`, `template-archived`, `template-exists`, `revision-mismatch`, `validation-failed`
 */
export async function replaceTemplate(
  tx: Transaction,
  id: string,
  input: NewTemplate,
  expectedVersion?: number,
): Promise<ReleasePlanTemplate> {
  const before = await lockTemplate(tx, id, expectedVersion)
  if (before.archivedAt) throw archived(before)
  checkMilestones(input.milestones)
  const rows = await unlessNamed(tx, input.name, () =>
    tx.query<TemplateRow>(
      `UPDATE release_plan_templates SET name = $2, description = $3, milestones = $4, version = version + 1,
         updated_at = clock_timestamp()
       WHERE id = $1 RETURNING *`,
      [id, input.name, input.description, JSON.stringify(input.milestones)],
    ),
  )
  return emit(tx, 'release-plan-template-updated', before, rows)
}

/** Archives a template, which frees its name. Again, it changes nothing. @throws Problem `template-not-found`, `revision-mismatch` */
export async function archiveTemplate(
  tx: Transaction,
  id: string,
  expectedVersion?: number,
): Promise<ReleasePlanTemplate> {
  const before = await lockTemplate(tx, id, expectedVersion)
  if (before.archivedAt) return before
  const rows = await tx.query<TemplateRow>(
    `UPDATE release_plan_templates SET archived_at = clock_timestamp(), version = version + 1,
       updated_at = clock_timestamp()
     WHERE id = $1 RETURNING *`,
    [id],
  )
  return emit(tx, 'release-plan-template-archived', before, rows)
}

/** What a plan is made from; held, so that it is not changed meanwhile. @throws Problem `template-not-found`, `template-archived` */
export async function readTemplate(tx: Transaction, id: string): Promise<NewTemplate> {
  const [row] = await tx.query<TemplateRow>('SELECT * FROM release_plan_templates WHERE id = $1 FOR SHARE', [id])
  if (!row) throw templateNotFound(id)
  if (row.archived_at) throw archived(toTemplate(row))
  return row
}

/** @throws Problem `validation-failed`, naming each field of each strategy that could not be evaluated */
export function checkMilestones(milestones: NewMilestone[]): void {
  const fields: FieldProblem[] = milestones.flatMap(({ strategies }, m) =>
    strategies.flatMap((strategy, s) => checkNewStrategy(strategy, `milestones.${m}.strategies.${s}`)),
  )
  if (fields.length > 0) throw new Problem('validation-failed', 'A strategy could not be evaluated.', { fields })
}

async function lockTemplate(tx: Transaction, id: string, expectedVersion?: number): Promise<ReleasePlanTemplate> {
  const [row] = await tx.query<TemplateRow>('SELECT * FROM release_plan_templates WHERE id = $1 FOR UPDATE', [id])
  if (!row) throw templateNotFound(id)
  requireCurrent('The template', { version: row.version }, expectedVersion)
  return toTemplate(row)
}

async function unlessNamed<T>(tx: Transaction, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await tx.savepoint(work)
  } catch (error) {
    if (sqlState(error) !== '23505') throw error
    throw new Problem('template-exists', `There is a template "${name}" already.`, {
      fields: [{ field: 'name', message: 'must be new among the templates that are not archived' }],
    })
  }
}

function archived({ archivedAt }: ReleasePlanTemplate): Problem {
  return new Problem('template-archived', `The template was archived at ${archivedAt}. Create it anew.`)
}

function emit(
  tx: Transaction,
  type: 'release-plan-template-created' | 'release-plan-template-updated' | 'release-plan-template-archived',
  before: ReleasePlanTemplate | null,
  rows: TemplateRow[],
): ReleasePlanTemplate {
  const after = toTemplate(rows[0] as TemplateRow)
  tx.emitEvent({ type, data: { templateId: after.id, before: before && seen(before), after: seen(after) } })
  return after
}

function seen({ name, description, milestones, version, archivedAt }: ReleasePlanTemplate) {
  return { name, description, milestones, version, archivedAt }
}
