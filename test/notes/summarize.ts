import { type AccountState, rolesOf, type StoreName } from '../../domain/account.ts'
import { type NoteStores, type Summary, storeOf } from '../../store/notes/note-store.ts'

/** Counts and checksums of all that both stores hold of an account; null: the mode does not use the store. */
export async function summarize(stores: NoteStores, account: AccountState): Promise<Record<StoreName, Summary | null>> {
  const { source, destination } = rolesOf(account.mode)
  const summary = (name: StoreName) =>
    name === source || name === destination
      ? storeOf(stores, name).summary(account, { after: null, through: null })
      : Promise.resolve(null)
  // The source first, as every read.
  const first = source && (await summary(source))
  const last = await summary(destination)
  const other = destination === 'legacy' ? 'current' : 'legacy'
  return { legacy: null, current: null, [destination]: last, [other]: first } as Record<StoreName, Summary | null>
}
