import { sleep } from '@temporalio/activity'
import type { Client } from '@temporalio/client'
import { PatchId } from '../domain/gameplan/resource.ts'
import { type CommandResult, DELETED, type UntilRow } from '../domain/until.ts'
import type { Database } from '../store/database.ts'
import { advanceGameplan, type GameplanProgress, readGameplanProgress } from '../store/gameplan-advance.ts'
import { cancelGameplan, pauseGameplan, resumeGameplan } from '../store/gameplan-control.ts'
import { mergePatch, revertPatch } from '../store/gameplan-patches.ts'
import type { ScheduleGuards } from '../store/schedule-guards.ts'
import { Command, commandWith, createCommands } from './commands.ts'
import { fireWhenDue } from './last-second.ts'

/** A schedule that is due is applied by others, usually within milliseconds. */
const LOOK_AGAIN_MS = 500

const OfPatch = commandWith({ patchId: PatchId })

export type GameplanActivities = ReturnType<typeof createGameplanActivities>

export function createGameplanActivities({
  db,
  client,
  guards,
}: {
  db: Database
  client: Client
  guards: ScheduleGuards
}) {
  const { carryOut, whenCancelled } = createCommands({ db, client })
  return {
    /** The gameplan as its workflow needs to know it. */
    async readGameplan(gameplanId: string): Promise<UntilRow> {
      return toRow(await readGameplanProgress(db, gameplanId))
    },

    /**
     * Does what there is to do: steps with the flag, and its end. Returns the gameplan's status when it is final, null when it
     * waits for somebody, or for a later time.
     */
    async advanceGameplan(gameplanId: string): Promise<string | null> {
      return await fireWhenDue(
        async () => toRow(await readGameplanProgress(db, gameplanId)),
        async () => {
          if (!(await advanceGameplan(db, gameplanId, guards))) await sleep(LOOK_AGAIN_MS)
        },
      )
    },

    /** The signal `merged`. */
    async mergeGameplanPatch(gameplanId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'merged', nth }, OfPatch, command, async (tx, { patchId }) => {
        await mergePatch(tx, { id: gameplanId, patchId })
        return `Patch ${patchId} is merged`
      })
    },

    /** The signal `reverted`. */
    async revertGameplanPatch(gameplanId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'reverted', nth }, OfPatch, command, async (tx, { patchId }) => {
        await revertPatch(tx, { id: gameplanId, patchId })
        return `Patch ${patchId} is reverted`
      })
    },

    /** The signal `pause`. */
    async pauseGameplan(gameplanId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'pause', nth }, Command, command, async (tx) => {
        await pauseGameplan(tx, { id: gameplanId })
        return 'paused'
      })
    },

    /** The signal `resume`. */
    async resumeGameplan(gameplanId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'resume', nth }, Command, command, async (tx) => {
        await resumeGameplan(tx, { id: gameplanId })
        return 'resumed'
      })
    },

    /** The signal `cancel`. */
    async cancelGameplan(gameplanId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'cancel', nth }, Command, command, async (tx) => {
        await cancelGameplan(tx, { id: gameplanId })
        return 'cancelled'
      })
    },

    /** The workflow was cancelled, in the Web UI or by the CLI: the gameplan is paused, and stays. */
    async cancelledGameplan(gameplanId: string): Promise<CommandResult> {
      return await whenCancelled(async (tx, { identity, reason }) => {
        await pauseGameplan(tx, { id: gameplanId }, undefined, reason ?? `its workflow was cancelled by ${identity}`)
        return `The gameplan is paused: its workflow was cancelled by ${identity}. The gameplan stays; resume it over HTTP.`
      })
    },
  }
}

// Histories are kept and shown far from here, so no free text of people goes into them.
function toRow(progress: GameplanProgress | undefined): UntilRow {
  if (!progress) return DELETED
  const { status, environment, flagKey, dueAt, dueInMs, patches, done, openGates } = progress
  const gates = openGates > 0 ? `, ${openGates} criteria and questions open` : ''
  return {
    final: status === 'completed' || status === 'cancelled',
    status,
    // Only what is still to come has a time that people want to see.
    dueAt: dueInMs !== null && dueInMs > 0 ? (dueAt?.toISOString() ?? '') : '',
    dueInMs,
    summary: `${flagKey ? `\`${flagKey}\` ` : ''}(${environment}): ${done} of ${patches} patches${gates}`,
    flagKey: flagKey ?? '',
    environment,
  }
}
