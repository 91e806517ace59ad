import { isDeepStrictEqual } from 'node:util'
import { checkStrategy } from '../domain/evaluation/check.ts'
import type { Flag } from '../domain/flag.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { type FieldProblem, Problem } from '../domain/problems.ts'
import type { NewStrategy, Strategy, StrategyContent } from '../domain/strategy.ts'
import {
  changeContent,
  contentOf,
  refuseFields,
  refuseInvalid,
  type StrategyChange,
  toFields,
} from '../domain/strategy-content.ts'
import { type Database, query } from './database.ts'
import { isSynced } from './environment-settings.ts'
import { type FlagAddress, getFlag, lockFlag, refuseArchived, reviseFlag } from './flags.ts'
import {
  type CopyName,
  deleteStrategies,
  newUlid,
  RUNTIME_COLUMNS,
  readCopies,
  type StrategyCopies,
  type StrategyCopy,
  type StrategyRow,
  toCopy,
  toStrategy,
  writeStrategies,
} from './strategy-rows.ts'
import type { Transaction } from './transaction.ts'

export interface StrategyAddress extends FlagAddress {
  strategyId: string
}

/** Whose endpoint is asked: that of the flag's strategies, or that of a milestone's. */
export type Door = 'strategy' | 'milestone'

/** A strategy, and the revision of its flag, which is its ETag. */
export interface StrategyAtRevision {
  strategy: Strategy
  revision: number
}

/** `expectedRevision`, the caller's If-Match, is the flag's. */
interface Expected {
  expectedRevision?: number | undefined
}

/** More cannot be shown, or understood. */
const MOST = 30

/** The flag's strategies that applications are served by, in the order in which they are asked. */
export async function listStrategies(
  db: Database,
  address: FlagAddress,
): Promise<{ strategies: Strategy[]; revision: number }> {
  const rows = await query<StrategyRow & { revision: number }>(
    db,
    `SELECT ${RUNTIME_COLUMNS}, f.revision FROM feature_flags f JOIN feature_strategies s ON s.flag_id = f.id
     WHERE f.environment = $1 AND f.key = $2 ORDER BY s.milestone_id IS NULL, s.sort_order, s.id`,
    [address.environment, address.flagKey],
  )
  const revision = rows[0]?.revision ?? (await getFlag(db, address)).revision
  return { strategies: rows.map((row) => toStrategy(address.flagKey, toCopy(row), true)), revision }
}

/**
 * A strategy as applications are served by it; one of a milestone that is not active, as it is defined there.
 *
 * @throws Problem `flag-not-found`, `strategy-not-found`
 */
export async function getStrategy(db: Database, address: StrategyAddress): Promise<StrategyAtRevision> {
  const flag = await getFlag(db, address)
  const { runtime, milestone } = find(await readCopies(db, flag.id, [address.strategyId]), address, 'strategy')
  const copy = (runtime ?? milestone) as StrategyCopy
  return { strategy: toStrategy(flag.key, copy, runtime !== null), revision: flag.revision }
}

/**
 * Makes a strategy: one of the flag's own, or with `milestoneId` one of that milestone, of which an active one's is served
 * from now on.
 *
 * @throws Problem `flag-not-found`, `flag-archived`, `revision-mismatch`, `milestone-not-found`, `validation-failed`,
 *   `unknown-segment`, `too-many-strategies`
 */
export async function addStrategy(
  tx: Transaction,
  address: FlagAddress,
  input: NewStrategy,
  { milestoneId, expectedRevision }: Expected & { milestoneId?: string } = {},
): Promise<StrategyAtRevision> {
  const flag = await openFlag(tx, address, expectedRevision)
  const copies = milestoneId ? await copiesOfMilestone(tx, flag, milestoneId) : (['runtime'] satisfies CopyName[])
  const content = contentOf(input, await nextPlace(tx, flag, milestoneId))
  refuseInvalid(content)
  const written = { id: newUlid(), milestoneId: milestoneId ?? null, content, copies }
  await writeStrategies(tx, { environment: flag.environment, flagId: flag.id }, [written])
  await refuseTooMany(tx, flag.id)
  const revision = await revise(tx, flag, copies)
  const active = copies.includes('runtime')
  emitStrategyEvent(tx, flag, revision, { ...written, activated: active, before: null, after: content })
  const made = (await readCopies(tx, flag.id, [written.id])).get(written.id)
  const copy = (made?.runtime ?? made?.milestone) as StrategyCopy
  return { strategy: toStrategy(flag.key, copy, active), revision: revision ?? flag.revision }
}

