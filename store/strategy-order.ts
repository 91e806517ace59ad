import { Problem } from '../domain/problems.ts'
import type { Strategy } from '../domain/strategy.ts'
import { isSynced } from './environment-settings.ts'
import type { FlagAddress } from './flags.ts'
import { copiesOfMilestone, openFlag, revise } from './strategies.ts'
import { type CopyName, readCopies, type StrategyCopies, type StrategyCopy, toStrategy } from './strategy-rows.ts'
import type { Transaction } from './transaction.ts'

/**
 * Puts strategies in the order of `ids`: all that the flag is served by, those of its milestone before its own, or with
 * `milestoneId` all of that milestone. Both copies get the same places, by the rules of `updateStrategy`.
 *
 * @throws Problem `flag-not-found`, `flag-archived`, `revision-mismatch`, `milestone-not-found`, `strategies-incomplete`
 */
export async function reorderStrategies(
  tx: Transaction,
  address: FlagAddress,
  ids: string[],
  { milestoneId, expectedRevision }: { milestoneId?: string; expectedRevision?: number | undefined } = {},
): Promise<{ strategies: Strategy[]; revision: number }> {
  const flag = await openFlag(tx, address, expectedRevision)
  if (milestoneId) await copiesOfMilestone(tx, flag, milestoneId)
  const own: CopyName = milestoneId ? 'milestone' : 'runtime'
  const all = await readCopies(tx, flag.id)
  const listed = [...all.values()].filter(
    (found) => found[own] && (!milestoneId || found[own].milestoneId === milestoneId),
  )
  const moved = ids.map((id) => all.get(id)).filter((found) => found !== undefined && listed.includes(found))
  refuseIncomplete(ids, listed, moved as StrategyCopies[], own)

  const places = placesOf(moved as StrategyCopies[], own)
  const synced = await isSynced(tx, flag.environment)
  const copies: CopyName[] = synced ? ['runtime', 'milestone'] : [own]
  const changed = copies.filter((copy) =>
    places.some(({ found, place }) => found[copy] && found[copy].content.sortOrder !== place),
  )
  const strategies = places.map(({ found, place }) => {
    const copy = found[own] as StrategyCopy
    const content = { ...copy.content, sortOrder: place }
    return toStrategy(flag.key, { ...copy, content }, found.runtime !== null)
  })
  if (changed.length === 0) return { strategies, revision: flag.revision }
  await tx.query(
    `WITH o AS (SELECT * FROM unnest($1::text[], $2::integer[]) AS o(id, place)),
     runtime AS (UPDATE feature_strategies s SET sort_order = place, updated_at = clock_timestamp() FROM o
       WHERE s.id = o.id AND $3::boolean)
     UPDATE milestone_strategies s SET sort_order = place, updated_at = clock_timestamp() FROM o
     WHERE s.id = o.id AND $4::boolean`,
    [
      strategies.map(({ id }) => id),
      strategies.map(({ sortOrder }) => sortOrder),
      copies.includes('runtime'),
      copies.includes('milestone'),
    ],
  )
  const revision = await revise(tx, flag, changed)
  const copyBefore = changed.includes(own) ? own : (changed[0] as CopyName)
  const data = {
    copies,
    before: places.flatMap(({ found }) => {
      const copy = found[copyBefore]
      return copy ? [{ strategyId: copy.id, sortOrder: copy.content.sortOrder }] : []
    }),
    after: strategies.map(({ id: strategyId, sortOrder }) => ({ strategyId, sortOrder })),
  }
  const { environment, key: flagKey, id: flagId } = flag
  tx.emitEvent({ type: 'feature-strategies-reordered', environment, flagKey, flagId, revision, data })
  return { strategies, revision: revision ?? flag.revision }
}

/** Each strategy's place within its list: those of the milestone, or the flag's own. */
function placesOf(moved: StrategyCopies[], own: CopyName) {
  const next = new Map<string | null, number>()
  return moved.map((found) => {
    const list = found[own]?.milestoneId ?? null
    const place = next.get(list) ?? 0
    next.set(list, place + 1)
    return { found, place }
  })
}

function refuseIncomplete(ids: string[], listed: StrategyCopies[], moved: StrategyCopies[], own: CopyName): void {
  const refuse = (detail: string, message: string) => {
    throw new Problem('strategies-incomplete', detail, {
      fields: [{ field: 'ids', message }],
      members: { strategyIds: listed.map((found) => found[own]?.id) },
    })
  }
  if (ids.length !== new Set(ids).size || moved.length !== ids.length || moved.length !== listed.length) {
    refuse('The list leaves some out, or names others.', 'must name each of the strategies once')
  }
  const firstOwn = moved.findIndex((found) => found[own]?.milestoneId === null)
  if (firstOwn >= 0 && moved.slice(firstOwn).some((found) => found[own]?.milestoneId !== null)) {
    refuse("A milestone's strategies come before the flag's own.", "must name the milestone's strategies first")
  }
}
