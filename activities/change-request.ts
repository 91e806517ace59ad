import type { Client } from '@temporalio/client'
import { z } from 'zod'
import { type CommandResult, DELETED, type UntilRow } from '../domain/until.ts'
import {
  applyDueRequest,
  applyRequest,
  type RequestProgress,
  readRequestProgress,
  suspendIfConflicted,
} from '../store/change-request-apply.ts'
import { cancelRequest } from '../store/change-request-review.ts'
import type { Database } from '../store/database.ts'
import type { ScheduleGuards } from '../store/schedule-guards.ts'
import { Command, commandWith, createCommands } from './commands.ts'
import { fireWhenDue } from './last-second.ts'

const Apply = commandWith({ force: z.boolean().optional(), overrideFreeze: z.boolean().optional() })

export type ChangeRequestActivities = ReturnType<typeof createChangeRequestActivities>

export function createChangeRequestActivities({
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
    /** The request as its workflow needs to know it; suspended first, when something stands against it. */
    async readChangeRequest(requestId: string): Promise<UntilRow> {
      const scheduled = (await readRequestProgress(db, requestId))?.state === 'scheduled'
      if (scheduled) await suspendIfConflicted(db, requestId)
      return toRow(await readRequestProgress(db, requestId))
    },

    /**
     * Applies it when it is due. Returns the request's state once nothing waits any more, null when it is not due yet, or waits
     * for somebody.
     */
    async applyChangeRequest(requestId: string): Promise<string | null> {
      return await fireWhenDue(
        async () => toRow(await readRequestProgress(db, requestId)),
        () => applyDueRequest(db, requestId, guards),
      )
    },

    /** The signal `apply`. */
    async applyChangeRequestNow(requestId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'apply', nth }, Apply, command, async (tx, { force, overrideFreeze }) => {
        const options = { guards, ...(force && { force }), ...(overrideFreeze && { overrideFreeze }) }
        const { state, stateReason } = await applyRequest(tx, { id: requestId }, options)
        return stateReason ? `${state}: ${stateReason}` : state
      })
    },

    /** The signal `cancel`. */
    async cancelChangeRequest(requestId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'cancel', nth }, Command, command, async (tx) => {
        await cancelRequest(tx, { id: requestId })
        return 'cancelled'
      })
    },

    /** The workflow was cancelled, in the Web UI or by the CLI: so is the request. */
    async cancelledChangeRequest(requestId: string): Promise<CommandResult> {
      const answer = await whenCancelled(async (tx, { identity }) => {
        await cancelRequest(tx, { id: requestId })
        return `The change request is cancelled: its workflow was cancelled by ${identity}.`
      })
      if (answer.accepted) return answer
      return { ...answer, accepted: (await readRequestProgress(db, requestId))?.state === 'cancelled' }
    },
  }
}

// Histories are kept and shown far from here, so no free text of people goes into them.
function toRow(progress: RequestProgress | undefined): UntilRow {
  if (!progress) return DELETED
  const { state, dueAt, dueInMs, flagKeys, environment } = progress
  const [flagKey = '', ...others] = flagKeys
  const about = flagKeys.slice(0, 3).join('`, `') + (flagKeys.length > 3 ? '`, `…' : '')
  return {
    final: state !== 'scheduled' && state !== 'suspended',
    status: state,
    dueAt: dueAt?.toISOString() ?? '',
    dueInMs,
    summary: `\`${about}\` (${environment})`,
    flagKey: others.length === 0 ? flagKey : '',
    environment,
  }
}
