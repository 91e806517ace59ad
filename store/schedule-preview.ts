import type { Origin } from '../domain/event.ts'
import type { FlagSchedule, SchedulePreviewed } from '../domain/flag-schedule.ts'
import { Problem } from '../domain/problems.ts'
import { lookAhead, type SchedulePreview } from '../domain/schedule-conflicts.ts'
import type { Database } from './database.ts'
import { createSchedule, editSchedule } from './flag-schedules.ts'
import { type FlagAddress, lockFlag } from './flags.ts'
import { rehearse } from './rehearse.ts'
import type { ScheduleGuards } from './schedule-guards.ts'
import { SCHEDULE_COLUMNS, type ScheduleRow, toSchedule } from './schedule-rows.ts'
import { readStrategies } from './schedule-updates.ts'
import type { Transaction } from './transaction.ts'

/**
 * Would this schedule be accepted, and what would it do? It is really created, or the one of `scheduleId` edited, by the code that
 * does so, and taken back: what that code refuses, this reports. The outlook of one that is refused is as if it were accepted.
 *
 * @throws Problem `flag-not-found`
 */
export async function previewSchedule(
  db: Database,
  address: FlagAddress,
  { scheduleId, ...input }: SchedulePreviewed,
  guards: ScheduleGuards,
  origin: Origin,
): Promise<SchedulePreview> {
  return await rehearse(
    db,
    async (tx) => {
      const { flag } = await lockFlag(tx, address, { gated: false })
      const making = scheduleId
        ? editSchedule(tx, { ...address, scheduleId }, input, undefined, guards)
        : createSchedule(tx, address, input, guards)
      const made = await making.catch((error) => {
        if (error instanceof Problem) return error
        throw error
      })
      const problems = made instanceof Problem ? [{ code: made.code, detail: made.message, fields: made.fields }] : []
      const { id, deferredFrom, freezeId, warnings = [], ...ours } = made instanceof Problem ? asAsked(input) : made
      const { enabled, rolloutPercentage, variants } = flag
      const pending = await pendingOf(tx, flag.id)
      // One that may not be moved is still where it was, and no rival of itself.
      const others = id === undefined ? pending.filter((other) => other.id !== scheduleId) : pending
      const around = splitAround(others, id, ours.scheduledAt)
      const changes = [...around.earlier, input].map(({ updates }) => updates)
      const now = { enabled, rolloutPercentage, variants, strategies: await readStrategies(tx, flag.id, changes) }
      const outlook = lookAhead(now, around, { ...ours, updates: input.updates })
      const { scheduledAt } = ours
      return { valid: problems.length === 0, problems, scheduledAt, deferredFrom, freezeId, warnings, ...outlook }
    },
    { origin },
  )
}

function asAsked(input: SchedulePreviewed): Pick<
  FlagSchedule,
  'scheduledAt' | 'deferredFrom' | 'freezeId' | 'warnings'
> & {
  id?: string
} {
  return { scheduledAt: new Date(input.scheduledAt).toISOString(), deferredFrom: null, freezeId: null }
}

// By its own place where it has one: a freeze may have put others off to the same instant.
function splitAround(pending: FlagSchedule[], id: string | undefined, scheduledAt: string) {
  const own = pending.findIndex((schedule) => schedule.id === id)
  const place = own >= 0 ? own : pending.filter((schedule) => schedule.scheduledAt <= scheduledAt).length
  return { earlier: pending.slice(0, place), later: pending.slice(own >= 0 ? place + 1 : place) }
}

/** Pending schedules of a flag that the caller has locked, in the order in which they will be applied. */
export async function pendingOf(tx: Transaction, flagId: string, until?: Date): Promise<FlagSchedule[]> {
  const rows = await tx.query<ScheduleRow>(
    `SELECT ${SCHEDULE_COLUMNS} FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE s.flag_id = $1 AND s.status = 'pending' AND s.scheduled_at <= coalesce($2::timestamptz, 'infinity')
     ORDER BY s.scheduled_at, s.sequence`,
    [flagId, until ?? null],
  )
  return rows.map(toSchedule)
}
