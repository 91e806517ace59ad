import { requireCurrent } from '../domain/if-match.ts'
import { Problem } from '../domain/problems.ts'
import type {
  NewMilestone,
  NewReleasePlan,
  NewTemplate,
  PlanStatus,
  ReleasePlan,
  ReleasePlanSummary,
} from '../domain/release-plan.ts'
import { type Database, query } from './database.ts'
import { type FlagAddress, getFlag, lockFlag, refuseArchived, reviseFlag } from './flags.ts'
import { type Page, type PageRequest, page, readCursor, ULID_CURSOR } from './page.ts'
import {
  emitPlanEvent,
  enqueuePlanNudge,
  lockPlan,
  milestonesOf,
  type PlanAddress,
  type PlanRow,
  planNotFound,
  rereadPlan,
  SELECT_PLAN,
  toPlan,
  toSummary,
} from './release-plan-rows.ts'
import { checkMilestones, readTemplate } from './release-plan-templates.ts'
import { insertMilestoneStrategies } from './strategies.ts'
import { newUlid } from './strategy-rows.ts'
import type { Transaction } from './transaction.ts'

/** @throws Problem `flag-not-found`, `plan-not-found` */
export async function getPlan(db: Database, address: FlagAddress & { planId: string }): Promise<ReleasePlan> {
  const plan = (await plansOf(db, address)).find(({ id }) => id === address.planId)
  if (!plan) throw planNotFound(address.planId)
  return await toPlan(db, plan)
}

/** The plan of a flag, if it has one. @throws Problem `flag-not-found` */
export async function listPlansOfFlag(db: Database, address: FlagAddress): Promise<ReleasePlan[]> {
  return await Promise.all((await plansOf(db, address)).map((row) => toPlan(db, row)))
}

async function plansOf(db: Database, address: FlagAddress): Promise<PlanRow[]> {
  const flag = await getFlag(db, address)
  return await query<PlanRow>(db, `${SELECT_PLAN} WHERE p.flag_id = $1`, [flag.id])
}

export interface PlanFilter extends PageRequest {
  environment?: string | undefined
  flagKey?: string | undefined
  status?: PlanStatus | undefined
  /** Whose next milestone is planned to start before. */
  dueBefore?: Date | undefined
}

/** Plans of all flags, the newest first. */
export async function listPlans(db: Database, filter: PlanFilter): Promise<Page<ReleasePlanSummary>> {
  const [before] = readCursor(filter.cursor, ULID_CURSOR) ?? []
  const rows = await query<PlanRow>(
    db,
    `${SELECT_PLAN}
     WHERE ($1::text IS NULL OR f.environment = $1) AND ($2::text IS NULL OR p.status = $2)
       AND ($3::timestamptz IS NULL OR p.next_at < $3) AND ($4::text IS NULL OR p.id < $4)
       AND ($5::text IS NULL OR f.key = $5)
     ORDER BY p.id DESC LIMIT $6`,
    [
      filter.environment ?? null,
      filter.status ?? null,
      filter.dueBefore ?? null,
      before ?? null,
      filter.flagKey ?? null,
      filter.limit + 1,
    ],
  )
  const milestones = await milestonesOf(
    db,
    rows.map(({ id }) => id),
  )
  const ofPlan = Map.groupBy(milestones, (milestone) => milestone.plan_id)
  return page(
    rows,
    filter.limit,
    (row) => toSummary(row, ofPlan.get(row.id) ?? []),
    (row) => [row.id],
  )
}

/**
 * Makes the plan of a flag, as a draft: nothing changes for its users before a milestone is started. `{{featureName}}` and
 * `{{flagKey}}` in a strategy's groupId become the flag's key.
 *
 * @throws Problem `flag-not-found`, `flag-archived`, `plan-exists`, `template-not-found`, `template-archived`, and those of
 *   strategies: `unknown-segment`, `too-many-strategies`, `validation-failed`
 */
