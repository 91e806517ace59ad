import type { AccountState } from '../../domain/account.ts'
import { type Copy, type CopyPage, type MergedPage, mergePages } from '../../domain/note-copies.ts'
import { Fenced, type NoteStore } from '../../store/notes/note-store.ts'
import { NoteProxy } from '../../store/notes/proxy.ts'
import type { MemoryStore } from './memory-store.ts'
import { K1, K2, K3, note, type Scenario, tombstone, type Variant } from './world.ts'

type Roles = ReturnType<NoteProxy['roles']>
type Found = Awaited<ReturnType<NoteProxy['find']>>

/** A store with some of its methods changed. */
const changed = (change: (store: MemoryStore) => Partial<NoteStore>): Variant => ({
  store: (inner) => ({ ...inner, ...change(inner as MemoryStore) }),
})
const believing = (store: MemoryStore, account: AccountState) => ({ ...account, epoch: store.epoch })
const held = (store: MemoryStore, id: string) => store.copies.get(id)?.version ?? 0
const withoutTombstones = ({ copies, through }: CopyPage) => ({ copies: copies.filter(({ note }) => note), through })

class DestinationFirst extends NoteProxy {
  override async find(account: AccountState, { source, destination }: Roles, id: string): Promise<Found> {
    const to = await destination.get(account, id)
    const from = source && (await source.get(account, id))
    return { source: from, destination: to, now: from && from.version > (to?.version ?? 0) ? from : to }
  }
}

class DestinationHitReturns extends NoteProxy {
  override async get(accountId: string, id: string): Promise<Copy | null> {
    return this.underEpoch(accountId, async (account) => {
      const roles = this.roles(account)
      const hit = await roles.destination.get(account, id)
      return hit?.note ? hit : (await this.find(account, roles, id)).now
    })
  }
}

class RestartsAfterItsWrite extends NoteProxy {
  override async forgetSource(account: AccountState, { source }: Roles, found: Found): Promise<void> {
    if (source && found.source) await source.forget(account, [found.source])
  }
}

class ForgetsFirst extends NoteProxy {
  override async put(account: AccountState, destination: NoteStore, found: Found, copy: Copy): Promise<boolean> {
    await this.forgetSource(account, this.roles(account), found)
    return super.put(account, destination, found, copy)
  }
}

class QueryStreamedLock extends NoteProxy {
  override async readPage(
    account: AccountState,
    roles: Roles,
    after: string | null,
    limit: number,
  ): Promise<MergedPage> {
    const from = roles.source && (await roles.source.page(account, after, limit + 1))
    const read = (as: AccountState) => this.roles(as).destination.page(as, after, limit + 1)
    const to = await read(account).catch(async (error) => {
      if (!(error instanceof Fenced)) throw error
      return read(await this.accounts.refresh(account))
    })
    return mergePages(from, to, limit)
  }
}

class QueryStreamedBackUpNewStream extends NoteProxy {
  override async readPage(
    account: AccountState,
    roles: Roles,
    after: string | null,
    limit: number,
  ): Promise<MergedPage> {
    const from = roles.source && (await roles.source.page(account, after, limit + 1))
    const to = await roles.destination.page(account, after, limit + 1)
    return mergePages(from && { ...from, through: null }, to, limit)
  }
}

class QueryStreamedSaveNewConfig extends NoteProxy {
  #first: Roles | undefined
  override roles(account: AccountState): Roles {
    this.#first ??= super.roles(account)
    return this.#first
  }
}

class EnsurePartitionSwitchedFromPopulated extends NoteProxy {
  override async put(account: AccountState, destination: NoteStore, found: Found, copy: Copy): Promise<boolean> {
    if (await super.put(account, destination, found, copy)) return true
    const there = await destination.get(account, copy.id)
    const version = (there?.version ?? 0) + 1
    return destination.put(account, there?.version ?? 0, { ...copy, version })
  }
}

class TombstoneOutputETag extends NoteProxy {
  override async write(...args: Parameters<NoteProxy['write']>): Promise<Copy> {
    const written = await super.write(...args)
    return written.note ? written : { ...written, version: written.version - 1 }
  }
}

class InsertBehindMigrator extends NoteProxy {
  override async put(account: AccountState, destination: NoteStore, found: Found, copy: Copy): Promise<boolean> {
    return super.put(account, found.now ? destination : (this.roles(account).source ?? destination), found, copy)
  }
}