/**
 * Changes a strategy. One of an active milestone changes in both of its copies, unless the environment has turned that
 * off; then each door changes its own. What a partial change is laid over is the door's own copy. `revision` is the one
 * that the caller has given the flag for it.
 *
 * @throws Problem `flag-not-found`, `flag-archived`, `revision-mismatch`, `strategy-not-found`, `validation-failed`,
 *   `unknown-segment`
 */
export async function updateStrategy(
  tx: Transaction,
  address: StrategyAddress,
  change: StrategyChange,
  { door, expectedRevision, revision: given }: Expected & { door: Door; revision?: number },
): Promise<StrategyAtRevision> {
  const flag = await openFlag(tx, address, expectedRevision)
  const found = find(await readCopies(tx, flag.id, [address.strategyId]), address, door)
  const copies = await copiesOf(tx, flag, found, door)
  const own = found[copies[0] as CopyName] as StrategyCopy
  const content = changeContent(own.content, change)
  refuseInvalid(content)
  const answer = (revision: number) => ({
    strategy: toStrategy(flag.key, { ...own, content }, found.runtime !== null),
    revision,
  })
  const stale = copies.filter((copy) => !isDeepStrictEqual(found[copy]?.content, content))
  const before = found[stale[0] as CopyName]?.content
  if (!before) return answer(flag.revision)
  const { id, milestoneId } = own
  await writeStrategies(tx, { environment: flag.environment, flagId: flag.id }, [{ id, milestoneId, content, copies }])
  const revision = given !== undefined && stale.includes('runtime') ? given : await revise(tx, flag, stale)
  const activated = found.runtime !== null
  emitStrategyEvent(tx, flag, revision, { id, milestoneId, activated, copies, before, after: content })
  return answer(revision ?? flag.revision)
}

/**
 * Removes a strategy, and with one of an active milestone both of its copies, by the rules of `updateStrategy`.
 *
 * @returns the strategy as it was
 * @throws Problem `flag-not-found`, `flag-archived`, `revision-mismatch`, `strategy-not-found`
 */
export async function removeStrategy(
  tx: Transaction,
  address: StrategyAddress,
  { door, expectedRevision }: Expected & { door: Door },
): Promise<StrategyAtRevision> {
  const flag = await openFlag(tx, address, expectedRevision)
  const found = find(await readCopies(tx, flag.id, [address.strategyId]), address, door)
  const copies = await copiesOf(tx, flag, found, door)
  const own = found[copies[0] as CopyName] as StrategyCopy
  await deleteStrategies(tx, [own.id], copies)
  const revision = await revise(tx, flag, copies)
  const { id, milestoneId, content: before } = own
  const activated = found.runtime !== null
  emitStrategyEvent(tx, flag, revision, { id, milestoneId, activated, copies, before, after: null })
  return { strategy: toStrategy(flag.key, own, false), revision: revision ?? flag.revision }
}

/**
 * Defines the strategies of a milestone that is new. The event is the caller's, about the plan.
 *
 * @param path leads to the milestone in the request, such as `milestones.0`
 * @throws Problem `validation-failed`, `unknown-segment`, `too-many-strategies`
 */
export async function insertMilestoneStrategies(
  tx: Transaction,
  environment: string,
  milestoneId: string,
  inputs: NewStrategy[],
  path: string,
): Promise<void> {
  const pathOf = (place: number) => `${path}.strategies.${place}`
  refuseFields(inputs.flatMap((input, place) => checkNewStrategy(input, pathOf(place))))
  const written = inputs.map((input, place) => ({
    path: pathOf(place),
    id: newUlid(),
    milestoneId,
    content: contentOf(input, place),
    copies: ['milestone'] satisfies CopyName[],
  }))
  const [flag] = await tx.query<{ flagId: string }>(
    `SELECT p.flag_id AS "flagId" FROM milestones m JOIN release_plans p ON p.id = m.plan_id WHERE m.id = $1`,
    [milestoneId],
  )
  const { flagId } = flag as { flagId: string }
  await writeStrategies(tx, { environment, flagId }, written)
  await refuseTooMany(tx, flagId)
}

/** What is wrong with a new strategy; `path` leads to it in the request, such as `milestones.0.strategies.1`. */
export function checkNewStrategy(input: NewStrategy, path: string): FieldProblem[] {
  return toFields(checkStrategy(contentOf(input, 0)), [path])
}

