import type { AccountState, StoreName } from '../../domain/account.ts'
import type { Copy, CopyPage } from '../../domain/note-copies.ts'
import { Problem } from '../../domain/problems.ts'

// How notes move. Two stores, no transaction over both; docs/account-migration.md has the argument.
// - An operation goes through `NoteProxy` (proxy.ts): it carries the account's state, and a store refuses it (`Fenced`)
//   when the account's epoch there is another one.
// - A sweep: `sweepBatch(stores, account, { after, limit })` (sweep.ts) again and again with the `after` it returns, until
//   that is null. What is written meanwhile is moved by its writer. Any batch may be repeated, dropped or run twice at once.
// - A check: `verifyRange(stores, account, { after, limit })` (verify.ts), as often as a sweep.
// - A flip: `changeMode(db, stores, accountId, mode, origin)` (flip.ts): intent → epoch raised in both stores → published.
//   `completeFlip(db, stores, accountId)` finishes one that was interrupted; the proxy's refresh calls it as well.
// - After: `cleanUp(db, stores, accountId, origin)` (clean-up.ts) forgets tombstones, in the modes done and off.
// - A fence against builds that know no epochs: `fenceRole(db, role)`, `admitRole(db, role)` (fence.ts), in each store.

/** The account's epoch in the store is not the one that the operation carries: nothing was done. */
export class Fenced extends Error {
  override name = 'Fenced'
}

/** What one of the two stores holds of a range. */
export interface Summary {
  notes: number
  tombstones: number
  /** Sum of a hash of each copy, so that it does not depend on an order. */
  checksum: string
}

/** Ids above `after` and up to `through`; null: from the first, to the last. */
export interface IdRange {
  after: string | null
  through: string | null
}

/**
 * One store of notes. Each call (`summary`: each of its parts) is one transaction of this store, atomic, and checks the account's
 * epoch in it.
 *
 * @throws Fenced from everything but `raise`
 */
export interface NoteStore {
  /** What is here of one id. */
  get(account: AccountState, id: string): Promise<Copy | null>
  /** The copies of these ids, those that there are. */
  find(account: AccountState, ids: string[]): Promise<Copy[]>
  /** Copies above `after` in the order of ids: at least `limit` notes, or to where it says. */
  page(account: AccountState, after: string | null, limit: number): Promise<CopyPage>
  /** Writes a copy if what is here has the version `expected` (0: nothing is here). Returns whether it did. */
  put(account: AccountState, expected: number, copy: Copy): Promise<boolean>
  /** Takes copies in where they are newer. Returns the ids that the other store may forget at these versions. */
  merge(account: AccountState, copies: Copy[]): Promise<string[]>
  /** Removes copies that are still of these versions, and leaves no tombstone. Returns how many. */
  forget(account: AccountState, copies: Pick<Copy, 'id' | 'version'>[]): Promise<number>
  /** Counts some after the other, each of one instant: of what is written meanwhile, some or none. */
  summary(account: AccountState, range: IdRange): Promise<Summary>
  /** Forgets tombstones that were made `hours` before the epoch was raised, or earlier; at most `limit`. Returns how many. */
  dropTombstones(account: AccountState, limit: number, hours: number): Promise<number>
  /** Raises the account's epoch, never lowers it; waits for transactions that hold the one before. */
  raise(accountId: string, epoch: number): Promise<void>
}

/** The stores that are configured; without `current`, no account can leave the mode off. */
export type NoteStores = { legacy: NoteStore; current: NoteStore | null }

/** @throws Problem `notes-not-configured` when the account's mode needs a store that is not configured */
export function storeOf(stores: NoteStores, name: StoreName): NoteStore {
  const store = stores[name]
  if (store) return store
  throw new Problem('notes-not-configured', `The account needs the ${name} store: set NOTES_${name.toUpperCase()}_URL.`)
}
