import type { Configuration, ConstraintConfiguration, FlagConfiguration } from '../domain/evaluation/model.ts'
import type { EventType } from '../domain/event.ts'
import { Problem, unless } from '../domain/problems.ts'
import type { Dependency, StrategyContent } from '../domain/strategy.ts'
import { type Database, query } from './database.ts'
import { readFlagState } from './flag-state.ts'
import { type FlagAddress, flagNotFound } from './flags.ts'

/** Events that say what became of a flag's strategies, or of what it depends on. */
const REWOUND = [
  'feature-strategy-add',
  'feature-strategy-update',
  'feature-strategy-remove',
  'feature-strategies-reordered',
  'milestone-started',
  'release-plan-removed',
  'flag-updated',
  'flag-revived',
] as const satisfies EventType[]

interface Served extends StrategyContent {
  id: string
  milestoneId: string | null
}

interface Past {
  type: (typeof REWOUND)[number]
  // biome-ignore lint/suspicious/noExplicitAny: the data of eight types, each read below as it is written
  data: any
}

interface Row {
  dependencies: Dependency[]
  revision: number
  strategies: Served[]
  events: Past[]
}

/**
 * What a flag is evaluated by at another instant: itself, the flags that it depends on, and the segments. Of the past by the
 * audit trail; of the future by the schedules that are pending and the occurrences that recurrences would make. What release
 * plans and change requests will do by themselves is not counted in.
 *
 * @throws Problem `flag-not-found`, also for an instant at which it was not there, or archived
 */
export async function readConfigurationAt(
  db: Database,
  address: FlagAddress,
  at: Date,
): Promise<{ configuration: Configuration; certain: boolean }> {
  const { flag, certain } = await flagAt(db, address, at)
  const parents = await Promise.all(
    flag.dependencies.map(({ flagKey }) => flagAt(db, { ...address, flagKey }, at).catch(unless('flag-not-found'))),
  )
  const flags = [flag, ...parents.flatMap((parent) => parent?.flag ?? [])]
  const segments = await segmentsAt(db, address.environment, at)
  return { configuration: { flags: new Map(flags.map((one) => [one.key, one])), segments }, certain }
}

async function flagAt(
  db: Database,
  address: FlagAddress,
  at: Date,
): Promise<{ flag: FlagConfiguration; certain: boolean }> {
  const { state, strategies: scheduled, certain } = await readFlagState(db, address, at, 'at')
  if (state.archivedAt) {
    const why = `The flag "${address.flagKey}" was archived at ${state.archivedAt}, and still was at ${at.toISOString()}.`
    throw new Problem('flag-not-found', why)
  }
  const row = await readRow(db, address, at)
  const then = row.events.reduce(rewind, { strategies: row.strategies, dependencies: row.dependencies })
  const strategies = then.strategies.map((strategy) => ({ ...strategy, ...scheduled[strategy.id] })).sort(inOrder)
  const { enabled, rolloutPercentage, variants } = state
  const { revision } = row
  return {
    flag: {
      key: address.flagKey,
      enabled,
      rolloutPercentage,
      variants,
      dependencies: then.dependencies,
      strategies,
      revision,
    },
    certain,
  }
}

/** One statement, so that what is now and what has led to it belong together. */
async function readRow(db: Database, { environment, flagKey }: FlagAddress, at: Date): Promise<Row> {
  const [row] = await query<Row>(
    db,
    `SELECT f.dependencies, f.revision,
       (SELECT coalesce(json_agg(json_build_object('id', s.id, 'milestoneId', s.milestone_id, 'name', s.name,
           'title', s.title, 'parameters', s.parameters, 'constraints', s.constraints, 'variants', s.variants,
           'disabled', s.disabled, 'sortOrder', s.sort_order,
           'segments', (SELECT coalesce(json_agg(g.key ORDER BY g.key), '[]')
             FROM feature_strategy_segment u JOIN segments g ON g.id = u.segment_id WHERE u.feature_strategy_id = s.id))), '[]')
         FROM feature_strategies s WHERE s.flag_id = f.id) AS strategies,
       (SELECT coalesce(json_agg(json_build_object('type', e.type, 'data', e.data) ORDER BY e.id DESC), '[]') FROM events e
         WHERE e.environment = $1 AND e.flag_key = $2 AND e.flag_id = f.id AND e.type = ANY ($4)
           AND e.created_at >= $3::timestamptz + interval '1 millisecond'
           AND (e.type NOT IN ('flag-updated', 'flag-revived')
             OR e.data -> 'before' -> 'dependencies' IS DISTINCT FROM e.data -> 'after' -> 'dependencies')) AS events
     FROM feature_flags f WHERE f.environment = $1 AND f.key = $2`,
    [environment, flagKey, at, REWOUND],
  )
  if (!row) throw flagNotFound({ environment, flagKey })
  return row
}

