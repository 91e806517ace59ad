import { isDeepStrictEqual } from 'node:util'
import { dueAfter } from '../domain/release-plan-forecast.ts'
import { emitFlagEvent, reviseFlag, writeFlag } from './flags.ts'
import {
  emitPlanEvent,
  enqueuePlanNudge,
  type LockedPlan,
  type MilestoneRow,
  type PlanRow,
  rereadPlan,
  timesOf,
} from './release-plan-rows.ts'
import { readCopies, type StrategyCopies, type StrategyCopy } from './strategy-rows.ts'
import type { Transaction } from './transaction.ts'

export interface Beginning {
  /** When it was planned to start: by the plan, or now. */
  plannedAt: Date
  /** Switch the flag on as well. */
  enable?: boolean
  /** Stop here: nothing starts by itself before somebody resumes it. */
  pauseReason?: string
  /** What its event says beside it. */
  note?: Record<string, unknown>
}

/**
 * Makes a milestone of a locked plan the active one: users are served by its strategies, with the ids and segments that they
 * have there, and no longer by those of the one before. What later milestones had of times and approvals is forgotten.
 *
 * @throws Error when users would not be served by exactly what the milestone says
 */
export async function beginMilestone(
  tx: Transaction,
  { flag, now, plan, milestones }: LockedPlan,
  milestone: MilestoneRow,
  { plannedAt, enable = false, pauseReason, note = {} }: Beginning,
): Promise<PlanRow> {
  const before = await servedBy(tx, flag.id)
  await copyStrategies(tx, flag.id, milestone.id)
  const served = await servedBy(tx, flag.id)
  requireServed(served, milestone)
  const dwellFrom = plan.anchor === 'planned' ? plannedAt : now
  await tx.query(
    `UPDATE milestones SET approved_at = NULL, approved_by = NULL,
       planned_at = CASE WHEN id = $2 THEN $3::timestamptz END, started_at = CASE WHEN id = $2 THEN $4::timestamptz END,
       dwell_from = CASE WHEN id = $2 THEN $5::timestamptz END
     WHERE plan_id = $1 AND sort_order >= $6`,
    [plan.id, milestone.id, plannedAt, now, dwellFrom, milestone.sort_order],
  )
  const last = milestones.at(-1)?.id === milestone.id
  const status = pauseReason !== undefined ? 'paused' : last ? 'completed' : 'running'
  const [times] = timesOf(plan, [{ ...milestone, dwell_from: dwellFrom, approved_at: null }]).milestones
  const nextAt = status === 'running' && times ? dueAfter(times) : null
  await tx.query(
    `UPDATE release_plans SET active_milestone_id = $2, status = $3, next_at = $4, paused_at = $5, pause_reason = $6,
       version = version + 1, updated_at = clock_timestamp()
     WHERE id = $1`,
    [
      plan.id,
      milestone.id,
      status,
      nextAt === null ? null : new Date(nextAt),
      status === 'paused' ? now : null,
      pauseReason ?? null,
    ],
  )
  const revision = await revise(tx, flag, enable)
  const row = await rereadPlan(tx, plan.id)
  if (plan.status === 'draft') emitPlanEvent(tx, 'release-plan-started', row, { milestoneId: milestone.id }, revision)
  const from = milestones.find(({ id }) => id === plan.active_milestone_id)
  const change = {
    milestoneId: milestone.id,
    before: from ? { milestoneId: from.id, name: from.name, strategies: shown(before) } : null,
    after: { milestoneId: milestone.id, name: milestone.name, strategies: shown(served) },
    plannedAt: plannedAt.toISOString(),
    startedAt: now.toISOString(),
    ...note,
  }
  emitPlanEvent(tx, 'milestone-started', row, change, revision)
  if (status === 'completed') emitPlanEvent(tx, 'release-plan-completed', row, { milestoneId: milestone.id }, revision)
  tx.invalidateCache(['flag', plan.environment, plan.flag_key])
  enqueuePlanNudge(tx, row)
  return row
}

async function revise(tx: Transaction, flag: LockedPlan['flag'], enable: boolean): Promise<number> {
  if (!enable || flag.enabled) return await reviseFlag(tx, flag)
  const after = await writeFlag(tx, { ...flag, enabled: true })
  emitFlagEvent(tx, 'flag-updated', flag, after)
  return after.revision
}

/** Replaces what the plan serves users by. The flag's own strategies stay. */
async function copyStrategies(tx: Transaction, flagId: string, milestoneId: string): Promise<void> {
  await tx.query('DELETE FROM feature_strategies WHERE flag_id = $1 AND milestone_id IS NOT NULL', [flagId])
  await tx.query(
    `WITH copied AS (
       INSERT INTO feature_strategies (id, flag_id, milestone_id, name, title, parameters, constraints, variants, disabled,
         sort_order, created_at, updated_at)
       SELECT id, $1, milestone_id, name, title, parameters, constraints, variants, disabled, sort_order, created_at, updated_at
       FROM milestone_strategies WHERE milestone_id = $2
     )
     INSERT INTO feature_strategy_segment (feature_strategy_id, segment_id)
     SELECT l.milestone_strategy_id, l.segment_id FROM milestone_strategies s
     JOIN milestone_strategy_segments l ON l.milestone_strategy_id = s.id WHERE s.milestone_id = $2`,
    [flagId, milestoneId],
  )
}

/** Both copies of what a plan's strategies are, or were, served by. */
async function servedBy(tx: Transaction, flagId: string): Promise<StrategyCopies[]> {
  return [...(await readCopies(tx, flagId)).values()]
}

/** Read again, not believed: users are served by the milestone's strategies, all of them, and of the plan by nothing else. */
function requireServed(copies: StrategyCopies[], { id: milestoneId }: MilestoneRow): void {
  const wrong = copies.filter(({ runtime, milestone }) =>
    milestone?.milestoneId === milestoneId
      ? !isDeepStrictEqual(runtime?.content, milestone.content) || runtime?.milestoneId !== milestoneId
      : runtime?.milestoneId,
  )
  if (wrong.length > 0) throw new Error(`The milestone ${milestoneId} and what users are served by would differ`)
}

function shown(copies: StrategyCopies[]) {
  return copies
    .flatMap(({ runtime }): StrategyCopy[] => (runtime?.milestoneId ? [runtime] : []))
    .sort((a, b) => a.content.sortOrder - b.content.sortOrder || (a.id < b.id ? -1 : 1))
    .map(({ id, content }) => ({ id, ...content }))
}
