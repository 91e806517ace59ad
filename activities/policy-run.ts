import { setTimeout as wait } from 'node:timers/promises'
import { cancellationSignal, heartbeat } from '@temporalio/activity'
import type { Client } from '@temporalio/client'
import { BY_ITSELF } from '../domain/event.ts'
import { Pace } from '../domain/policy-run.ts'
import type { CommandResult } from '../domain/until.ts'
import type { Log } from '../runtime/log.ts'
import { type Database, sqlState } from '../store/database.ts'
import { evaluateBatch, Fenced, type Range, type Slice } from '../store/policy-batches.ts'
import { goBack } from '../store/policy-rollback.ts'
import { cancelRun, failRun, paceRun, resumeRun } from '../store/policy-run-control.ts'
import { findRun, type RunRow } from '../store/policy-runs.ts'
import { claimSlice, completeRun, noteFailure, noteRate, openRanges } from '../store/policy-slices.ts'
import { transaction } from '../store/transaction.ts'
import type { RunState } from '../workflows/run.ts'
import { Command, changeCommand, createCommands } from './commands.ts'

/** An activity hands back after this long: then the workflow can show progress, hear commands and continue as new. */
const SLICE_MS = 5_000
/** A run in which no batch could be committed for this long has failed. */
const FAIL_AFTER_SECONDS = 300

const PaceCommand = changeCommand(Pace.shape)

export type PolicyRunActivities = ReturnType<typeof createPolicyRunActivities>

export interface PolicyRunDependencies {
  /** A pool for batches. */
  db: Database
  /** A pool for reads of whole tables. */
  scanDb: Database
  client: Client
  log: Log
}

export function createPolicyRunActivities({ db, scanDb, client, log }: PolicyRunDependencies) {
  const { carryOut, whenCancelled } = createCommands({ db: scanDb, client })

  return {
    /** The run as its workflow needs to know it. */
    async readPolicyRun(runId: string): Promise<RunState> {
      const run = await findRun(scanDb, runId)
      if (!run) return { final: true, status: 'deleted', details: '' }
      return { final: run.status !== 'running', status: run.status, details: detailsOf(run) }
    },

    /** Evaluates batches for a few seconds, on all ranges side by side. Ends the run when nothing is left, or nothing works. */
    async evaluateSlice(runId: string): Promise<void> {
      const beating = setInterval(() => heartbeat(), 1_000)
      try {
        await workOn(runId)
      } catch (error) {
        if (error instanceof Fenced || cancellationSignal().aborted) return
        const seconds = await noteFailure(scanDb, runId, (error as Error).message)
        log.error({ err: error, runId, failingForSeconds: Math.round(seconds) }, 'A slice of a policy run failed')
        if (seconds < FAIL_AFTER_SECONDS) throw error
        const reason = `no batch could be committed for ${Math.round(seconds)} s: ${(error as Error).message}`
        await transaction(scanDb, (tx) => failRun(tx, runId, reason), { origin: BY_ITSELF })
      } finally {
        clearInterval(beating)
      }
    },

    /** The signal `cancel`. */
    async cancelPolicyRun(runId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'cancel', nth }, Command, command, async (tx) => {
        await cancelRun(tx, runId)
        return 'cancelled'
      })
    },

    /** The signal `resume`. */
    async resumePolicyRun(runId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'resume', nth }, Command, command, async (tx) => {
        const { processed } = await resumeRun(tx, runId)
        return `resumed at ${processed} items`
      })
    },

    /** The signal `pace`. */
    async pacePolicyRun(runId: string, command: unknown, nth: number): Promise<CommandResult> {
      return await carryOut({ name: 'pace', nth }, PaceCommand, command, async (tx, { batchSize, delayMs }) => {
        const run = await paceRun(tx, runId, { batchSize, delayMs })
        return `batches of ${run.batchSize}, ${run.delayMs} ms apart`
      })
    },

    /** The workflow was cancelled, in the Web UI or by the CLI: so is the run. */
    async cancelledPolicyRun(runId: string): Promise<CommandResult> {
      const answer = await whenCancelled(async (tx, { identity }) => {
        await cancelRun(tx, runId)
        return `cancelled with its workflow by ${identity}`
      })
      if (answer.accepted) return answer
      return { ...answer, accepted: (await findRun(scanDb, runId))?.status === 'cancelled' }
    },
  }

  async function workOn(runId: string): Promise<void> {
    const claimed = await claimSlice(scanDb, runId)
    if (!claimed) return
    const { slice, run } = claimed
    if (run.kind === 'rollback') {
      const refusal = await goBack(scanDb, slice, run)
      if (refusal)
        log.error({ runId, policyVersion: slice.version, err: refusal }, 'Could not go back to a policy version')
      return
    }
    const began = Date.now()
    const ranges = await untilOpen(slice, run, began + SLICE_MS)
    // The first slice only counts, so that the workflow can show at once how much there is to do.
    if (run.total_ready_snapshot === null && ranges.length > 0) return
    let items = 0
    let failed = false
    const work = async (range: Range): Promise<boolean> => {
      let at = range
      while (at.cursor < at.to) {
        if (failed || cancellationSignal().aborted || Date.now() > began + SLICE_MS) return false
        const done = await evaluateBatch(db, slice, at).catch((error) => {
          failed = true
          throw error
        })
        items += done.items
        at = done.range
        heartbeat()
        if (slice.delayMs > 0) await wait(slice.delayMs)
      }
      return true
    }
    // Settled, not all: nothing of this attempt may still be at work when the next one begins.
    const ends = await Promise.allSettled(ranges.map(work))
    if (items > 0) await noteRate(scanDb, slice, items, Math.max(0.001, (Date.now() - began) / 1000))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    if (ends.every((end) => end.status === 'fulfilled' && end.value)) await complete(slice)
  }

  /** Writers that hold the barrier's other side longer than we may wait get a pause in which those behind us pass. */
  async function untilOpen(slice: Slice, run: RunRow, deadline: number): Promise<Range[]> {
    for (;;) {
      try {
        return await openRanges(scanDb, slice, run)
      } catch (error) {
        if (sqlState(error) !== '55P03') throw error
        if (Date.now() > deadline) throw new Error('writers hold items for too long: the barrier could not be passed')
        await wait(100 + Math.random() * 200)
      }
    }
  }

  async function complete(slice: Slice): Promise<void> {
    if (!(await completeRun(scanDb, slice))) return
    log.info({ runId: slice.runId, policyVersion: slice.version }, 'Policy run succeeded')
  }
}

function detailsOf(run: RunRow): string {
  const { processed, eligible, ineligible, pending, errors } = run
  const rows = {
    processed: `${processed} of ${run.total_ready_snapshot ?? '…'}`,
    eligible,
    ineligible,
    pending,
    errors,
  }
  const rate = run.rate ? `${Math.round(run.rate)} items/s, ` : ''
  return [
    `**${run.status}**: version ${run.target_policy_version} (${rate}batches of ${run.batch_size}, ${run.delay_ms} ms apart)`,
    `| ${Object.keys(rows).join(' | ')} |\n|${' --- |'.repeat(5)}\n| ${Object.values(rows).join(' | ')} |`,
    run.last_error && `Last error: ${run.last_error}`,
  ]
    .filter(Boolean)
    .join('\n\n')
}
