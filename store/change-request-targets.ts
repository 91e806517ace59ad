import type { Snapshot } from '../domain/change-request-conflicts.ts'
import type { Dependency, FlagVariant } from '../domain/strategy.ts'
import type { Database } from './database.ts'
import type { FlagAddress } from './flags.ts'
import { milestonesOf, progressionOf } from './release-plan-rows.ts'
import { readCopies, readMilestoneStrategies, type StrategyCopy } from './strategy-rows.ts'
import { ask, type Transaction } from './transaction.ts'

type From = Database | Transaction

interface FlagRow {
  id: string
  description: string
  enabled: boolean
  rollout_percentage: number
  variants: FlagVariant[]
  dependencies: Dependency[]
  archived: boolean
  plan_id: string | null
}

async function flagRow(from: From, { environment, flagKey }: FlagAddress): Promise<FlagRow | undefined> {
  const [row] = await ask<FlagRow>(
    from,
    `SELECT f.id, f.description, f.enabled, f.rollout_percentage, f.variants, f.dependencies, f.archived_at IS NOT NULL AS archived,
       (SELECT p.id FROM release_plans p WHERE p.flag_id = f.id) AS plan_id
     FROM feature_flags f WHERE f.environment = $1 AND f.key = $2`,
    [environment, flagKey],
  )
  return row
}

/** All that a PATCH of a flag may change. */
export async function readFlag(from: From, address: FlagAddress): Promise<Snapshot> {
  const row = await flagRow(from, address)
  if (!row) return null
  const { description, enabled, rollout_percentage: rolloutPercentage, variants, dependencies, archived } = row
  return { description, enabled, rolloutPercentage, variants, dependencies, archived }
}

/** Of a flag that something is added to: whether that is possible. */
export async function readPlace(from: From, address: FlagAddress): Promise<Snapshot> {
  const row = await flagRow(from, address)
  return row ? { archived: row.archived, planId: row.plan_id } : null
}

/** A strategy as applications are served by it; one of a milestone that is not active, as it is defined there. */
export async function readStrategy(from: From, address: FlagAddress, strategyId: string): Promise<Snapshot> {
  const flag = await flagRow(from, address)
  const found = flag && (await readCopies(from, flag.id, [strategyId])).get(strategyId)
  const copy = found?.runtime ?? found?.milestone
  return flag && copy ? { ...copy.content, archived: flag.archived } : null
}

/** The order of a flag's strategies, or of a milestone's. */
export async function readOrder(from: From, address: FlagAddress, milestoneId?: string): Promise<Snapshot> {
  const flag = await flagRow(from, address)
  if (!flag) return null
  const copies = [...(await readCopies(from, flag.id)).values()].flatMap(({ runtime, milestone }) => {
    const copy = milestoneId ? milestone : runtime
    return copy && (!milestoneId || copy.milestoneId === milestoneId) ? [copy] : []
  })
  const place = ({ milestoneId: of, content, id }: StrategyCopy): [number, number, string] => [
    of === null ? 1 : 0,
    content.sortOrder,
    id,
  ]
  const ids = copies.map((copy) => ({ id: copy.id, place: place(copy) })).sort((a, b) => compare(a.place, b.place))
  return { ids: ids.map(({ id }) => id), archived: flag.archived }
}

function compare(a: [number, number, string], b: [number, number, string]): number {
  return a[0] - b[0] || a[1] - b[1] || (a[2] < b[2] ? -1 : 1)
}

export async function readSegment(from: From, environment: string, segmentKey: string): Promise<Snapshot> {
  const [row] = await ask<NonNullable<Snapshot>>(
    from,
    'SELECT description, constraints FROM segments WHERE environment = $1 AND key = $2',
    [environment, segmentKey],
  )
  return row ? { ...row } : null
}

/** Where a plan is, and what its strategies are; with `milestoneId`, of that milestone alone. */
export async function readPlan(
  from: From,
  address: FlagAddress,
  { planId, milestoneId }: { planId: string; milestoneId?: string },
): Promise<Snapshot> {
  const flag = await flagRow(from, address)
  if (!flag || flag.plan_id !== planId) return null
  const [plan] = await ask<{ status: string; activeMilestoneId: string | null }>(
    from,
    'SELECT status, active_milestone_id AS "activeMilestoneId" FROM release_plans WHERE id = $1',
    [planId],
  )
  const ids = (await milestonesOf(from, [planId])).map(({ id }) => id)
  if (!plan || (milestoneId && !ids.includes(milestoneId))) return null
  const strategies = await readMilestoneStrategies(from, milestoneId ? [milestoneId] : ids)
  return { ...plan, strategies: strategies.map(({ id, content }) => ({ id, ...content })), archived: flag.archived }
}

/** What a PATCH of a milestone may change. */
export async function readMilestone(
  from: From,
  address: FlagAddress,
  { planId, milestoneId }: { planId: string; milestoneId: string },
): Promise<Snapshot> {
  const flag = await flagRow(from, address)
  if (!flag || flag.plan_id !== planId) return null
  const row = (await milestonesOf(from, [planId])).find(({ id }) => id === milestoneId)
  return row ? { name: row.name, progression: progressionOf(row), archived: flag.archived } : null
}