type Then = Pick<Row, 'strategies' | 'dependencies'>

/** Takes one event back, the newest first. */
function rewind({ strategies, dependencies }: Then, { type, data }: Past): Then {
  const others = (ids: string[]) => strategies.filter(({ id }) => !ids.includes(id))
  switch (type) {
    case 'flag-updated':
    case 'flag-revived':
      return { strategies, dependencies: data.before.dependencies ?? dependencies }
    case 'feature-strategies-reordered': {
      const places = new Map<string, number>(
        data.copies.includes('runtime')
          ? data.before.map((one: { strategyId: string; sortOrder: number }) => [one.strategyId, one.sortOrder])
          : [],
      )
      const back = strategies.map((one) => ({ ...one, sortOrder: places.get(one.id) ?? one.sortOrder }))
      return { strategies: back, dependencies }
    }
    case 'milestone-started': {
      const own = strategies.filter(({ milestoneId }) => milestoneId === null)
      return { strategies: [...own, ...ofMilestone(data.before ?? {})], dependencies }
    }
    case 'release-plan-removed': {
      // Kept ones are the same, in the same order.
      if (data.keptStrategies) return { strategies, dependencies }
      const { milestones, activeMilestoneId } = data.before
      const active = milestones.find(({ id }: { id: string }) => id === activeMilestoneId)
      const served = active ? ofMilestone({ milestoneId: active.id, strategies: active.strategies }) : []
      return { strategies: [...strategies, ...served], dependencies }
    }
    default: {
      const { strategyId: id, milestoneId, copies, before } = data
      if (!copies.includes('runtime')) return { strategies, dependencies }
      return { strategies: [...others([id]), ...(before ? [{ ...before, id, milestoneId }] : [])], dependencies }
    }
  }
}

function ofMilestone({ milestoneId, strategies = [] }: { milestoneId?: string; strategies?: Served[] }): Served[] {
  return strategies.map((strategy) => ({ ...strategy, milestoneId: milestoneId ?? null }))
}

/** A milestone's come before the flag's own. */
function inOrder(a: Served, b: Served): number {
  const own = Number(a.milestoneId === null) - Number(b.milestoneId === null)
  return own || a.sortOrder - b.sortOrder || (a.id < b.id ? -1 : 1)
}

/** The segments of an environment; of the future those of now. */
async function segmentsAt(db: Database, environment: string, at: Date): Promise<Configuration['segments']> {
  const [row] = await query<{
    segments: { key: string; constraints: ConstraintConfiguration[] }[]
    events: { segmentKey: string; before: { constraints: ConstraintConfiguration[] } | null }[]
  }>(
    db,
    `SELECT (SELECT coalesce(json_agg(json_build_object('key', key, 'constraints', constraints)), '[]')
         FROM segments WHERE environment = $1) AS segments,
       (SELECT coalesce(json_agg(data ORDER BY id DESC), '[]') FROM events
         WHERE environment = $1 AND type IN ('segment-created', 'segment-updated', 'segment-deleted')
           AND created_at >= $2::timestamptz + interval '1 millisecond') AS events`,
    [environment, at],
  )
  const segments = new Map(row?.segments.map(({ key, constraints }) => [key, constraints]))
  for (const { segmentKey, before } of row?.events ?? []) {
    if (before) segments.set(segmentKey, before.constraints)
    else segments.delete(segmentKey)
  }
  return segments
}
