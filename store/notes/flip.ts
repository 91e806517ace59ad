import { type AccountMode, type AccountState, rolesOf } from '../../domain/account.ts'
import type { Origin } from '../../domain/event.ts'
import { Problem } from '../../domain/problems.ts'
import { intendMode, publishMode, readState, refuseMode } from '../accounts.ts'
import type { Database } from '../database.ts'
import { transaction } from '../transaction.ts'
import { Fenced, type NoteStores, storeOf } from './note-store.ts'

/**
 * Completes a change of mode that is under way: the epoch in both stores, each in a transaction of its own, then the
 * account's row. May be done again, by several at once, and stopped anywhere: epochs only rise, and only the first publishes.
 *
 * @returns the account as it is then
 * @throws Problem `account-not-found`
 */
export async function completeFlip(db: Database, stores: NoteStores, accountId: string): Promise<AccountState> {
  const { state, next } = await readState(db, accountId)
  if (!next) return state
  await raiseEpoch(stores, accountId, next.epoch)
  await transaction(db, (tx) => publishMode(tx, accountId, next), { origin: next.origin })
  return completeFlip(db, stores, accountId)
}

async function raiseEpoch(stores: NoteStores, accountId: string, epoch: number): Promise<void> {
  await stores.legacy.raise(accountId, epoch)
  await stores.current?.raise(accountId, epoch)
}

/**
 * What an account is after a store has refused an operation. When it has not changed, that store has not heard of it
 * (it was configured since), and is told.
 */
export async function refreshAccount(db: Database, stores: NoteStores, refused: AccountState): Promise<AccountState> {
  const state = await completeFlip(db, stores, refused.accountId)
  if (state.epoch === refused.epoch) await raiseEpoch(stores, state.accountId, state.epoch)
  return state
}

/**
 * Changes the mode of an account by one step, and resolves when no process can write by the old one any more.
 *
 * @throws Problem `account-not-found`, `account-mode`, `account-not-moved` (to done, or from rollback to off, while the source
 *   holds something), `one-note-store`, `busy` when it is changed by another one at the same time
 */
export async function changeMode(
  db: Database,
  stores: NoteStores,
  accountId: string,
  to: AccountMode,
  origin: Origin,
): Promise<AccountState> {
  const state = await completeFlip(db, stores, accountId)
  if (state.mode === to) return state
  refuseChange(stores, state.mode, to)
  // The source is only ever emptied in this epoch, so what is seen here holds when the epoch is raised.
  if (rolesOf(to).source === null) await refuseUnmoved(stores, state)
  await transaction(db, (tx) => intendMode(tx, accountId, to, state.epoch), { origin })
  return completeFlip(db, stores, accountId)
}

/** @throws Problem `account-mode`, `one-note-store` for a change that cannot be, whatever the stores hold */
export function refuseChange(stores: NoteStores, from: AccountMode, to: AccountMode): void {
  refuseMode(from, to)
  if (stores.current) return
  throw new Problem('one-note-store', 'Only the legacy store is configured: set NOTES_CURRENT_URL as well.', {
    fields: [{ field: 'mode', message: 'must be off with one store' }],
  })
}

async function refuseUnmoved(stores: NoteStores, state: AccountState): Promise<void> {
  const { source } = rolesOf(state.mode)
  if (!source) return
  const all = { after: null, through: null }
  const { notes, tombstones } = await storeOf(stores, source)
    .summary(state, all)
    .catch((error) => {
      if (!(error instanceof Fenced)) throw error
      throw new Problem('busy', 'The account is being moved by another request. Send it again in a moment.')
    })
  if (notes + tombstones === 0) return
  throw new Problem(
    'account-not-moved',
    `The ${source} store still holds ${notes} notes and ${tombstones} tombstones of the account. Sweep them first.`,
    { members: { store: source, notes, tombstones } },
  )
}

/**
 * Takes an account through `steps`, one change of mode after the other, from the epoch that it had when they were decided on. Called
 * again, it goes on where it was broken off.
 *
 * @returns false when somebody else has changed the account since: then no other step is taken
 * @throws what `changeMode` throws
 */
export async function takeSteps(
  db: Database,
  stores: NoteStores,
  { id, epoch: from }: { id: string; epoch: number },
  steps: AccountMode[],
  origin: Origin,
): Promise<boolean> {
  for (;;) {
    const { mode, epoch } = await completeFlip(db, stores, id)
    const taken = epoch - from
    if (taken > steps.length || (taken > 0 && steps[taken - 1] !== mode)) return false
    const next = steps[taken]
    if (next === undefined) return true
    await changeMode(db, stores, id, next, origin)
  }
}
