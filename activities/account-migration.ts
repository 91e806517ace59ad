import { setTimeout as wait } from 'node:timers/promises'
import { cancellationSignal, heartbeat } from '@temporalio/activity'
import type { Client } from '@temporalio/client'
import pLimit from 'p-limit'
import { MigrationPace } from '../domain/account-migration.ts'
import { BY_ITSELF } from '../domain/event.ts'
import { Problem } from '../domain/problems.ts'
import type { CommandResult } from '../domain/until.ts'
import type { Log } from '../runtime/log.ts'
import { passGate } from '../store/account-gate.ts'
import {
  haltMigration,
  paceMigration,
  pauseMigration,
  resumeMigration,
  rollbackMigration,
  stopMigration,
} from '../store/account-migration-control.ts'
import { countAccounts, type Movers, moveAccount, NotInOrder, type Step } from '../store/account-migration-moves.ts'
import {
  findMigration,
  getMigration,
  type MigrationRow,
  type StoredMigration,
} from '../store/account-migration-rows.ts'
import {
  accountsToClean,
  accountsToMove,
  beginCohort,
  claimMigration,
  finishCleaning,
  finishCohort,
  forgetMigrationFailure,
  movedOfCohort,
  noteCleaned,
  noteMigrationFailure,
  noteMigrationRate,
  Superseded,
} from '../store/account-migration-slices.ts'
import type { Database } from '../store/database.ts'
import { cleanUp } from '../store/notes/clean-up.ts'
import type { NoteStores } from '../store/notes/note-store.ts'
import { accountsHeld, type NoteDatabases } from '../store/notes/roles.ts'
import { transaction } from '../store/transaction.ts'
import type { RunState } from '../workflows/run.ts'
import { Command, changeCommand, createCommands } from './commands.ts'

/** An activity hands back after this long: then the workflow can show progress, hear commands and continue as new. */
const SLICE_MS = 5_000
/** A migration in which nothing could be moved for this long is halted. */
const HALT_AFTER_SECONDS = 300
/** Accounts begun in one slice, at most. */
const ACCOUNTS = 500

const PaceCommand = changeCommand(MigrationPace.shape)

export type AccountMigrationActivities = ReturnType<typeof createAccountMigrationActivities>

export interface AccountMigrationDependencies {
  /** A pool of its own: migrations never wait for what else the worker does. */
  db: Database
  client: Client
  /** Undefined without note stores: then no migration goes on. */
  notes: { stores: NoteStores; databases: NoteDatabases } | undefined
  reverseWindowHours: number
  log: Log
}

