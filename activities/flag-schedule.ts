import { sleep } from '@temporalio/activity'
import type { Client } from '@temporalio/client'
import { DueTime, describeUpdates, type FlagSchedule } from '../domain/flag-schedule.ts'
import { type CommandResult, DELETED, type UntilRow } from '../domain/until.ts'
import type { Database } from '../store/database.ts'
import { cancelSchedule, editSchedule, readProgress } from '../store/flag-schedules.ts'
import type { ScheduleGuards } from '../store/schedule-guards.ts'
import { Command, commandWith, createCommands } from './commands.ts'
import { beating, WAIT_AT_MOST_MS } from './last-second.ts'
import type { Sweeper } from './sweeper.ts'

const Reschedule = commandWith({ scheduledAt: DueTime })

export type FlagScheduleActivities = ReturnType<typeof createFlagScheduleActivities>

export interface FlagScheduleDependencies {
  db: Database
  sweeper: Sweeper
  client: Client
  guards: ScheduleGuards
}

export function createFlagScheduleActivities({ db, sweeper, client, guards }: FlagScheduleDependencies) {
  const { carryOut, whenCancelled } = createCommands({ db, client })
  return {
    /** The schedule as its workflow needs to know it. */
    async readFlagSchedule(scheduleId: string): Promise<UntilRow> {
      const progress = await readProgress(db, scheduleId)
      if (!progress) return DELETED
      const { schedule, dueInMs } = progress
      const { status, scheduledAt: dueAt, flagKey, environment } = schedule
      return { final: status !== 'pending', status, dueAt, dueInMs, summary: summaryOf(schedule), flagKey, environment }
    },

    /**
     * Waits the last second in this process and joins its sweep. Returns the schedule's status when it is final, null when
     * it is not due any more.
     */
    async applyDueChanges(scheduleId: string): Promise<string | null> {
      return await beating(async () => {
        for (let missed = false; ; missed = true) {
          const progress = await readProgress(db, scheduleId)
          if (!progress) return 'deleted'
          if (progress.schedule.status !== 'pending') return progress.schedule.status
          if (progress.dueInMs > WAIT_AT_MOST_MS) return null
          if (progress.dueInMs > 0) await sleep(Math.ceil(progress.dueInMs))
          // Swept, due and still pending: another transaction holds its flag, which the common sweep skips.
          else if (missed) await sweeper.sweepFlag(progress.flagId)
          const outcome = (await sweeper.sweep()).get(scheduleId)
          // One that is to be tried again has a new due time.
          if (outcome) return outcome.willRetryAt ? null : outcome.status
        }
      })
    },

    /** The signal `cancel`. */
    async cancelFlagSchedule(scheduleId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'cancel', nth }, Command, command, async (tx) => {
        await cancelSchedule(tx, { scheduleId })
        return 'cancelled'
      })
    },

    /** The signal `reschedule`. */
    async rescheduleFlagSchedule(scheduleId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'reschedule', nth }, Reschedule, command, async (tx, { scheduledAt }) => {
        const schedule = await editSchedule(tx, { scheduleId }, { scheduledAt }, undefined, guards)
        return `due ${schedule.scheduledAt}`
      })
    },

    /** The workflow was cancelled, in the Web UI or by the CLI: so is the schedule. */
    async cancelledFlagSchedule(scheduleId: string): Promise<CommandResult> {
      const answer = await whenCancelled(async (tx, { identity }) => {
        await cancelSchedule(tx, { scheduleId })
        return `cancelled with its workflow by ${identity}`
      })
      if (answer.accepted) return answer
      // Cancelled already, by another door: the workflow ends as its sender wished.
      const progress = await readProgress(db, scheduleId)
      return { ...answer, accepted: progress?.schedule.status === 'cancelled' }
    },
  }
}

// Histories are kept and shown far from here, so no free text of people goes into them.
function summaryOf({ flagKey, environment, updates }: FlagSchedule): string {
  return `\`${flagKey}\` (${environment}): ${describeUpdates(updates)}`
}
