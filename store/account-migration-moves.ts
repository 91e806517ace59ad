import pLimit, { type LimitFunction } from 'p-limit'
import { type AccountMode, type AccountState, rolesOf } from '../domain/account.ts'
import type { MigrationFinding } from '../domain/account-migration.ts'
import { Problem } from '../domain/problems.ts'
import type { MigrationRow } from './account-migration-rows.ts'
import {
  accountsToCount,
  advance,
  beginAccount,
  finishAccount,
  guarded,
  noteTotals,
  readRanges,
  type SweepRange,
  writeRanges,
} from './account-migration-slices.ts'
import { intendMode } from './accounts.ts'
import type { Database } from './database.ts'
import { completeFlip } from './notes/flip.ts'
import { Fenced, type NoteStores } from './notes/note-store.ts'
import { accountsHeld, countNotes, cutRanges, type NoteDatabases } from './notes/roles.ts'
import { sweepBatch } from './notes/sweep.ts'
import { verifyRange } from './notes/verify.ts'

/** More notes than this are swept in ranges side by side. */
const HUGE = 5_000
const MOST_RANGES = 8
const MOST_FINDINGS = 20
/** How often an account is swept again in which something is left that is in order. */
const SWEEPS = 3

export interface Movers {
  db: Database
  stores: NoteStores
  notes: NoteDatabases
}

export interface Step {
  /** Through which every batch goes, of whichever account and range, so that no more than these are at work. */
  batches: LimitFunction
  /** Is the slice over? Then what is under way finishes, and nothing is begun. */
  isOver(): boolean
  /** Told of every batch; resolves after the pause that follows it. */
  moved(notes: number): Promise<void>
}

/** An account in which something is not as it must be. */
export class NotInOrder extends Error {
  override name = 'NotInOrder'
  readonly findings: MigrationFinding[]
  constructor(reason: string, findings: MigrationFinding[] = []) {
    super(reason)
    this.findings = findings
  }
}

type Path = Partial<Record<AccountMode, AccountMode>>
// How each mode goes on, in either direction, from wherever an account was left.
const FORWARD: Path = { rollback: 'off', off: 'ready', ready: 'migrating', migrating: 'done' }
const BACK: Path = { done: 'rollback', migrating: 'rollback', ready: 'off', rollback: 'off' }

/**
 * Moves one account as far as the slice goes: flips it, sweeps it, verifies it, flips it again. Each step may be repeated.
 *
 * @returns has it arrived?
 * @throws NotInOrder, Superseded
 */
export async function moveAccount(
  movers: Movers,
  slice: MigrationRow,
  accountId: string,
  step: Step,
): Promise<boolean> {
  const { db } = movers
  await beginAccount(db, slice, accountId)
  const path = slice.direction === 'forward' ? FORWARD : BACK
  let state = await completeFlip(db, movers.stores, accountId)
  for (let next = path[state.mode]; next; next = path[state.mode]) {
    const leaves = rolesOf(state.mode).source !== null && rolesOf(next).source === null
    if (leaves && !(await empty(movers, slice, state, step))) return false
    state = await flip(movers, slice, state, next)
  }
  await finishAccount(db, slice, accountId)
  return true
}

/** Sweeps an account until its source holds nothing, and verifies it. @returns false when the slice was over before that */
async function empty(movers: Movers, slice: MigrationRow, state: AccountState, step: Step): Promise<boolean> {
  const { accountId } = state
  for (let sweeps = 1; ; sweeps++) {
    if (!(await sweep(movers, slice, state, step))) return false
    const findings = await verifyAccount(movers.stores, state)
    if (findings.length > 0) throw new NotInOrder(`The stores differ in the account ${accountId}.`, findings)
    if (await isEmpty(movers.notes, state)) return true
    if (sweeps === SWEEPS) throw new NotInOrder(`The account ${accountId} cannot be swept to its end.`)
    await writeRanges(movers.db, slice, state, [])
  }
}

// As `changeMode` does it, under the slice's fence: who was fenced off begins no flip.
async function flip({ db, stores }: Movers, slice: MigrationRow, from: AccountState, to: AccountMode) {
  try {
    await guarded(db, slice, (tx) => intendMode(tx, from.accountId, to, from.epoch))
  } catch (error) {
    // Somebody else flips it: where to, is looked at then.
    if (!(error instanceof Problem) || error.code !== 'busy') throw error
  }
  return await completeFlip(db, stores, from.accountId)
}