export interface Mutant {
  variant: Variant
  /** Where it is caught. */
  scenario: Scenario
}

const update = (value: string) => ({ kind: 'update', id: K1, value }) as const
const create = (value: string) => ({ kind: 'create', id: K1, value }) as const
const remove = { kind: 'delete', id: K1 } as const
const get = { kind: 'get', id: K1 } as const
const list = { kind: 'list', limit: 1 } as const
const sweep = { kind: 'sweep' } as const
const flip = (to: Scenario['mode']) => ({ kind: 'flip', to }) as const

const inLegacy = { mode: 'migrating', legacy: [note(K1, 1)], current: [] } as const
const inCurrent = { mode: 'migrating', legacy: [], current: [note(K1, 2)] } as const
const scenario = (
  { mode, legacy, current }: { mode: Scenario['mode']; legacy: readonly Copy[]; current: readonly Copy[] },
  ...operations: Scenario['operations']
): Scenario => ({ mode, legacy: [...legacy], current: [...current], operations })

const told = (one: Scenario): Scenario => ({ ...one, told: true })

/** Each takes one thing of the protocol away. */
export const ABLATIONS: Record<string, Mutant> = {
  'no fence': {
    variant: changed((store) => ({
      get: (account, id) => store.get(believing(store, account), id),
      find: (account, ids) => store.find(believing(store, account), ids),
      page: (account, after, limit) => store.page(believing(store, account), after, limit),
      put: (account, expected, copy) => store.put(believing(store, account), expected, copy),
      merge: (account, copies) => store.merge(believing(store, account), copies),
      forget: (account, copies) => store.forget(believing(store, account), copies),
      summary: (account, range) => store.summary(believing(store, account), range),
    })),
    scenario: told(scenario({ ...inLegacy, mode: 'ready' }, update('a'), update('b'), flip('migrating'))),
  },
  'blind put instead of compare-and-set': {
    variant: changed((store) => ({ put: (account, _, copy) => store.put(account, held(store, copy.id), copy) })),
    scenario: scenario(inLegacy, update('a'), update('b')),
  },
  'no tombstones': {
    variant: changed((store) => ({
      put: async (account, expected, copy) => {
        const written = await store.put(account, expected, copy)
        if (written && !copy.note) store.copies.delete(copy.id)
        return written
      },
    })),
    scenario: scenario(inLegacy, remove, sweep),
  },
  'destination read first': { variant: { proxy: DestinationFirst }, scenario: scenario(inLegacy, sweep, get) },
  'reads not fenced': {
    variant: changed((store) => ({
      get: (account, id) => store.get(believing(store, account), id),
      find: (account, ids) => store.find(believing(store, account), ids),
      page: (account, after, limit) => store.page(believing(store, account), after, limit),
    })),
    scenario: scenario(inCurrent, flip('rollback'), update('a'), get),
  },
  'a hit at the destination is returned at once': {
    variant: { proxy: DestinationHitReturns },
    // Left by a writer that died before it took the older copy away, as a crash in the mode migrating leaves it.
    scenario: scenario({ mode: 'migrating', legacy: [note(K1, 1)], current: [note(K1, 2)] }, flip('rollback'), get),
  },
}

