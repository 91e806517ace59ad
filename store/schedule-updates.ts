import { checkStrategy, checkVariants } from '../domain/evaluation/check.ts'
import type { Flag, FlagState } from '../domain/flag.ts'
import { type FlagSchedule, ScheduleUpdates, strategiesIn } from '../domain/flag-schedule.ts'
import { Problem } from '../domain/problems.ts'
import { refuseUnknownSegments } from '../domain/segment.ts'
import type { FlagVariant, StrategyContent, StrategyEdit } from '../domain/strategy.ts'
import { changeContent, refuseFields, toFields } from '../domain/strategy-content.ts'
import { updateStrategy } from './strategies.ts'
import { readCopies, type StrategyCopy } from './strategy-rows.ts'
import type { Transaction } from './transaction.ts'

/**
 * What a schedule may not set on a flag that the caller has locked: what could not be set now. Whether it can still be set when it
 * is due is found out then.
 *
 * @throws Problem `unknown-strategy`, `unknown-segment`, `validation-failed`
 */
export async function refuseUpdates(tx: Transaction, flag: Flag, updates: ScheduleUpdates): Promise<void> {
  const { variants = [], strategies = [] } = updates
  refuseFields(toFields(checkVariants(variants), ['updates', 'variants']))
  if (strategies.length === 0) return
  const now = await readStrategies(tx, flag.id, [updates])
  const unknown = strategies.filter(({ id }) => !now[id]).map(({ id }) => id)
  if (unknown.length > 0) {
    throw new Problem('unknown-strategy', `The flag "${flag.key}" has no strategy ${unknown.join(', ')}.`, {
      fields: strategies.flatMap(({ id }, i) =>
        now[id] ? [] : [{ field: `updates.strategies.${i}.id`, message: 'must be the id of a strategy of the flag' }],
      ),
      members: { strategyIds: unknown },
    })
  }
  refuseFields(
    strategies.flatMap(({ id, ...edit }, i) =>
      toFields(checkStrategy(changeContent(now[id] as StrategyContent, { edit })), ['updates', 'strategies', i]),
    ),
  )
  await checkSegments(tx, flag, strategies)
}

async function checkSegments(tx: Transaction, { environment }: Flag, edits: StrategyEdit[]): Promise<void> {
  const asked = edits.map(({ segments = [] }, i) => ({ field: `updates.strategies.${i}.segments`, segments }))
  const keys = asked.flatMap(({ segments }) => segments)
  if (keys.length === 0) return
  const rows = await tx.query<{ key: string }>(
    'SELECT key FROM segments WHERE environment = $1 AND key = ANY ($2::text[])',
    [environment, keys],
  )
  refuseUnknownSegments(environment, new Set(rows.map(({ key }) => key)), asked)
}

/** What is to be changed, of the strategies of a flag that some changes name, by id. */
export async function readStrategies(
  tx: Transaction,
  flagId: string,
  changes: FlagSchedule['updates'][],
): Promise<Record<string, Pick<StrategyContent, keyof StrategyContent>>> {
  const ids = changes.flatMap((updates) => strategiesIn(updates).map(({ id }) => id))
  if (ids.length === 0) return {}
  const copies = await readCopies(tx, flagId, ids)
  return Object.fromEntries(
    [...copies].map(([id, { runtime, milestone }]) => [id, ((runtime ?? milestone) as StrategyCopy).content]),
  )
}

interface Due {
  flag_id: string
  updates: ScheduleUpdates
}

/**
 * What flags have beside their rows' columns that every change needs, where one of the due schedules sets it: by flag. Most set nothing of it,
 * and then nothing is asked.
 *
 * @throws Problem `validation-failed` for a row that was changed by hand
 */
export async function readSetBeside(
  tx: Transaction,
  due: Due[],
): Promise<Map<string, Pick<FlagState, 'variants' | 'strategies'>>> {
  const setting = due.filter(({ updates }) => updates.variants !== undefined || updates.strategies !== undefined)
  if (setting.length === 0) return new Map()
  for (const { updates } of setting) refuseUnreadable(updates)
  const flagIds = setting.flatMap(({ flag_id: flagId, updates }) => (updates.variants ? [flagId] : []))
  const rows = await tx.query<{ id: string; variants: FlagVariant[] }>(
    'SELECT id, variants FROM feature_flags WHERE id = ANY ($1::uuid[])',
    [flagIds],
  )
  const variants = new Map(rows.map((row) => [row.id, row.variants]))
  const found = new Map<string, Pick<FlagState, 'variants' | 'strategies'>>()
  for (const [flagId, own] of Map.groupBy(setting, ({ flag_id }) => flag_id)) {
    const before = variants.get(flagId)
    const strategies = await readStrategies(
      tx,
      flagId,
      own.map(({ updates }) => updates),
    )
    found.set(flagId, {
      ...(before && { variants: before }),
      ...(Object.keys(strategies).length > 0 && { strategies }),
    })
  }
  return found
}

function refuseUnreadable(updates: ScheduleUpdates): void {
  const { success, error } = ScheduleUpdates.safeParse(updates)
  if (success) return
  const issues = error.issues.map(({ path, message }) => `${['updates', ...path].join('.')} ${message}`)
  throw new Problem('validation-failed', issues.join('; '))
}

/**
 * Changes the strategies that due schedules name, one schedule after the other, as a part of the configuration `revision`.
 *
 * @throws Problem what refuses the first that cannot be changed, such as `strategy-not-found`
 */
export async function changeStrategies(
  tx: Transaction,
  flags: Map<string, { environment: string; key: string }>,
  due: Due[],
  revision: number,
): Promise<void> {
  for (const { flag_id: flagId, updates } of due) {
    const { environment, key: flagKey } = flags.get(flagId) as { environment: string; key: string }
    for (const { id: strategyId, ...edit } of updates.strategies ?? [])
      await updateStrategy(tx, { environment, flagKey, strategyId }, { edit }, { door: 'strategy', revision })
  }
}