/** Locks the flag for a write to its strategies. */
export async function openFlag(tx: Transaction, address: FlagAddress, expectedRevision?: number): Promise<Flag> {
  const { flag } = await lockFlag(tx, address)
  requireCurrent('The flag', { revision: flag.revision }, expectedRevision)
  refuseArchived(flag)
  return flag
}

/** Both copies of a strategy, of which the door's must be there; the strategy's door also shows what is only defined. */
function find(copies: Map<string, StrategyCopies>, { strategyId, ...address }: StrategyAddress, door: Door) {
  const found = copies.get(strategyId)
  if (found && (door === 'strategy' || found.milestone)) return found
  const { flagKey, environment } = address
  throw new Problem(
    'strategy-not-found',
    `The flag "${flagKey}" of the environment "${environment}" has no such strategy "${strategyId}".`,
  )
}

/** The copies that a write through this door changes, its own first: those that exist, and both only while they are synced. */
async function copiesOf(tx: Transaction, flag: Flag, found: StrategyCopies, door: Door): Promise<CopyName[]> {
  const ordered: CopyName[] = door === 'strategy' ? ['runtime', 'milestone'] : ['milestone', 'runtime']
  const there = ordered.filter((copy) => found[copy])
  return there.length === 2 && !(await isSynced(tx, flag.environment)) ? there.slice(0, 1) : there
}

/** The copies that a new strategy of a milestone gets. @throws Problem `milestone-not-found` */
export async function copiesOfMilestone(tx: Transaction, flag: Flag, milestoneId: string): Promise<CopyName[]> {
  const [row] = await tx.query<{ active: boolean }>(
    `SELECT p.active_milestone_id IS NOT DISTINCT FROM m.id AS active
     FROM milestones m JOIN release_plans p ON p.id = m.plan_id WHERE m.id = $1 AND p.flag_id = $2`,
    [milestoneId, flag.id],
  )
  if (!row) throw new Problem('milestone-not-found', `The flag "${flag.key}" has no milestone "${milestoneId}".`)
  return row.active && (await isSynced(tx, flag.environment)) ? ['milestone', 'runtime'] : ['milestone']
}

/** A new configuration when applications see a difference, else none. */
export async function revise(tx: Transaction, flag: Flag, changed: CopyName[]): Promise<number | null> {
  return changed.includes('runtime') ? await reviseFlag(tx, flag) : null
}

/** The end of the list that it is for: the flag's own, or the milestone's. */
async function nextPlace(tx: Transaction, { id }: Flag, milestoneId: string | undefined): Promise<number> {
  const [row] = await tx.query<{ last: number | null }>(
    milestoneId
      ? 'SELECT max(sort_order) AS last FROM milestone_strategies WHERE milestone_id = $1'
      : 'SELECT max(sort_order) AS last FROM feature_strategies WHERE flag_id = $1 AND milestone_id IS NULL',
    [milestoneId ?? id],
  )
  // At the greatest place there is, the newest is still the last: ids sort by age.
  return Math.min((row?.last ?? -1) + 1, 9999)
}

/** A flag is served by its own strategies and those of one milestone. */
async function refuseTooMany(tx: Transaction, flagId: string): Promise<void> {
  const [row] = await tx.query<{ most: number }>(
    `SELECT (SELECT count(*) FROM feature_strategies WHERE flag_id = $1 AND milestone_id IS NULL)::integer
       + coalesce(max(of_milestone.count), 0)::integer AS most
     FROM (SELECT count(*) FROM release_plans p JOIN milestones m ON m.plan_id = p.id
       JOIN milestone_strategies s ON s.milestone_id = m.id WHERE p.flag_id = $1 GROUP BY m.id) of_milestone`,
    [flagId],
  )
  const { most } = row as { most: number }
  if (most <= MOST) return
  throw new Problem('too-many-strategies', `It would have ${most} strategies, its own and those of one milestone.`, {
    members: { limit: MOST },
  })
}

interface StrategyEvent {
  id: string
  milestoneId: string | null
  /** Whether applications are served by it, or were. */
  activated: boolean
  copies: CopyName[]
  before: StrategyContent | null
  after: StrategyContent | null
}

/** Says what became of a strategy, completely. `revision` is null when applications see no difference. */
export function emitStrategyEvent(
  tx: Transaction,
  { environment, key: flagKey, id: flagId }: Flag,
  revision: number | null,
  { id: strategyId, ...rest }: StrategyEvent,
): void {
  const what = !rest.before ? 'add' : rest.after ? 'update' : 'remove'
  const data = { strategyId, ...rest }
  tx.emitEvent({ type: `feature-strategy-${what}`, environment, flagKey, flagId, revision, data })
}
