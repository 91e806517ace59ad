import type { FlagState } from '../domain/flag.ts'
import { foldSchedules, type ScheduleUpdates } from '../domain/flag-schedule.ts'
import { LATENESS_BOUNDS } from '../domain/lateness.ts'
import { PROBLEMS, Problem } from '../domain/problems.ts'
import { sqlState } from './database.ts'
import { makeNextOccurrences } from './recurrence-occurrences.ts'
import { retryLater } from './schedule-retry.ts'
import { changeStrategies, readSetBeside } from './schedule-updates.ts'
import type { Transaction } from './transaction.ts'

/** What became of one due schedule. */
export interface SweepOutcome {
  scheduleId: string
  flagKey: string
  environment: string
  status: 'applied' | 'failed'
  /** Applied − due, in seconds. */
  lateness?: number
  error?: string
  /** It failed, and is pending again, due then. */
  willRetryAt?: string
}

export interface SweptFlag extends FlagState {
  id: string
  environment: string
  key: string
  archived: boolean
}

export interface DueSchedule {
  id: string
  flag_id: string
  scheduled_at: Date
  sequence: number
  updates: ScheduleUpdates
  created_by: string
  recurrence_id: string | null
  release_id: string | null
}

/** Flags whose changes Postgres refuses to make for now; they stay pending. */
type Stuck = { flagId: string; error: Error }[]

export interface Applied {
  outcomes: SweepOutcome[]
  stuck: Stuck
}

export interface ApplyOptions {
  /** How often a schedule that fails is tried again by itself; 0 by default. */
  retries?: number | undefined
}

/** Of a flag `f`, what applying needs to know. */
export const SWEPT_COLUMNS = `f.id, f.environment, f.key, f.archived_at IS NOT NULL AS archived, f.enabled, f.rollout_percentage AS "rolloutPercentage"`

/** Of a schedule. */
export const DUE_COLUMNS = 'id, flag_id, scheduled_at, sequence, updates, created_by, recurrence_id, release_id'

/** Connection, conflict, resources, shutdown: nothing is wrong with any schedule, and Temporal tries again until it is over. */
export function isOutage(error: unknown): boolean {
  const state = sqlState(error)
  return state === undefined ? !isRefusal(error) : /^(08|40|53|57)/.test(state)
}

/**
 * Classes 22 (bad data), 23 (constraint) and P0001 (raised by a trigger), and what the store refuses (a strategy that is gone), say
 * that this change can't be made, however often it is tried: it has failed. Whatever else (no privilege, a broken trigger, a row
 * that somebody holds) may heal.
 */
export function isRefusedByData(error: unknown): error is Error {
  return isRefusal(error) || /^(22|23|P0001)/.test(sqlState(error) ?? '')
}

function isRefusal(error: unknown): error is Problem {
  return error instanceof Problem && PROBLEMS[error.code].status < 500
}

/**
 * Applies due schedules, in order, of flags that the caller has locked, and makes the next ones of what recurs. Carefully:
 * flag by flag and schedule by schedule, so that nobody has to wait for a neighbour's fault.
 */
export async function applyDue(
  tx: Transaction,
  flags: Map<string, SweptFlag>,
  due: DueSchedule[],
  options: ApplyOptions,
  careful: boolean,
): Promise<Applied> {
  const swept = careful
    ? await applyOneByOne(tx, flags, due, options)
    : { outcomes: await applyTogether(tx, flags, due, options), stuck: [] }
  if (due.some((schedule) => schedule.recurrence_id)) swept.stuck.push(...(await makeNext(tx, due, careful)))
  return swept
}

/** The next occurrence of what recurs. Carefully, one that cannot be made is left to the reconciler. */
async function makeNext(tx: Transaction, due: DueSchedule[], careful: boolean): Promise<Stuck> {
  const recurring = due.flatMap(({ flag_id: flagId, recurrence_id: id }) => (id ? [{ flagId, id }] : []))
  const stuck: Stuck = []
  if (!careful) {
    await makeNextOccurrences(
      tx,
      recurring.map(({ id }) => id),
    )
    return stuck
  }
  for (const { flagId, id } of recurring) {
    try {
      await tx.savepoint(() => makeNextOccurrences(tx, [id]))
    } catch (error) {
      if (isOutage(error)) throw error
      stuck.push({ flagId, error: error as Error })
    }
  }
  return stuck
}