/** Counts the notes of accounts that are to be moved, in the store that they leave. */
export async function countAccounts({ db, notes }: Movers, slice: MigrationRow): Promise<void> {
  for (let found = await accountsToCount(db, slice); found.length > 0; found = await accountsToCount(db, slice)) {
    const totals = new Map(found.map(({ id }) => [id, 0]))
    const add = async (store: Database | null, ids: string[], times = 1) => {
      if (!store || ids.length === 0) return
      for (const [id, count] of await countNotes(store, ids)) totals.set(id, (totals.get(id) ?? 0) + times * count)
    }
    await add(slice.direction === 'forward' ? notes.legacy : notes.current, [...totals.keys()])
    // Of an account that is on its way back, these are moved twice: back, and forward again.
    const returning = found.filter(({ mode }) => slice.direction === 'forward' && mode === 'rollback')
    await add(
      notes.current,
      returning.map(({ id }) => id),
      2,
    )
    await noteTotals(db, slice, totals)
  }
}

async function sweep(movers: Movers, slice: MigrationRow, state: AccountState, step: Step): Promise<boolean> {
  const { db, notes } = movers
  const { accountId } = state
  let ranges = await readRanges(db, slice, state)
  if (!ranges) {
    const source = notes[rolesOf(state.mode).source as 'legacy' | 'current'] as Database
    const count = (await countNotes(source, [accountId])).get(accountId) ?? 0
    const cuts = await cutRanges(source, accountId, Math.min(MOST_RANGES, Math.ceil(count / HUGE)))
    await writeRanges(db, slice, state, cuts)
    ranges = (await readRanges(db, slice, state)) ?? []
  }
  const ends = await Promise.all(ranges.map((range) => sweepRange(movers, slice, state, range, step)))
  return ends.every(Boolean)
}

async function sweepRange(
  { db, stores }: Movers,
  slice: MigrationRow,
  state: AccountState,
  range: SweepRange,
  step: Step,
): Promise<boolean> {
  const batch = async (at: SweepRange): Promise<SweepRange | null> => {
    // It has waited for its turn.
    if (step.isOver()) return at
    const swept = await sweepBatch(stores, state, { after: at.cursor, limit: slice.batch_size })
    const more = await advance(db, slice, state.accountId, at, swept)
    await step.moved(swept.moved)
    return more ? { ...at, cursor: swept.after } : null
  }
  let at: SweepRange | null = range
  while (at && !step.isOver()) at = await step.batches(batch, at)
  return at === null
}

// Nothing is added to the source in this epoch: what is empty now is empty when the account is flipped.
async function isEmpty(notes: NoteDatabases, { accountId, mode }: AccountState): Promise<boolean> {
  const { source } = rolesOf(mode)
  const store = source && notes[source]
  return !store || (await accountsHeld(store, [accountId])).length === 0
}

/**
 * What is not in order in an account: copies that the destination lacks, or has otherwise; or, when it has arrived, what is
 * left in the other store. What is under way at the moment is read again before it is reported.
 */
async function verifyAccount(stores: NoteStores, state: AccountState): Promise<MigrationFinding[]> {
  const { accountId, mode } = state
  const found: MigrationFinding[] = []
  const { source, destination } = rolesOf(mode)
  if (!source) {
    const other = destination === 'legacy' ? stores.current : stores.legacy
    const left = await other?.summary(state, { after: null, through: null })
    // Tombstones of a deletion in the mode that is over are cleaned up later.
    if (left && left.notes > 0) {
      found.push({ accountId, id: null, kind: 'left', sourceVersion: null, destinationVersion: null })
    }
    return found
  }
  let after: string | null = null
  do {
    const range = await verifyRange(stores, state, { after, limit: 1_000 })
    found.push(...range.findings.map((finding) => ({ accountId, ...finding })))
    after = range.through
  } while (after !== null && found.length < MOST_FINDINGS)
  return found.slice(0, MOST_FINDINGS)
}

const VERIFY_WITHIN_MS = 20_000

/** Verifies accounts side by side; one that is being flipped is looked at again. Gives up after 20 s. */
export async function verifyAccounts({ db, stores }: Pick<Movers, 'db' | 'stores'>, accountIds: string[]) {
  const deadline = performance.now() + VERIFY_WITHIN_MS
  const findings: MigrationFinding[] = []
  let accounts = 0
  await pLimit(4).map(accountIds, async (accountId) => {
    while (performance.now() < deadline && findings.length < MOST_FINDINGS) {
      const state = await completeFlip(db, stores, accountId)
      const found = await verifyAccount(stores, state).catch((error) => {
        if (!(error instanceof Fenced)) throw error
        return null
      })
      if (!found) continue
      accounts++
      // While it is swept, what is not swept yet is behind, and in order.
      findings.push(...found.filter(({ kind }) => kind !== 'behind'))
      return
    }
  })
  return { accounts, complete: accounts === accountIds.length, findings: findings.slice(0, MOST_FINDINGS) }
}