export function createAccountMigrationActivities(deps: AccountMigrationDependencies) {
  const { db, client, reverseWindowHours, log } = deps
  const { carryOut, whenCancelled } = createCommands({ db, client })
  const command = async (
    id: string,
    name: string,
    nth: number,
    input: unknown,
    work: typeof pauseMigration,
    done: string,
  ) =>
    await carryOut({ name, nth }, Command, input, async (tx) => {
      const { accounts, notes } = await work(tx, id)
      return `${done}; ${accounts.moved} accounts moved, ${accounts.moving} under way, ${notes.moved} of ${notes.total} notes`
    })

  return {
    /** The migration as its workflow needs to know it; `waitMs`: until there is something to do. */
    async readAccountMigration(id: string): Promise<RunState & { waitMs: number }> {
      const found = await findMigration(db, id)
      if (!found) return { final: true, status: 'deleted', details: '', waitMs: 0 }
      const { migration, waitMs } = found
      const { status, cleanedAt } = migration
      const ended = status === 'done' || status === 'rolled-back'
      const final = ended ? cleanedAt !== null : status !== 'running'
      return { final, status, details: detailsOf(migration), waitMs }
    },

    /** Moves accounts for a few seconds, side by side; halts the migration when something is not in order, or nothing works. */
    async sweepSlice(id: string): Promise<void> {
      const slice = await claimMigration(db, id)
      if (!slice) return
      const beating = setInterval(() => heartbeat(), 1_000)
      try {
        await workOn(slice)
        await forgetMigrationFailure(db, slice)
      } catch (error) {
        if (error instanceof Superseded || cancellationSignal().aborted) return
        if (error instanceof NotInOrder) return await halt(slice, error.message, error.findings)
        if (error instanceof Problem && error.code === 'old-instances') return await halt(slice, error.message)
        const seconds = await noteMigrationFailure(db, slice, (error as Error).message)
        log.error(
          { err: error, migrationId: id, failingForSeconds: Math.round(seconds) },
          'A slice of a migration failed',
        )
        if (seconds < HALT_AFTER_SECONDS) throw error
        await halt(slice, `nothing could be moved for ${Math.round(seconds)} s: ${(error as Error).message}`)
      } finally {
        clearInterval(beating)
      }
    },

    /** The signal `pause`. */
    pauseAccountMigration: (id: string, input: unknown, nth: number) =>
      command(id, 'pause', nth, input, pauseMigration, 'paused'),

    /** The signal `resume`. */
    resumeAccountMigration: (id: string, input: unknown, nth: number) =>
      command(id, 'resume', nth, input, resumeMigration, 'resumed'),

    /** The signal `stop`. */
    stopAccountMigration: (id: string, input: unknown, nth: number) =>
      command(id, 'stop', nth, input, stopMigration, 'stopped'),

    /** The signal `rollback`. */
    rollbackAccountMigration: (id: string, input: unknown, nth: number) =>
      command(id, 'rollback', nth, input, rollbackMigration, 'goes back'),

    /** The signal `pace`. */
    async paceAccountMigration(id: string, input: unknown, nth: number): Promise<CommandResult> {
      return await carryOut(
        { name: 'pace', nth },
        PaceCommand,
        input,
        async (tx, { by: _by, reason: _reason, ...pace }) => {
          const { batchSize, delayMs, parallelism } = await paceMigration(tx, id, pace)
          return `batches of ${batchSize}, ${delayMs} ms apart, ${parallelism} at once`
        },
      )
    },

    /** The workflow was cancelled, in the Web UI or by the CLI: so the migration is stopped. */
    async cancelledAccountMigration(id: string): Promise<CommandResult> {
      const answer = await whenCancelled(async (tx, { identity }) => {
        await stopMigration(tx, id)
        return `stopped with its workflow by ${identity}`
      })
      if (answer.accepted) return answer
      return { ...answer, accepted: (await getMigration(db, id)).status === 'stopped' }
    },
  }

  async function workOn(slice: MigrationRow): Promise<void> {
    const { notes } = deps
    if (!notes) throw new Error('This worker has no note stores: set NOTES_LEGACY_URL and NOTES_CURRENT_URL')
    const movers: Movers = { db, stores: notes.stores, notes: notes.databases }
    if (slice.status !== 'running') return await clean(movers, slice)
    // Before each step: a rollout never goes on beside somebody who does not know of epochs.
    await passGate(db, notes.databases)
    if (slice.direction === 'forward' && slice.gated < slice.cohort) await beginCohort(db, slice)
    await countAccounts(movers, slice)
    if (!(await move(movers, slice))) return
    if (slice.direction === 'forward') {
      await lastLook(movers, slice)
      await passGate(db, notes.databases)
    }
    await finishCohort(db, slice, reverseWindowHours)
    log.info(
      { migrationId: slice.id, cohort: slice.cohort, direction: slice.direction },
      'A cohort of accounts was moved',
    )
  }

  /** @returns is nothing left? */
  async function move(movers: Movers, slice: MigrationRow): Promise<boolean> {
    const began = Date.now()
    let notes = 0
    let failed = false
    const step: Step = {
      batches: pLimit(slice.parallelism),
      isOver: () => failed || cancellationSignal().aborted || Date.now() > began + SLICE_MS,
      async moved(count) {
        notes += count
        heartbeat()
        if (slice.delay_ms > 0) await wait(slice.delay_ms)
      },
    }
    const accountIds = await accountsToMove(db, slice, ACCOUNTS)
    const limit = pLimit(slice.parallelism)
    // Settled, not all: nothing of this attempt may still be at work when the next one begins.
    const ends = await Promise.allSettled(
      accountIds.map((accountId) =>
        limit(async () => {
          if (step.isOver()) return false
          return await moveAccount(movers, slice, accountId, step).catch((error) => {
            failed = true
            throw error
          })
        }),
      ),
    )
    if (notes > 0) await noteMigrationRate(db, slice, notes, Math.max(0.001, (Date.now() - began) / 1000))
    const reasons = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    // What is not in order is the news; that others were cut off by it is not.
    const [first = undefined] = [...reasons.filter((reason) => reason instanceof NotInOrder), ...reasons]
    if (first) throw first
    return accountIds.length < ACCOUNTS && ends.every((end) => end.status === 'fulfilled' && end.value)
  }

  /** Of accounts that have arrived, the legacy store holds nothing. */
  async function lastLook({ notes }: Movers, slice: MigrationRow): Promise<void> {
    let after = ''
    for (let ids = await movedOfCohort(db, slice, after); ids.length > 0; ids = await movedOfCohort(db, slice, after)) {
      heartbeat()
      const left = await accountsHeld(notes.legacy, ids)
      if (left.length > 0) {
        const findings = left.slice(0, 20).map((accountId) => ({ accountId, id: null, kind: 'left' as const }))
        throw new NotInOrder(
          `The legacy store still holds something of ${left.length} accounts that have left it.`,
          findings.map((finding) => ({ ...finding, sourceVersion: null, destinationVersion: null })),
        )
      }
      after = ids.at(-1) as string
    }
  }

  async function clean({ stores }: Movers, slice: MigrationRow): Promise<void> {
    const until = Date.now() + SLICE_MS
    for (let ids = await accountsToClean(db, slice); ids.length > 0; ids = await accountsToClean(db, slice)) {
      for (const accountId of ids) {
        if (cancellationSignal().aborted || Date.now() > until) return
        heartbeat()
        await cleanUp(db, stores, accountId, BY_ITSELF)
        await noteCleaned(db, slice, accountId)
      }
    }
    await finishCleaning(db, slice)
  }

  async function halt(slice: MigrationRow, reason: string, findings: NotInOrder['findings'] = []): Promise<void> {
    log.error({ migrationId: slice.id, reason, findings }, 'A migration of accounts is not in order')
    await transaction(db, (tx) => haltMigration(tx, slice, reason, findings), { origin: BY_ITSELF })
  }
}