async function applyTogether(
  tx: Transaction,
  flags: Map<string, SweptFlag>,
  due: DueSchedule[],
  options: ApplyOptions,
): Promise<SweepOutcome[]> {
  const outcomes: SweepOutcome[] = []
  const alive = due.filter((schedule) => !archivedFlagOf(flags, schedule))
  if (alive.length > 0) outcomes.push(...(await apply(tx, flags, alive)))
  for (const schedule of due.filter((schedule) => archivedFlagOf(flags, schedule))) {
    outcomes.push(await fail(tx, flags, schedule, 'The flag is archived', options))
  }
  return outcomes
}

/**
 * Deferred constraints would raise at COMMIT, when no savepoint can isolate the schedule that broke them; and one row that
 * somebody holds must not use up the time of all.
 */
export async function beCareful(tx: Transaction): Promise<void> {
  await tx.query('SET CONSTRAINTS ALL IMMEDIATE')
  await tx.query(`SET LOCAL lock_timeout = '100ms'`)
}

/** Finds the schedules that cannot be applied: flag by flag, then schedule by schedule, each under a savepoint. */
async function applyOneByOne(
  tx: Transaction,
  flags: Map<string, SweptFlag>,
  due: DueSchedule[],
  options: ApplyOptions,
): Promise<Applied> {
  await beCareful(tx)
  const attempt = async (schedules: DueSchedule[]): Promise<SweepOutcome[]> => {
    try {
      return await tx.savepoint(() => applyTogether(tx, flags, schedules, options))
    } catch (error) {
      const [first, ...rest] = schedules
      if (!isRefusedByData(error) || !first) throw error
      if (rest.length === 0) return [await fail(tx, flags, first, error.message, options)]
      const outcomes = []
      for (const schedule of schedules) outcomes.push(...(await attempt([schedule])))
      return outcomes
    }
  }
  const outcomes: SweepOutcome[] = []
  const stuck: Stuck = []
  for (const flagId of flags.keys()) {
    const own = due.filter((schedule) => schedule.flag_id === flagId)
    const before = { ...(flags.get(flagId) as SweptFlag) }
    try {
      // All or nothing for a flag: what comes after a change that may still be made must not be made before it.
      if (own.length > 0) outcomes.push(...(await tx.savepoint(() => attempt(own))))
    } catch (error) {
      if (isOutage(error)) throw error
      flags.set(flagId, before)
      stuck.push({ flagId, error: error as Error })
    }
  }
  return { outcomes, stuck }
}

function archivedFlagOf(flags: Map<string, SweptFlag>, schedule: DueSchedule): boolean {
  return (flags.get(schedule.flag_id) as SweptFlag).archived
}

// Lateness is counted into cumulative buckets, as Prometheus expects them.
const APPLY = `
  WITH next AS (
    UPDATE configuration_revision SET revision = revision + 1 RETURNING revision
  ), applied AS (
    UPDATE feature_flag_schedules SET status = 'applied', applied_at = clock_timestamp(),
      applied_revision = (SELECT revision FROM next), updated_at = clock_timestamp()
    WHERE id = ANY ($1::uuid[]) AND status = 'pending'
    RETURNING id, extract(epoch FROM applied_at - scheduled_at)::float8 AS lateness
  ), changed AS (
    UPDATE feature_flags f SET enabled = c.enabled, rollout_percentage = c."rolloutPercentage",
      variants = coalesce(c.variants, f.variants), revision = (SELECT revision FROM next), applied_through_at = c."throughAt",
      applied_through_sequence = c."throughSequence", updated_at = clock_timestamp()
    FROM jsonb_to_recordset($2::jsonb) AS c(id uuid, enabled boolean, "rolloutPercentage" integer, variants jsonb,
      "throughAt" timestamptz, "throughSequence" bigint)
    WHERE f.id = c.id
  ), counted AS (
    UPDATE schedule_totals SET sweeps = sweeps + 1, applied = applied + (SELECT count(*) FROM applied),
      lateness_seconds = lateness_seconds + (SELECT coalesce(sum(lateness), 0) FROM applied),
      lateness_buckets = ARRAY(SELECT lateness_buckets[i] + (SELECT count(*) FROM applied WHERE lateness <= bound)
        FROM unnest($3::float8[]) WITH ORDINALITY AS b(bound, i) ORDER BY i)
  )
  SELECT id, lateness, (SELECT revision FROM next) AS revision FROM applied`