/** Bugs that were made in MigratingTable, and three that were thought of, each by its name there. */
export const MIGRATING_TABLE: Record<string, Mutant> = {
  QueryAtomicFilterShadowing: {
    variant: changed((store) => ({
      page: async (account, after, limit) => {
        const page = await store.page(account, after, limit)
        return after === null ? withoutTombstones(page) : page
      },
    })),
    scenario: scenario({ mode: 'migrating', legacy: [note(K1, 1)], current: [tombstone(K1, 2)] }, list),
  },
  QueryStreamedFilterShadowing: {
    variant: changed((store) => ({
      page: async (account, after, limit) => {
        const page = await store.page(account, after, limit)
        return after === null ? page : withoutTombstones(page)
      },
    })),
    scenario: scenario(
      { mode: 'migrating', legacy: [note(K1, 1), note(K2, 1), note(K3, 1)], current: [tombstone(K3, 2)] },
      list,
    ),
  },
  QueryStreamedLock: {
    variant: { proxy: QueryStreamedLock },
    scenario: scenario({ mode: 'migrating', legacy: [note(K2, 1)], current: [note(K1, 2)] }, list, flip('rollback')),
  },
  QueryStreamedBackUpNewStream: {
    variant: { proxy: QueryStreamedBackUpNewStream },
    scenario: scenario(
      {
        mode: 'migrating',
        legacy: [note(K1, 1), note(K2, 1), note(K3, 1)],
        current: [tombstone(K1, 2)],
      },
      list,
    ),
  },
  QueryStreamedSaveNewConfig: {
    variant: { proxy: QueryStreamedSaveNewConfig },
    scenario: told(scenario({ ...inLegacy, mode: 'ready' }, update('a'), update('b'), flip('migrating'))),
  },
  DeleteNoLeaveTombstonesETag: {
    variant: changed((store) => ({
      put: (account, expected, copy) => store.put(account, copy.note ? expected : held(store, copy.id), copy),
    })),
    scenario: scenario({ mode: 'done', legacy: [], current: [note(K1, 1)] }, update('a'), remove),
  },
  DeletePrimaryKey: {
    variant: changed((store) => ({
      put: (account, expected, copy) => store.put(account, expected, copy.note ? copy : { ...copy, id: K3 }),
    })),
    scenario: scenario(inLegacy, remove, create('b')),
  },
  EnsurePartitionSwitchedFromPopulated: {
    variant: { proxy: EnsurePartitionSwitchedFromPopulated },
    scenario: scenario(inLegacy, update('a'), remove),
  },
  TombstoneOutputETag: { variant: { proxy: TombstoneOutputETag }, scenario: scenario(inLegacy, remove) },
  MigrateSkipPreferOld: {
    // As if all processes knew the new mode before the legacy store does: it takes the old epoch, and newer ones.
    variant: {
      store: (inner, name) => {
        const store = inner as MemoryStore
        if (name === 'current') return store
        const lenient = (account: AccountState) => (account.epoch > store.epoch ? believing(store, account) : account)
        return {
          ...store,
          raise: async () => {},
          find: (account, ids) => store.find(lenient(account), ids),
          page: (account, after, limit) => store.page(lenient(account), after, limit),
          put: (account, expected, copy) => store.put(lenient(account), expected, copy),
          forget: (account, copies) => store.forget(lenient(account), copies),
        }
      },
    },
    scenario: told(scenario({ ...inLegacy, mode: 'ready' }, update('a'), update('b'), flip('migrating'))),
  },
  MigrateSkipUseNewWithTombstones: {
    variant: { cleanUp: 'at-any-time' },
    scenario: scenario(inLegacy, sweep, remove, { kind: 'cleanUp' }),
  },
  InsertBehindMigrator: {
    variant: { proxy: InsertBehindMigrator, flip: 'no-check' },
    scenario: scenario({ mode: 'migrating', legacy: [], current: [] }, create('a'), flip('done')),
  },
}

/** Mistakes that were made, or nearly, with this protocol itself. */
export const OWN: Record<string, Mutant> = {
  'begun again after the compare-and-set took effect': {
    variant: { proxy: RestartsAfterItsWrite },
    scenario: scenario(inLegacy, remove, flip('rollback')),
  },
  'source forgotten before the compare-and-set': {
    variant: { proxy: ForgetsFirst },
    scenario: scenario(inLegacy, update('a'), get),
  },
  'done without a look at the source': {
    variant: { flip: 'no-check', sweep: async () => ({ moved: 0, differing: [], after: null }) },
    scenario: scenario(inLegacy, flip('done'), get),
  },
  'sweep that overwrites': {
    variant: changed((store) => ({
      merge: async (account, copies) => {
        await store.merge(account, [])
        for (const copy of copies) store.copies.set(copy.id, copy)
        return copies.map(({ id }) => id)
      },
    })),
    scenario: scenario(inLegacy, sweep, update('a')),
  },
  'sweep that forgets what it has not checked': {
    variant: {
      sweep: async (stores, account, { after, limit }) => {
        const page = await stores.legacy.page(account, after, limit)
        await stores.legacy.forget(account, page.copies)
        await stores.current?.merge(account, page.copies)
        return { moved: page.copies.length, differing: [], after: page.through }
      },
    },
    scenario: scenario(inLegacy, sweep, get),
  },
}