export async function createPlan(tx: Transaction, address: FlagAddress, input: NewReleasePlan): Promise<ReleasePlan> {
  const { flag } = await lockFlag(tx, address)
  refuseArchived(flag)
  const [other] = await tx.query<{ id: string; name: string }>(
    'SELECT id, name FROM release_plans WHERE flag_id = $1',
    [flag.id],
  )
  if (other) {
    throw new Problem('plan-exists', `The flag has the release plan "${other.name}". Delete it first.`, {
      members: { planId: other.id },
    })
  }
  const { name, description, milestones } = input.templateId ? await readTemplate(tx, input.templateId) : whole(input)
  checkMilestones(milestones)
  const planId = newUlid()
  await tx.query(
    `INSERT INTO release_plans (id, flag_id, template_id, name, description, anchor, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [planId, flag.id, input.templateId ?? null, name, description, input.anchor, tx.origin.actor],
  )
  for (const [place, milestone] of milestones.entries()) await insertMilestone(tx, address, planId, place, milestone)
  const row = await rereadPlan(tx, planId)
  const plan = await toPlan(tx, row)
  emitPlanEvent(tx, 'release-plan-added', row, { before: null, after: plan })
  enqueuePlanNudge(tx, row)
  return plan
}

/** What a body without a template has, as its schema has checked. */
function whole({ name = '', description = '', milestones = [] }: NewReleasePlan): NewTemplate {
  return { name, description, milestones }
}

async function insertMilestone(
  tx: Transaction,
  { environment, flagKey }: FlagAddress,
  planId: string,
  place: number,
  { name, strategies, progression }: NewMilestone,
): Promise<void> {
  const milestoneId = newUlid()
  await tx.query(
    `INSERT INTO milestones (id, plan_id, name, sort_order, dwell_seconds, needs_approval) VALUES ($1, $2, $3, $4, $5, $6)`,
    [milestoneId, planId, name, place, progression?.afterSeconds ?? null, progression?.approval ?? false],
  )
  const named = strategies.map((strategy) => {
    const { groupId } = strategy.parameters
    if (groupId === undefined) return strategy
    const filled = groupId.replaceAll(/\{\{(featureName|flagKey)\}\}/g, () => flagKey)
    return { ...strategy, parameters: { ...strategy.parameters, groupId: filled } }
  })
  await insertMilestoneStrategies(tx, environment, milestoneId, named, `milestones.${place}`)
}

/**
 * Deletes a plan with its milestones. What the active milestone gave to users goes with it, unless `keepStrategies`: then
 * those strategies are the flag's own from now on, in the place that they had.
 *
 * @throws Problem `flag-not-found`, `plan-not-found`, `revision-mismatch`
 */
export async function deletePlan(
  tx: Transaction,
  address: PlanAddress,
  { keepStrategies = false, expectedVersion }: { keepStrategies?: boolean; expectedVersion?: number | undefined } = {},
): Promise<ReleasePlan> {
  const locked = await lockPlan(tx, address)
  requireCurrent('The release plan', { version: locked.plan.version }, expectedVersion)
  const { plan, flag } = locked
  const before = await toPlan(tx, plan)
  const [served] = await tx.query('SELECT 1 FROM feature_strategies WHERE flag_id = $1 AND milestone_id IS NOT NULL', [
    flag.id,
  ])
  if (keepStrategies) {
    // The plan's come before the flag's own, each by their order: kept by numbering all of them anew.
    await tx.query(
      `UPDATE feature_strategies s SET milestone_id = NULL, sort_order = placed.place
       FROM (SELECT id, row_number() OVER (ORDER BY milestone_id IS NULL, sort_order, id) - 1 AS place
         FROM feature_strategies WHERE flag_id = $1) placed
       WHERE s.id = placed.id`,
      [flag.id],
    )
  }
  // Cascades to milestones, their strategies, and what users are served of them.
  await tx.query('DELETE FROM release_plans WHERE id = $1', [plan.id])
  const revision = served ? await reviseFlag(tx, flag) : undefined
  emitPlanEvent(tx, 'release-plan-removed', plan, { before, after: null, keptStrategies: keepStrategies }, revision)
  enqueuePlanNudge(tx, plan, '/deleted')
  if (served) tx.invalidateCache(['flag', plan.environment, plan.flag_key])
  return before
}
