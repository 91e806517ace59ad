import { describe, expect, it } from 'vitest'
import type { AccountState } from '../../domain/account.ts'
import { admitRole, fenceRole, isFenced } from '../../store/notes/fence.ts'
import { NoteProxy } from '../../store/notes/proxy.ts'
import { sweepBatch } from '../../store/notes/sweep.ts'
import { createOlderBuild, createTestNoteStores, stateOf } from './stores.ts'
import { content, K1, K2 } from './world.ts'

const { legacy, stores } = await createTestNoteStores()

let count = 0
/** An account in the mode off, an older build that writes to it, and the current one. */
async function sideBySide() {
  const accountId = `account-${++count}`
  let account: AccountState = stateOf(accountId, 'off')
  const become = async (next: AccountState) => {
    await stores.legacy.raise(accountId, next.epoch)
    await stores.current.raise(accountId, next.epoch)
    account = next
  }
  await become(account)
  const proxy = new NoteProxy(stores, { load: async () => account, refresh: async () => account })
  const older = await createOlderBuild(legacy.url, legacy.db)
  return {
    accountId,
    older,
    /** Starts to move the account, after shutting the older build out, or without. */
    async migrate({ fence }: { fence: boolean }) {
      if (fence) await fenceRole(legacy.db, older.role)
      await become(stateOf(accountId, 'migrating', 2))
    },
    sweep: async () => sweepBatch(stores, account, { after: null, limit: 100 }),
    finish: () => become(stateOf(accountId, 'done', 3)),
    get: async (id: string) => (await proxy.get(accountId, id))?.note?.title ?? null,
    write: (id: string, title: string | null) =>
      proxy.write(accountId, id, () => (title === null ? null : content(title))),
  }
}

const REFUSED = /permission denied|terminat|not queryable|Connection/

describe('the four inconsistencies of old code beside new code, each with the fence and without it', () => {
  it('1. an old build updates a note that a new one has moved', async () => {
    const without = await sideBySide()
    await without.older.create(without.accountId, K1, 'first')
    await without.migrate({ fence: false })
    await without.sweep()
    // Nothing was updated, and the old build does not look.
    expect(await without.older.update(without.accountId, K1, 'second')).toBe(0)
    expect(await without.get(K1)).toBe('first')

    const fenced = await sideBySide()
    await fenced.older.create(fenced.accountId, K1, 'first')
    await fenced.migrate({ fence: true })
    await fenced.sweep()
    await expect(fenced.older.update(fenced.accountId, K1, 'second')).rejects.toThrow(REFUSED)
    expect(await fenced.get(K1)).toBe('first')
  })

  it('2. an old build creates a note in the legacy store', async () => {
    const without = await sideBySide()
    await without.migrate({ fence: false })
    await without.sweep()
    await without.finish()
    await without.older.create(without.accountId, K1, 'late')
    expect(await without.get(K1)).toBeNull()

    const fenced = await sideBySide()
    await fenced.migrate({ fence: true })
    await fenced.sweep()
    await fenced.finish()
    await expect(fenced.older.create(fenced.accountId, K1, 'late')).rejects.toThrow(REFUSED)
  })

  it('3. an old build does not find a note that a new one has created', async () => {
    const without = await sideBySide()
    await without.migrate({ fence: false })
    await without.write(K1, 'new')
    expect(await without.older.titles(without.accountId)).toEqual([])

    const fenced = await sideBySide()
    await fenced.migrate({ fence: true })
    await fenced.write(K1, 'new')
    await expect(fenced.older.titles(fenced.accountId)).rejects.toThrow(REFUSED)
  })

  it('4. an old build deletes a note from the legacy store alone', async () => {
    const without = await sideBySide()
    await without.migrate({ fence: false })
    await without.write(K1, 'new')
    expect(await without.older.delete(without.accountId, K1)).toBe(0)
    expect(await without.get(K1)).toBe('new')

    const fenced = await sideBySide()
    await fenced.migrate({ fence: true })
    await fenced.write(K1, 'new')
    await expect(fenced.older.delete(fenced.accountId, K1)).rejects.toThrow(REFUSED)
  })
})

describe('an older build', () => {
  it('writes beside the current one while the account is off: versions rise, deletes leave tombstones that it does not see', async () => {
    const { accountId, older, get, write } = await sideBySide()
    await older.create(accountId, K1, 'one')
    await older.update(accountId, K1, 'two')
    expect(await write(K1, 'three')).toMatchObject({ version: 3 })
    await older.update(accountId, K1, 'four')
    expect(await get(K1)).toBe('four')
    expect(await older.delete(accountId, K1)).toBe(1)
    expect(await older.titles(accountId)).toEqual([])
    const [deleted] = await stores.legacy.find(stateOf(accountId, 'off'), [K1])
    expect(deleted).toEqual({ id: K1, version: 5, note: null })
    await older.create(accountId, K1, 'again')
    const [created] = await stores.legacy.find(stateOf(accountId, 'off'), [K1])
    expect(created).toMatchObject({ version: 6, note: { title: 'again' } })
    await write(K1, null)
    await older.create(accountId, K1, 'once more')
    expect((await write(K2, 'x')).version).toBe(1)
    expect(await older.titles(accountId)).toEqual(['once more', 'x'])
  })

  it('M9: that stands still in the middle of a transaction loses it when it is fenced, and may come back when it is let in', async () => {
    const { accountId, older, get } = await sideBySide()
    await older.create(accountId, K1, 'first')
    await older.client.query('BEGIN')
    await older.update(accountId, K1, 'in the middle')
    expect(await isFenced(legacy.db, older.role)).toBe(false)
    await fenceRole(legacy.db, older.role)
    expect(await isFenced(legacy.db, older.role)).toBe(true)
    await expect(older.client.query('COMMIT')).rejects.toThrow(REFUSED)
    expect(await get(K1)).toBe('first')
    const again = await createOlderBuild(legacy.url, legacy.db)
    await fenceRole(legacy.db, again.role)
    await admitRole(legacy.db, again.role)
    expect(await isFenced(legacy.db, again.role)).toBe(false)
  })
})
