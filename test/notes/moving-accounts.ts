import { expect } from 'vitest'
import { type AccountMode, pathTo } from '../../domain/account.ts'
import { createAccount, readState } from '../../store/accounts.ts'
import { changeMode, completeFlip, refreshAccount, takeSteps } from '../../store/notes/flip.ts'
import type { NoteStore, NoteStores } from '../../store/notes/note-store.ts'
import { NoteProxy } from '../../store/notes/proxy.ts'
import { sweepBatch } from '../../store/notes/sweep.ts'
import { alice, asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { createTestNoteStores } from './stores.ts'
import { content } from './world.ts'

/** A database, two note stores, and what tests do with accounts in them. */
export async function openAccounts() {
  const db = openTestDatabase(await createTestDatabase())
  const { stores, legacy, current } = await createTestNoteStores()

  let count = 0
  async function newAccount(using: NoteStores = stores) {
    const id = `account-${++count}`
    await asAlice(db, (tx) => createAccount(tx, { id, name: '' }))
    await completeFlip(db, using, id)
    return id
  }
  const stateOf = async (id: string) => (await readState(db, id)).state
  const proxy = new NoteProxy(stores, { load: stateOf, refresh: (refused) => refreshAccount(db, stores, refused) })
  const write = (accountId: string, id: string, title: string | null) =>
    proxy.write(accountId, id, () => (title === null ? null : content(title)))
  /** Walks to migrating, or back from it. */
  const setMigrating = async (id: string, isMigrating: boolean, using: NoteStores = stores) => {
    const { mode, epoch } = await stateOf(id)
    expect(await takeSteps(db, using, { id, epoch }, pathTo(mode, isMigrating), alice)).toBe(true)
  }
  const change = (accountId: string, mode: AccountMode) => changeMode(db, stores, accountId, mode, alice)

  async function sweep(accountId: string, limit = 100) {
    const account = await stateOf(accountId)
    let moved = 0
    for (let after: string | null | undefined; after !== null; ) {
      const batch = await sweepBatch(stores, account, { after: after ?? null, limit })
      moved += batch.moved
      expect(batch.differing).toEqual([])
      after = batch.after
    }
    return moved
  }

  async function contents(accountId: string) {
    const found = new Map<string, string>()
    for (let after: string | null | undefined; after !== null; ) {
      const page = await proxy.list(accountId, after ?? null, 7)
      for (const { id, note } of page.notes) {
        expect(found.has(id)).toBe(false)
        found.set(id, note?.title ?? '')
      }
      after = page.next
    }
    return [...found].sort()
  }

  /** The stores of a process that dies once it has had so many statements carried out. */
  function dyingAfter(statements: number) {
    let calls = 0
    const dying = (store: NoteStore) =>
      new Proxy(store, {
        get:
          (_, method: keyof NoteStore) =>
          async (...args: unknown[]) => {
            const answer =
              calls < statements && (await (store[method] as (...args: unknown[]) => Promise<unknown>)(...args))
            if (++calls >= statements) throw new Error('killed')
            return answer
          },
      })
    return { legacy: dying(stores.legacy), current: dying(stores.current) }
  }
  return { db, stores, legacy, current, newAccount, stateOf, write, change, setMigrating, sweep, contents, dyingAfter }
}
