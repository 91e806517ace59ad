import type { Client } from '@temporalio/client'
import { z } from 'zod'
import { unless } from '../domain/problems.ts'
import { Ulid } from '../domain/strategy.ts'
import { type CommandResult, DELETED, type UntilRow } from '../domain/until.ts'
import type { Database } from '../store/database.ts'
import { approveMilestone, startMilestone } from '../store/milestones.ts'
import { advancePlan, type PlanProgress, readPlanProgress } from '../store/release-plan-advance.ts'
import { pausePlan, resumePlan } from '../store/release-plan-control.ts'
import { Command, commandWith, createCommands } from './commands.ts'
import { fireWhenDue } from './last-second.ts'

const Start = commandWith({
  milestoneId: Ulid,
  enable: z.boolean().optional(),
  overrideFreeze: z.boolean().optional(),
})
const Approve = commandWith({ milestoneId: Ulid.optional() })

export type ReleasePlanActivities = ReturnType<typeof createReleasePlanActivities>

export function createReleasePlanActivities({ db, client }: { db: Database; client: Client }) {
  const { carryOut, whenCancelled } = createCommands({ db, client })
  return {
    /** The plan as its workflow needs to know it. */
    async readReleasePlan(planId: string): Promise<UntilRow> {
      return toRow(await readPlanProgress(db, planId))
    },

    /** Starts what is due. Returns the plan's status when it is final, null when nothing is due any more. */
    async advanceReleasePlan(planId: string): Promise<string | null> {
      return await fireWhenDue(
        async () => toRow(await readPlanProgress(db, planId)),
        () => advancePlan(db, planId).catch(unless('plan-not-found')),
      )
    },

    /** The signal `start`. */
    async startReleaseMilestone(planId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut(
        { name: 'start', nth },
        Start,
        command,
        async (tx, { milestoneId, enable, overrideFreeze }) => {
          const started = await startMilestone(
            tx,
            { planId, milestoneId },
            { ...(enable && { enable }), ...(overrideFreeze && { overrideFreeze }) },
          )
          return `started; the plan is ${started.status}`
        },
      )
    },

    /** The signal `approve`. */
    async approveReleaseMilestone(planId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'approve', nth }, Approve, command, async (tx, { milestoneId }) => {
        await approveMilestone(tx, { planId, milestoneId })
        return 'approved'
      })
    },

    /** The signal `pause`. */
    async pauseReleasePlan(planId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'pause', nth }, Command, command, async (tx) => {
        await pausePlan(tx, { planId })
        return 'paused'
      })
    },

    /** The signal `resume`. */
    async resumeReleasePlan(planId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'resume', nth }, Command, command, async (tx) => {
        const resumed = await resumePlan(tx, { planId })
        return `resumed; the next milestone is ${resumed.nextAt ? `due ${resumed.nextAt}` : 'not timed'}`
      })
    },

    /** The workflow was cancelled, in the Web UI or by the CLI: the plan is paused, and stays. */
    async cancelledReleasePlan(planId: string): Promise<CommandResult> {
      return await whenCancelled(async (tx, { identity, reason }) => {
        await pausePlan(tx, { planId }, reason ?? `its workflow was cancelled by ${identity}`)
        return `The plan is paused: its workflow was cancelled by ${identity}. The plan stays; resume it over HTTP.`
      })
    },
  }
}

// Histories are kept and shown far from here, so no free text of people goes into them.
function toRow(progress: PlanProgress | undefined): UntilRow {
  if (!progress) return DELETED
  const { status, dueAt, dueInMs, flagKey, environment, active, milestones } = progress
  const where = active === null ? 'not started' : `milestone ${active} of ${milestones}`
  return {
    final: status === 'completed',
    status,
    dueAt: dueAt?.toISOString() ?? '',
    dueInMs,
    summary: `\`${flagKey}\` (${environment}): ${where}`,
    flagKey,
    environment,
  }
}
