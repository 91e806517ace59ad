import type { FlagSchedule } from './flag-schedule.ts'
import { Problem } from './problems.ts'

/** How far in the past a due time may lie: clocks differ, and a request takes its time. */
const PAST_TOLERANCE_MS = 60_000

type Final = Pick<FlagSchedule, 'status' | 'appliedAt' | 'appliedRevision' | 'errorMessage' | 'updatedAt'>

export interface FlagClock {
  /** The database's clock. */
  now: Date
  /** The last schedule of the flag that was applied, in the order (due time, sequence). */
  appliedThrough: { at: Date; sequence: number } | null
}

/**
 * Refuses a due time that has passed, or that comes before what was already applied: then it could no longer be applied
 * in order.
 *
 * @throws Problem `schedule-in-past`, `schedule-out-of-order`
 */
export function refuseDueTime(scheduledAt: Date, sequence: number, { now, appliedThrough }: FlagClock): void {
  if (scheduledAt.getTime() < now.getTime() - PAST_TOLERANCE_MS) {
    const moment = now.toISOString()
    throw new Problem('schedule-in-past', `It is ${moment} now; a schedule may be due at most one minute before.`, {
      fields: [{ field: 'scheduledAt', message: `must not lie more than one minute before now (${moment})` }],
      members: { now: moment },
    })
  }
  if (!appliedThrough) return
  const ahead = scheduledAt.getTime() - appliedThrough.at.getTime()
  if (ahead > 0 || (ahead === 0 && sequence > appliedThrough.sequence)) return
  const at = appliedThrough.at.toISOString()
  const why = `A schedule of this flag that was due at ${at} was applied already; order holds for ever.`
  throw new Problem('schedule-out-of-order', why, {
    fields: [{ field: 'scheduledAt', message: `must be after ${at}` }],
    members: { appliedThrough: at },
  })
}

/**
 * Refuses a change of a schedule, or a release, that is final, and tells the truth about it.
 *
 * @throws Problem `schedule-applied` (when, and as which revision), `schedule-failed`, `schedule-cancelled`; of a release, `release-…`
 */
export function refuseFinal(what: 'schedule' | 'release', it: Final): void {
  const { status, appliedAt, appliedRevision, errorMessage, updatedAt } = it
  if (status === 'pending') return
  if (status === 'applied') {
    const truth = `It was applied at ${appliedAt}, as configuration revision ${appliedRevision}.`
    throw new Problem(`${what}-applied`, truth, { members: { appliedAt, appliedRevision } })
  }
  if (status === 'failed') {
    const truth = `It failed at ${updatedAt}: ${errorMessage}`
    throw new Problem(`${what}-failed`, truth, { members: { failedAt: updatedAt, errorMessage } })
  }
  throw new Problem(`${what}-cancelled`, `It was cancelled at ${updatedAt}.`, { members: { cancelledAt: updatedAt } })
}
