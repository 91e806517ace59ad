import { Problem } from '../domain/problems.ts'
import type { NewStrategy } from '../domain/strategy.ts'
import type { StrategyChange } from '../domain/strategy-content.ts'
import { type Database, query } from './database.ts'
import { type FlagAddress, getFlag } from './flags.ts'
import { lockPlan, milestoneOf, planNotFound } from './release-plan-rows.ts'
import { addStrategy, removeStrategy, type StrategyAtRevision, updateStrategy } from './strategies.ts'
import { readCopies, toStrategy } from './strategy-rows.ts'
import type { Transaction } from './transaction.ts'

export type MilestoneStrategyAddress = FlagAddress & { planId: string; strategyId: string }

const door = 'milestone'

/** As its milestone has it. @throws Problem `flag-not-found`, `plan-not-found`, `strategy-not-found` */
export async function getMilestoneStrategy(
  db: Database,
  { planId, strategyId, ...address }: MilestoneStrategyAddress,
): Promise<StrategyAtRevision> {
  const flag = await getFlag(db, address)
  const [plan] = await query(db, 'SELECT 1 FROM release_plans WHERE id = $1 AND flag_id = $2', [planId, flag.id])
  if (!plan) throw planNotFound(planId)
  const found = (await readCopies(db, flag.id, [strategyId])).get(strategyId)
  if (!found?.milestone) throw new Problem('strategy-not-found', `The release plan has no strategy "${strategyId}".`)
  return { strategy: toStrategy(flag.key, found.milestone, found.runtime !== null), revision: flag.revision }
}

/** @throws Problem `plan-not-found`, `milestone-not-found`, and those of `addStrategy` */
export async function addMilestoneStrategy(
  tx: Transaction,
  { milestoneId, ...address }: FlagAddress & { planId: string; milestoneId: string },
  input: NewStrategy,
  expectedRevision?: number,
): Promise<StrategyAtRevision> {
  milestoneOf(await lockPlan(tx, address), milestoneId)
  return await addStrategy(tx, address, input, { milestoneId, expectedRevision })
}

/** @throws Problem `plan-not-found`, and those of `updateStrategy` */
export async function updateMilestoneStrategy(
  tx: Transaction,
  address: MilestoneStrategyAddress,
  change: StrategyChange,
  expectedRevision?: number,
): Promise<StrategyAtRevision> {
  await lockPlan(tx, address)
  return await updateStrategy(tx, address, change, { door, expectedRevision })
}

/** @throws Problem `plan-not-found`, and those of `removeStrategy` */
export async function removeMilestoneStrategy(
  tx: Transaction,
  address: MilestoneStrategyAddress,
  expectedRevision?: number,
): Promise<StrategyAtRevision> {
  await lockPlan(tx, address)
  return await removeStrategy(tx, address, { door, expectedRevision })
}
