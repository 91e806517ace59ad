import { type AccountState, rolesOf } from '../../domain/account.ts'
import { type Copy, type MergedPage, mergePages, type NoteContent, newest } from '../../domain/note-copies.ts'
import { Problem } from '../../domain/problems.ts'
import { Fenced, type NoteStore, type NoteStores, storeOf } from './note-store.ts'

/** Where the state of an account is loaded from before an operation is sent. May be old: the stores refuse it then. */
export interface AccountSource {
  /** @throws Problem `account-not-found` */
  load(accountId: string): Promise<AccountState>
  /** What the account is now that a store has refused `refused`, after completing a change of its mode that was interrupted. */
  refresh(refused: AccountState): Promise<AccountState>
}

/** The stores of an operation, by what they are in the account's mode. */
interface Roles {
  source: NoteStore | null
  destination: NoteStore
}

/** What a key holds in the two stores, and which of it counts. */
interface Found {
  source: Copy | null
  destination: Copy | null
  now: Copy | null
}

/** Flips in a row that one operation lives through, and writers in a row that it loses to. */
const ATTEMPTS = 30

/**
 * All operations on notes, over two stores of which one decides in each mode. Linearizable for each key and each page:
 * - a write takes effect at its compare-and-set at the destination, and is never begun again after it;
 * - a read, and a write that is refused, at its statement at the destination, the last one: until then the source
 *   was read, which only ever loses what the destination has.
 */
export class NoteProxy {
  protected readonly stores: NoteStores
  protected readonly accounts: AccountSource

  constructor(stores: NoteStores, accounts: AccountSource) {
    this.stores = stores
    this.accounts = accounts
  }

  /** What counts of a key: a note, a tombstone, or null. */
  async get(accountId: string, id: string): Promise<Copy | null> {
    return this.underEpoch(accountId, async (account) => (await this.find(account, this.roles(account), id)).now)
  }

  /**
   * A page of live notes by id. Each page is what the account held at one instant. Over all pages: no key comes twice,
   * because the cursor only rises; and a note that lives all the while is in one of them, because a page is complete up
   * to its cursor (`mergePages`), a move never changes a note's key, and a flip begins the page again, from the same cursor.
   */
  async list(accountId: string, after: string | null, limit: number): Promise<MergedPage> {
    return this.underEpoch(accountId, (account) => this.readPage(account, this.roles(account), after, limit))
  }

  /**
   * Writes what `decide` makes of what the key holds: a content, or null for a delete. It may be asked several times.
   *
   * @returns the copy as it was written
   * @throws whatever `decide` throws; Problem `busy` when it loses to others again and again
   */
  async write(accountId: string, id: string, decide: (now: Copy | null) => NoteContent | null): Promise<Copy> {
    return this.underEpoch(accountId, async (account) => {
      const roles = this.roles(account)
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const found = await this.find(account, roles, id)
        const copy = { id, version: (found.now?.version ?? 0) + 1, note: decide(found.now) }
        if (!(await this.put(account, roles.destination, found, copy))) continue
        await this.forgetSource(account, roles, found)
        return copy
      }
      throw new Problem('busy', 'Others write this note all the time. Send the request again in a moment.')
    })
  }

  protected roles({ mode }: AccountState): Roles {
    const { source, destination } = rolesOf(mode)
    return { source: source && storeOf(this.stores, source), destination: storeOf(this.stores, destination) }
  }

  protected async find(account: AccountState, { source, destination }: Roles, id: string): Promise<Found> {
    // In this order: the other way round, a note that is moved in between would be in neither.
    const from = source && (await source.get(account, id))
    const to = await destination.get(account, id)
    return { source: from, destination: to, now: newest(from, to) }
  }

  protected async readPage(
    account: AccountState,
    { source, destination }: Roles,
    after: string | null,
    limit: number,
  ): Promise<MergedPage> {
    // One more than is shown, so that the last page knows that it is the last.
    const from = source && (await source.page(account, after, limit + 1))
    const to = await destination.page(account, after, limit + 1)
    return mergePages(from, to, limit)
  }

  protected put(account: AccountState, destination: NoteStore, found: Found, copy: Copy): Promise<boolean> {
    return destination.put(account, found.destination?.version ?? 0, copy)
  }

  /** What a write leaves behind. It has taken effect already, so that nothing may fail it: the sweep forgets the rest. */
  protected async forgetSource(account: AccountState, { source }: Roles, found: Found): Promise<void> {
    if (source && found.source) await source.forget(account, [found.source]).catch(() => {})
  }

  protected async underEpoch<T>(accountId: string, work: (account: AccountState) => Promise<T>): Promise<T> {
    let account = await this.accounts.load(accountId)
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(account)
      } catch (error) {
        if (!(error instanceof Fenced)) throw error
        if (attempt === ATTEMPTS) {
          throw new Problem('busy', 'The account is being moved. Send the request again in a moment.', { cause: error })
        }
        account = await this.accounts.refresh(account)
      }
    }
  }
}
