import { BY_ITSELF } from '../domain/event.ts'
import {
  type Applied,
  type ApplyOptions,
  apply,
  applyDue,
  beCareful,
  DUE_COLUMNS,
  type DueSchedule,
  failForGood,
  isOutage,
  isRefusedByData,
  SWEPT_COLUMNS,
  type SweepOutcome,
  type SweptFlag,
} from './apply-due.ts'
import { type Database, query } from './database.ts'
import { emitReleaseEvent, type ReleaseRow, readRelease } from './release-rows.ts'
import { type Transaction, transaction } from './transaction.ts'

/** What comes before a release is applied in transactions of so many, as by any other sweep. */
const BEFORE_BATCH = 100

export interface ReleaseSweep extends Applied {
  /** Flags of releases that are left to a later sweep: somebody holds one of them, or Postgres refuses for now. */
  held: string[]
}

interface Options {
  retries?: ApplyOptions['retries'] | undefined
  /** Wait for flags that others hold, instead of leaving the release to a later sweep. */
  wait: boolean
}

interface Step extends Applied {
  /** Those of the release. */
  flagIds: string[]
  /** Somebody holds one of them, and this sweep does not wait. */
  held?: boolean
  /** A release that comes before this one on one of its flags. */
  first?: string
  /** What came before has been applied, the release is next. */
  again?: boolean
}

/**
 * Applies a due release: all of its changes in one transaction, as one revision, or none. What comes before it on one of its
 * flags goes first, be it schedules or releases.
 *
 * It comes to an end. Each step makes something final (of a recurrence the next is due later) or puts it off to the future, which does
 * not come first any more, finds that the release is final, or goes to a release that comes before. There is no circle of those: all of a release is due at once (else
 * it fails before anything is asked of the order), and of two that are due at once and share a flag, one got all its sequences
 * before the other got any, under that flag's lock. Sequences that were changed by hand can make a circle; it is left alone.
 *
 * @throws when Postgres cannot be reached, is overloaded or shutting down
 */
export async function sweepRelease(db: Database, releaseId: string, options: Options): Promise<ReleaseSweep> {
  const outcomes: SweepOutcome[] = []
  const waiting = new Map<string, string[]>([[releaseId, []]])
  for (let id: string | undefined = releaseId; id; id = [...waiting.keys()].at(-1)) {
    const { flagIds, stuck, held, first, again, ...step } = await sweepOnce(db, id, options)
    outcomes.push(...step.outcomes)
    waiting.set(id, flagIds)
    const all = [...waiting.values()].flat()
    if (stuck.length > 0 || held) return { outcomes, stuck, held: all }
    if (first && waiting.has(first)) {
      const error = new Error(`The releases ${[...waiting.keys()].join(', ')} come before each other`)
      return { outcomes, stuck: all.map((flagId) => ({ flagId, error })), held: all }
    }
    if (first) waiting.set(first, [])
    else if (!again) waiting.delete(id)
  }
  return { outcomes, stuck: [], held: [] }
}

/** One transaction; when Postgres refuses, it is done again carefully. */
async function sweepOnce(db: Database, releaseId: string, options: Options): Promise<Step> {
  const run = async (careful: boolean) =>
    (await transaction(db, (tx) => step(tx, releaseId, options, careful), { origin: BY_ITSELF })).result
  try {
    return await run(false).catch((error) => {
      if (isOutage(error)) throw error
      return run(true)
    })
  } catch (error) {
    if (isOutage(error)) throw error
    const rows = await query<{ flagId: string }>(
      db,
      'SELECT flag_id AS "flagId" FROM feature_flag_schedules WHERE release_id = $1',
      [releaseId],
    )
    const stuck = rows.map(({ flagId }) => ({ flagId, error: error as Error }))
    return { outcomes: [], stuck, flagIds: rows.map(({ flagId }) => flagId) }
  }
}

async function step(tx: Transaction, releaseId: string, options: Options, careful: boolean): Promise<Step> {
  // By key, as everybody does who waits for several; and a statement of its own, so that what follows sees what was committed
  // before the locks were granted.
  const locked = await tx.query<SweptFlag>(
    `SELECT ${SWEPT_COLUMNS} FROM feature_flags f
     WHERE f.id IN (SELECT flag_id FROM feature_flag_schedules WHERE release_id = $1)
     ORDER BY f.environment, f.key FOR NO KEY UPDATE OF f ${options.wait ? '' : 'SKIP LOCKED'}`,
    [releaseId],
  )
  const flags = new Map(locked.map((flag) => [flag.id, flag]))
  const members = await tx.query<DueSchedule & { status: string; due: boolean }>(
    `SELECT ${DUE_COLUMNS}, status, scheduled_at <= (SELECT clock_timestamp()) AS due FROM feature_flag_schedules
     WHERE release_id = $1 ORDER BY sequence`,
    [releaseId],
  )
  const nothing = { outcomes: [], stuck: [], flagIds: members.map(({ flag_id: flagId }) => flagId) }
  if (nothing.flagIds.some((flagId) => !flags.has(flagId))) return { ...nothing, held: true }
  if (!members.some(({ due, status }) => due && status === 'pending')) return nothing
  const release = (await readRelease(tx, releaseId, 'FOR UPDATE OF r')) as ReleaseRow
  const fault = faultOf(flags, release, members)
  if (fault) return { ...nothing, outcomes: await failRelease(tx, flags, release, members, fault) }
  const before = await whatComesBefore(tx, members)
  const first = before.find(({ release_id }) => release_id)?.release_id
  if (first) return { ...nothing, first }
  if (before.length > 0) return { ...nothing, ...(await applyDue(tx, flags, before, options, careful)), again: true }
  return { ...nothing, outcomes: await applyRelease(tx, flags, release, members, careful) }
}

