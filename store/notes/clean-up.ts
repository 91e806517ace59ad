import { rolesOf } from '../../domain/account.ts'
import type { Origin } from '../../domain/event.ts'
import { Problem } from '../../domain/problems.ts'
import { intendMode } from '../accounts.ts'
import type { Database } from '../database.ts'
import { transaction } from '../transaction.ts'
import { completeFlip } from './flip.ts'
import type { NoteStores } from './note-store.ts'

const BATCH = 1000

/**
 * Forgets the tombstones of an account that is done or off, or those older than so many hours. It raises the epoch first: whoever has read a note before
 * it was deleted is refused from then on, and cannot bring it back. Call it again when it was interrupted.
 *
 * @returns how many were forgotten
 * @throws Problem `account-not-found`, `account-mode` while the account has a source, `busy`
 */
export async function cleanUp(
  db: Database,
  stores: NoteStores,
  accountId: string,
  origin: Origin,
  { olderThanHours = 0 } = {},
): Promise<number> {
  const { mode, epoch } = await completeFlip(db, stores, accountId)
  const { source, destination } = rolesOf(mode)
  if (source !== null) {
    throw new Problem('account-mode', `The account is ${mode}: its tombstones are needed until it is done or off.`)
  }
  await transaction(db, (tx) => intendMode(tx, accountId, mode, epoch), { origin })
  const account = await completeFlip(db, stores, accountId)
  let forgotten = 0
  for (const name of [destination, destination === 'legacy' ? 'current' : 'legacy'] as const) {
    for (let dropped = BATCH; dropped === BATCH; forgotten += dropped) {
      dropped = (await stores[name]?.dropTombstones(account, BATCH, olderThanHours)) ?? 0
    }
  }
  return forgotten
}
