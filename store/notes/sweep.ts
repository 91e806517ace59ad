import { type AccountState, rolesOf } from '../../domain/account.ts'
import { type NoteStores, storeOf } from './note-store.ts'

export interface SweptBatch {
  /** Copies that left the source, tombstones included. */
  moved: number
  /** Ids that stay, because the destination says something else of the same version. Never seen; an alarm. */
  differing: string[]
  /** Where the next batch begins; null: the source was read to its end. */
  after: string | null
}

/** A merge holds a lock for each key: 20 at once of 2,000 each found no more room in Postgres's table of locks. */
const MERGED_AT_ONCE = 200

/**
 * Moves up to `limit` notes, and the tombstones between them, from the account's source to its destination: read, take in
 * where newer, forget what the destination has. Several transactions; whoever dies between them leaves copies, and no gap.
 *
 * @throws Fenced when the account's epoch is another one: read the account again, then decide
 */
export async function sweepBatch(
  stores: NoteStores,
  account: AccountState,
  { after, limit }: { after: string | null; limit: number },
): Promise<SweptBatch> {
  const roles = rolesOf(account.mode)
  if (!roles.source) return { moved: 0, differing: [], after: null }
  const [source, destination] = [storeOf(stores, roles.source), storeOf(stores, roles.destination)]
  const { copies, through } = await source.page(account, after, limit)
  if (copies.length === 0) return { moved: 0, differing: [], after: null }
  const safe = new Set<string>()
  for (let n = 0; n < copies.length; n += MERGED_AT_ONCE) {
    for (const id of await destination.merge(account, copies.slice(n, n + MERGED_AT_ONCE))) safe.add(id)
  }
  const moved = await source.forget(
    account,
    copies.filter(({ id }) => safe.has(id)),
  )
  return { moved, differing: copies.filter(({ id }) => !safe.has(id)).map(({ id }) => id), after: through }
}
