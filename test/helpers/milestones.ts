import { NewStrategy } from '../../domain/strategy.ts'
import type { Database } from '../../store/database.ts'
import type { FlagAddress } from '../../store/flags.ts'
import { createSegment } from '../../store/segments.ts'
import { insertMilestoneStrategies } from '../../store/strategies.ts'
import { newUlid } from '../../store/strategy-rows.ts'
import { asAlice, one } from './database.ts'
import { newFlag } from './schedules.ts'

export const strategy = (input: Partial<NewStrategy> = {}) => NewStrategy.parse({ name: 'default', ...input })

/** 25 % of users, by their id. */
export const gradual = (rollout = '25', more: Partial<NewStrategy> = {}) =>
  strategy({ name: 'flexibleRollout', parameters: { rollout, stickiness: 'userId', groupId: 'g' }, ...more })

export async function newSegments(db: Database, environment: string, ...keys: string[]): Promise<void> {
  for (const key of keys)
    await asAlice(db, (tx) => createSegment(tx, environment, { key, description: '', constraints: [] }))
}

/** A flag whose plan has these milestones, of which the first is active: its strategies are copied as they stand. */
export async function newPlan(db: Database, milestones: NewStrategy[][], address?: FlagAddress, started = true) {
  const at = address ?? (await newFlag(db))
  const { id: flagId } = await one<{ id: string }>(
    db,
    'SELECT id FROM feature_flags WHERE environment = $1 AND key = $2',
    [at.environment, at.flagKey],
  )
  const planId = newUlid()
  await one(
    db,
    `INSERT INTO release_plans (id, flag_id, name, anchor, status, created_by) VALUES ($1, $2, 'plan', 'actual', $3, 'alice')`,
    [planId, flagId, started ? 'running' : 'draft'],
  )
  const milestoneIds: string[] = []
  for (const [place, strategies] of milestones.entries()) {
    const milestoneId = newUlid()
    milestoneIds.push(milestoneId)
    await one(db, 'INSERT INTO milestones (id, plan_id, name, sort_order) VALUES ($1, $2, $3, $4)', [
      milestoneId,
      planId,
      `milestone ${place}`,
      place,
    ])
    await asAlice(db, (tx) => insertMilestoneStrategies(tx, at.environment, milestoneId, strategies, 'milestones.0'))
  }
  if (started) await activate(db, flagId, planId, milestoneIds[0] as string)
  const strategyIds = await Promise.all(milestoneIds.map((id) => idsOf(db, id)))
  return { ...at, flagId, planId, milestoneIds, strategyIds }
}

export type Plan = Awaited<ReturnType<typeof newPlan>>

async function activate(db: Database, flagId: string, planId: string, milestoneId: string): Promise<void> {
  await one(db, 'UPDATE release_plans SET active_milestone_id = $2 WHERE id = $1', [planId, milestoneId])
  await one(
    db,
    `INSERT INTO feature_strategies (id, flag_id, milestone_id, name, title, parameters, constraints, variants, disabled, sort_order)
     SELECT id, $1, milestone_id, name, title, parameters, constraints, variants, disabled, sort_order
     FROM milestone_strategies WHERE milestone_id = $2`,
    [flagId, milestoneId],
  )
  await one(
    db,
    `INSERT INTO feature_strategy_segment SELECT l.* FROM milestone_strategy_segments l
     JOIN milestone_strategies s ON s.id = l.milestone_strategy_id WHERE s.milestone_id = $1`,
    [milestoneId],
  )
}

async function idsOf(db: Database, milestoneId: string): Promise<string[]> {
  const { rows } = await db.pool.query<{ id: string }>(
    'SELECT id FROM milestone_strategies WHERE milestone_id = $1 ORDER BY sort_order, id',
    [milestoneId],
  )
  return rows.map(({ id }) => id)
}

/** Both copies of a milestone's strategies as one snapshot of the tables has them, every column but times and owners. */
export async function copies(db: Database, milestoneId: string): Promise<{ runtime: unknown[]; milestone: unknown[] }> {
  const all = (table: string, links: string, link: string) =>
    `(SELECT coalesce(jsonb_agg(to_jsonb(s) - 'flag_id' - 'created_at' - 'updated_at' || jsonb_build_object('segments',
       (SELECT jsonb_agg(g.key ORDER BY g.key) FROM ${links} l JOIN segments g ON g.id = l.segment_id WHERE l.${link} = s.id))
       ORDER BY s.sort_order, s.id), '[]') FROM ${table} s WHERE s.milestone_id = $1)`
  return await one(
    db,
    `SELECT ${all('feature_strategies', 'feature_strategy_segment', 'feature_strategy_id')} AS runtime,
       ${all('milestone_strategies', 'milestone_strategy_segments', 'milestone_strategy_id')} AS milestone`,
    [milestoneId],
  )
}
