import type { Origin } from '../domain/event.ts'
import type { DriftRepair, DriftRepaired, StrategyDrift } from '../domain/strategy-drift.ts'
import { type Database, query } from './database.ts'
import { type FlagAddress, lockFlag } from './flags.ts'
import { emitStrategyEvent, revise } from './strategies.ts'
import { countDrift, type DriftedStrategy, describeDrift, driftOfFlag, flagsWithDrift } from './strategy-drift.ts'
import { type CopyName, deleteStrategies, type StrategyCopy, writeStrategies } from './strategy-rows.ts'
import { type Transaction, transaction } from './transaction.ts'

/**
 * Makes the copies of an environment's strategies equal again, each flag in a transaction of its own: what stops it on the
 * way has repaired some flags wholly and others not at all, and doing it again repairs those. A dry run changes nothing.
 */
export async function repairDrift(
  db: Database,
  environment: string,
  repair: DriftRepair,
  origin: Origin,
): Promise<DriftRepaired> {
  // Before: a strategy whose right copy is missing goes with the other one.
  const unknown = await unknownStrategies(db, environment, repair.strategyIds ?? [])
  const repaired: StrategyDrift[] = []
  for (const flagKey of await flagsWithDrift(db, environment, repair.strategyIds)) {
    const { result } = await transaction(db, (tx) => repairFlag(tx, { environment, flagKey }, repair), { origin })
    repaired.push(...result)
  }
  return { dryRun: repair.dryRun, repaired, unknown, remaining: await countDrift(db, environment) }
}

async function unknownStrategies(db: Database, environment: string, ids: string[]): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `SELECT DISTINCT id FROM unnest($2::text[]) AS id
     EXCEPT SELECT s.id FROM feature_strategies s JOIN feature_flags f ON f.id = s.flag_id
       WHERE f.environment = $1 AND s.id = ANY ($2)
     EXCEPT SELECT s.id FROM milestone_strategies s JOIN milestones m ON m.id = s.milestone_id
       JOIN release_plans p ON p.id = m.plan_id JOIN feature_flags f ON f.id = p.flag_id
       WHERE f.environment = $1 AND s.id = ANY ($2)
     ORDER BY id`,
    [environment, ids],
  )
  return rows.map(({ id }) => id)
}

async function repairFlag(
  tx: Transaction,
  address: FlagAddress,
  { from, strategyIds, dryRun }: DriftRepair,
): Promise<StrategyDrift[]> {
  const { flag } = await lockFlag(tx, address)
  const drifted = await driftOfFlag(tx, address, strategyIds)
  if (drifted.length === 0 || dryRun) return drifted.map(describeDrift)
  const to: CopyName = from === 'runtime' ? 'milestone' : 'runtime'
  const kept = drifted.flatMap(({ id, milestoneId, [from]: right }) =>
    right ? [{ id, milestoneId, content: right.content, copies: [to] }] : [],
  )
  await writeStrategies(tx, { environment: flag.environment, flagId: flag.id }, kept)
  const extra = drifted.filter((strategy) => !strategy[from]).map(({ id }) => id)
  await deleteStrategies(tx, extra, [to])
  const revision = await revise(tx, flag, [to])
  for (const strategy of drifted) emitStrategyEvent(tx, flag, revision, repairOf(strategy, from, to))
  return drifted.map(describeDrift)
}

function repairOf(strategy: DriftedStrategy, from: CopyName, to: CopyName) {
  const contentOf = (copy: StrategyCopy | null) => copy?.content ?? null
  const { id, milestoneId, runtime } = strategy
  const [before, after] = [contentOf(strategy[to]), contentOf(strategy[from])]
  return { id, milestoneId, activated: runtime !== null || after !== null, copies: [to], before, after }
}