/**
 * Applies `due` (in order, of flags that are not archived), as one configuration revision, and writes the folded state of each
 * flag once, and of its strategies after that.
 */
export async function apply(
  tx: Transaction,
  flags: Map<string, SweptFlag>,
  due: DueSchedule[],
): Promise<SweepOutcome[]> {
  const beside = await readSetBeside(tx, due)
  const byFlag = Map.groupBy(due, (schedule) => schedule.flag_id)
  const steps = new Map(
    [...byFlag].map(([flagId, own]) => {
      const { enabled, rolloutPercentage } = flags.get(flagId) as SweptFlag
      return [flagId, foldSchedules({ enabled, rolloutPercentage, ...beside.get(flagId) }, own)]
    }),
  )
  const changes = [...steps].map(([id, folded]) => {
    const last = folded.at(-1) as (typeof folded)[number]
    const { strategies: _, ...after } = last.after
    return { ...after, id, throughAt: last.schedule.scheduled_at, throughSequence: last.schedule.sequence }
  })
  const ids = due.map((schedule) => schedule.id)
  const applied = await tx.query<{ id: string; lateness: number; revision: number }>(APPLY, [
    ids,
    JSON.stringify(changes),
    LATENESS_BOUNDS,
  ])
  if (applied.length !== due.length) {
    throw Object.assign(new Error('A pending schedule was changed without the lock of its flag'), { code: '40001' })
  }
  const { revision } = applied[0] as (typeof applied)[number]
  await changeStrategies(tx, flags, due, revision)
  const lateness = new Map(applied.map((row) => [row.id, row.lateness]))
  for (const { id, enabled, rolloutPercentage } of changes)
    Object.assign(flags.get(id) as SweptFlag, { enabled, rolloutPercentage })
  return [...steps].flatMap(([flagId, folded]) => {
    const { environment, key: flagKey } = flags.get(flagId) as SweptFlag
    tx.invalidateCache(['flag', environment, flagKey])
    return folded.map(({ schedule, before, after }): SweepOutcome => {
      const { updates, created_by: createdBy, release_id: releaseId } = schedule
      const data = { updates, before, after, createdBy, ...(releaseId && { releaseId }) }
      tx.emitEvent({ type: 'schedule-applied', environment, flagKey, flagId, scheduleId: schedule.id, revision, data })
      return {
        scheduleId: schedule.id,
        flagKey,
        environment,
        status: 'applied',
        lateness: lateness.get(schedule.id) ?? 0,
      }
    })
  })
}

async function fail(
  tx: Transaction,
  flags: Map<string, SweptFlag>,
  schedule: DueSchedule,
  error: string,
  { retries = 0 }: ApplyOptions,
): Promise<SweepOutcome> {
  const { environment, key: flagKey, id: flagId } = flags.get(schedule.flag_id) as SweptFlag
  const address = { environment, flagKey, flagId, scheduleId: schedule.id }
  const willRetryAt = retries > 0 ? await retryLater(tx, address, error, retries) : undefined
  if (willRetryAt) return { scheduleId: schedule.id, flagKey, environment, status: 'failed', error, willRetryAt }
  return await failForGood(tx, flags, schedule, error)
}

/** Fails a schedule of a locked flag, with a message and its event. */
export async function failForGood(
  tx: Transaction,
  flags: Map<string, SweptFlag>,
  schedule: DueSchedule,
  error: string,
): Promise<SweepOutcome> {
  const { environment, key: flagKey, id: flagId } = flags.get(schedule.flag_id) as SweptFlag
  await tx.query(
    `WITH failed AS (UPDATE feature_flag_schedules SET status = 'failed', error_message = $2, updated_at = clock_timestamp()
       WHERE id = $1 AND status = 'pending' RETURNING 1)
     UPDATE schedule_totals SET failed = failed + (SELECT count(*) FROM failed)`,
    [schedule.id, error],
  )
  const { updates, created_by: createdBy, release_id: releaseId } = schedule
  const data = { updates, error, createdBy, ...(releaseId && { releaseId }) }
  tx.emitEvent({ type: 'schedule-failed', environment, flagKey, flagId, scheduleId: schedule.id, data })
  return { scheduleId: schedule.id, flagKey, environment, status: 'failed', error }
}