/** Pending schedules of the members' flags that have their turn before the members, in order: due as these are. */
async function whatComesBefore(tx: Transaction, members: DueSchedule[]): Promise<DueSchedule[]> {
  return await tx.query<DueSchedule>(
    `SELECT before.* FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[]) AS member (flag_id, due, turn)
     CROSS JOIN LATERAL (SELECT ${DUE_COLUMNS} FROM feature_flag_schedules
       WHERE flag_id = member.flag_id AND status = 'pending' AND (scheduled_at, sequence) < (member.due, member.turn)
       ORDER BY scheduled_at, sequence LIMIT ${BEFORE_BATCH}) before
     ORDER BY before.scheduled_at, before.sequence LIMIT ${BEFORE_BATCH}`,
    [
      members.map(({ flag_id }) => flag_id),
      members.map(({ scheduled_at }) => scheduled_at),
      members.map(({ sequence }) => sequence),
    ],
  )
}

async function applyRelease(
  tx: Transaction,
  flags: Map<string, SweptFlag>,
  release: ReleaseRow,
  members: (DueSchedule & { status: string })[],
  careful: boolean,
): Promise<SweepOutcome[]> {
  if (!careful) return await applyTogether(tx, flags, release, members)
  await beCareful(tx)
  try {
    return await tx.savepoint(() => applyTogether(tx, flags, release, members))
  } catch (error) {
    if (!isRefusedByData(error)) throw error
    const culprit = await findCulprit(tx, flags, members)
    return await failRelease(tx, flags, release, members, culprit ?? error.message)
  }
}

/** Why it cannot even be tried: after what hands, or a worker that knows nothing of releases, have done to its rows. */
function faultOf(
  flags: Map<string, SweptFlag>,
  { size, status, scheduled_at: due }: ReleaseRow,
  members: (DueSchedule & { status: string })[],
): string | undefined {
  if (status !== 'pending') return `The release is ${status} already`
  if (members.length < size) return `${size - members.length} of its ${size} schedules are gone`
  for (const member of members) {
    if (flags.get(member.flag_id)?.archived) return because(flags, member, 'The flag is archived')
    if (member.status !== 'pending') return because(flags, member, `Its schedule is ${member.status} already`)
    if (member.scheduled_at.getTime() !== due.getTime()) return because(flags, member, 'Its schedule was moved alone')
  }
  return undefined
}

function because(flags: Map<string, SweptFlag>, { flag_id }: DueSchedule, cause: string): string {
  const { key, environment } = flags.get(flag_id) as SweptFlag
  return `Flag "${key}" (${environment}): ${cause}`
}

async function applyTogether(
  tx: Transaction,
  flags: Map<string, SweptFlag>,
  release: ReleaseRow,
  members: DueSchedule[],
): Promise<SweepOutcome[]> {
  const outcomes = await apply(tx, flags, members)
  await tx.query(
    `UPDATE flag_releases r SET status = 'applied', applied_at = s.applied_at, applied_revision = s.applied_revision,
       updated_at = clock_timestamp()
     FROM feature_flag_schedules s WHERE r.id = $1 AND s.id = $2`,
    [release.id, members[0]?.id],
  )
  await emitReleaseEvent(tx, 'release-applied', release.id)
  return outcomes
}

/** The member that cannot be applied even alone, and why; undefined when each of them could. */
async function findCulprit(
  tx: Transaction,
  flags: Map<string, SweptFlag>,
  members: DueSchedule[],
): Promise<string | undefined> {
  const fine = new Error('It could be applied, and is taken back')
  for (const member of members) {
    try {
      await tx.savepoint(async () => {
        await apply(tx, new Map(flags).set(member.flag_id, { ...(flags.get(member.flag_id) as SweptFlag) }), [member])
        throw fine
      })
    } catch (error) {
      if (isRefusedByData(error)) return because(flags, member, error.message)
      if (error !== fine) throw error
    }
  }
  return undefined
}

async function failRelease(
  tx: Transaction,
  flags: Map<string, SweptFlag>,
  release: ReleaseRow,
  members: (DueSchedule & { status: string })[],
  error: string,
): Promise<SweepOutcome[]> {
  const outcomes: SweepOutcome[] = []
  for (const member of members.filter(({ status }) => status === 'pending'))
    outcomes.push(await failForGood(tx, flags, member, error))
  if (release.status !== 'pending') return outcomes
  await tx.query(
    `UPDATE flag_releases SET status = 'failed', error_message = $2, updated_at = clock_timestamp() WHERE id = $1`,
    [release.id, error],
  )
  await emitReleaseEvent(tx, 'release-failed', release.id)
  return outcomes
}
