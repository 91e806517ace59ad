import { BY_ITSELF } from '../domain/event.ts'
import {
  type Applied,
  applyDue,
  DUE_COLUMNS,
  type DueSchedule,
  isOutage,
  SWEPT_COLUMNS,
  type SweptFlag,
} from './apply-due.ts'
import type { Database } from './database.ts'
import { sweepRelease } from './release-sweep.ts'
import { type Transaction, transaction } from './transaction.ts'

/** Schedules a transaction takes at most: the reference's limit of one run, and about 3 ms of locks. */
const SWEEP_BATCH = 100

export interface Sweep extends Applied {
  /** Flags with a release whose turn it is, but which somebody holds. */
  held: string[]
  /** As many were due as one transaction takes, or a release was met. */
  more: boolean
}

export interface SweepOptions {
  /** Sweep only this flag, and wait for its lock, and for those of a release that it belongs to. */
  flagId?: string
  /** Leave these flags alone. */
  without?: string[]
  /** How often a schedule that fails is tried again by itself; 0 by default. */
  retries?: number
}

/**
 * Applies up to 100 due schedules in one transaction, in the order (due, sequence) for each flag.
 *
 * Two statements, because one that locks a join would return rows that another sweep has just applied: the first locks
 * the flags, skipping those that others hold (so it waits for nobody, and the order of its locks does not matter); the
 * second, with a snapshot taken under those locks, reads what is due on them. The lock is FOR NO KEY UPDATE: FOR UPDATE
 * would skip every flag that an uncommitted insert of a schedule refers to.
 *
 * It ends at a release: neither that nor what comes behind it on a flag is taken, each release that was met is then applied
 * in a transaction of its own.
 *
 * When Postgres refuses, it is done again carefully, flag by flag and schedule by schedule, so that nobody has to wait for
 * a neighbour's fault.
 *
 * @throws when Postgres cannot be reached, is overloaded or shutting down
 */
export async function sweepDue(db: Database, options: SweepOptions = {}): Promise<Sweep> {
  const sweep = (careful: boolean) => transaction(db, (tx) => sweepOnce(tx, options, careful), { origin: BY_ITSELF })
  const { result } = await sweep(false).catch((error) => {
    if (isOutage(error)) throw error
    return sweep(true)
  })
  const { releaseIds, ...swept } = result
  for (const id of releaseIds) {
    const { outcomes, stuck, held } = await sweepRelease(db, id, {
      wait: options.flagId !== undefined,
      retries: options.retries,
    })
    swept.outcomes.push(...outcomes)
    swept.stuck.push(...stuck)
    swept.held.push(...held)
    swept.more = true
  }
  return swept
}

/** `releaseIds`: releases that were met, in the order in which they are due. */
async function sweepOnce(
  tx: Transaction,
  options: SweepOptions,
  careful: boolean,
): Promise<Sweep & { releaseIds: string[] }> {
  const nothing = { outcomes: [], stuck: [], held: [], more: false, releaseIds: [] }
  const flags = await lockDueFlags(tx, options)
  if (flags.size === 0) return nothing
  const met = await tx.query<DueSchedule>(
    // Flag by flag: with = ANY, a table without statistics was searched whole, 6 ms a sweep.
    `SELECT due.* FROM unnest($1::uuid[]) AS locked (id) CROSS JOIN LATERAL (
       SELECT ${DUE_COLUMNS} FROM feature_flag_schedules
       WHERE flag_id = locked.id AND status = 'pending' AND scheduled_at <= (SELECT clock_timestamp())
       ORDER BY scheduled_at, sequence LIMIT ${SWEEP_BATCH}) due
     ORDER BY due.scheduled_at, due.sequence LIMIT ${SWEEP_BATCH}`,
    [[...flags.keys()]],
  )
  if (met.length === 0) return nothing
  const { due, releaseIds } = upToReleases(met)
  const swept = due.length > 0 ? await applyDue(tx, flags, due, options, careful) : { outcomes: [], stuck: [] }
  return { ...swept, held: [], more: met.length === SWEEP_BATCH, releaseIds }
}

/** What comes before the first release of each flag; and those releases. */
function upToReleases(met: DueSchedule[]): { due: DueSchedule[]; releaseIds: string[] } {
  const closed = new Set<string>()
  const releaseIds = new Set<string>()
  const due = met.filter(({ flag_id: flagId, release_id: releaseId }) => {
    if (closed.has(flagId)) return false
    if (!releaseId) return true
    closed.add(flagId)
    releaseIds.add(releaseId)
    return false
  })
  return { due, releaseIds: [...releaseIds] }
}

async function lockDueFlags(tx: Transaction, { flagId, without = [] }: SweepOptions): Promise<Map<string, SweptFlag>> {
  const rows = flagId
    ? await tx.query<SweptFlag>(`SELECT ${SWEPT_COLUMNS} FROM feature_flags f WHERE id = $1 FOR NO KEY UPDATE`, [
        flagId,
      ])
    : await tx.query<SweptFlag>(
        `SELECT ${SWEPT_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
         WHERE s.status = 'pending' AND s.scheduled_at <= (SELECT clock_timestamp()) AND s.flag_id <> ALL ($1)
         ORDER BY s.scheduled_at, s.sequence LIMIT ${SWEEP_BATCH} FOR NO KEY UPDATE OF f SKIP LOCKED`,
        [without],
      )
  return new Map(rows.map((flag) => [flag.id, flag]))
}