function detailsOf(migration: StoredMigration): string {
  const { status, direction, cohort, cohorts, accounts, notes, ratePerSecond, etaSeconds, reason, findings } = migration
  const { batchSize, delayMs, parallelism, lastError, nextAt, cleanAfter, cleanedAt } = migration
  const rows = {
    ...accounts,
    notes: `${notes.moved} of ${notes.total}`,
    'notes/s': ratePerSecond ?? '–',
    'left, s': etaSeconds ?? '–',
  }
  const names = Object.keys(rows)
  return [
    `**${status}**, ${direction}: cohort ${cohort} of ${cohorts.length} (batches of ${batchSize}, ${delayMs} ms apart, ${parallelism} at once)`,
    `| ${names.join(' | ')} |\n|${' --- |'.repeat(names.length)}\n| ${Object.values(rows).join(' | ')} |`,
    reason && `Why: ${reason}`,
    findings.length > 0 && findings.map(({ accountId, id, kind }) => `- ${accountId} ${id ?? ''}: ${kind}`).join('\n'),
    status === 'running' && nextAt && `The cohort begins at ${nextAt}.`,
    cleanAfter && !cleanedAt && `The way back is open until ${cleanAfter}.`,
    lastError && `Last error: ${lastError}`,
  ]
    .filter(Boolean)
    .join('\n\n')
}
