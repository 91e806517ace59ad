import { describe, expect, it } from 'vitest'
import type { AccountMode } from '../../domain/account.ts'
import { getAccount, intendMode } from '../../store/accounts.ts'
import { listEvents } from '../../store/events.ts'
import { changeMode, completeFlip, refreshAccount, takeSteps } from '../../store/notes/flip.ts'
import { Fenced } from '../../store/notes/note-store.ts'
import { NoteProxy } from '../../store/notes/proxy.ts'
import { alice, asAlice } from '../helpers/database.ts'
import { openAccounts } from './moving-accounts.ts'
import { content, K1 } from './world.ts'

const { db, stores, newAccount, stateOf, write, change, setMigrating, contents, dyingAfter } = await openAccounts()

describe('a flip', () => {
  it('goes along off, ready, migrating, done and back over rollback, and no other way', async () => {
    const id = await newAccount()
    const walked: [AccountMode, boolean][] = []
    const all: AccountMode[] = ['off', 'ready', 'migrating', 'done', 'rollback']
    for (const to of ['ready', 'migrating', 'done', 'rollback', 'off', 'ready', 'migrating', 'rollback'] as const) {
      const { mode } = await stateOf(id)
      for (const wrong of all) {
        const allowed = {
          off: ['ready'],
          ready: ['migrating', 'off'],
          migrating: ['done', 'rollback'],
          done: ['rollback'],
          rollback: ['off'],
        }
        if (wrong === mode || allowed[mode].includes(wrong)) continue
        await expect(change(id, wrong)).rejects.toMatchObject({ code: 'account-mode', members: { mode } })
      }
      await change(id, to)
      const { isMigrating } = await getAccount(db, id)
      walked.push([to, isMigrating])
    }
    expect(walked.filter(([, isMigrating]) => isMigrating).map(([mode]) => mode)).toEqual(['migrating', 'migrating'])
    expect((await stateOf(id)).epoch).toBe(9)
    const { items } = await listEvents(db, { limit: 20, type: ['account-mode-changed'], actor: 'alice' })
    expect(items.filter(({ data }) => data.accountId === id)).toHaveLength(8)
  })

  it('isMigrating walks over ready to migrating, and from there to rollback; nothing changes twice', async () => {
    const id = await newAccount()
    await setMigrating(id, true)
    expect(await stateOf(id)).toMatchObject({ mode: 'migrating', epoch: 3 })
    await setMigrating(id, true)
    expect(await stateOf(id)).toMatchObject({ mode: 'migrating', epoch: 3 })
    await setMigrating(id, false)
    expect(await stateOf(id)).toMatchObject({ mode: 'rollback', epoch: 4 })
    // One that died on the way to migrating has moved nothing: it goes straight back.
    const halfway = await newAccount()
    await change(halfway, 'ready')
    await setMigrating(halfway, false)
    expect(await stateOf(halfway)).toMatchObject({ mode: 'off', epoch: 3 })
  })

  it('of several steps goes on where it was broken off, and no further when somebody has changed the account since', async () => {
    for (const statements of [0, 1, 2, 3, 4]) {
      const id = await newAccount()
      const steps = () => takeSteps(db, stores, { id, epoch: 1 }, ['ready', 'migrating'], alice)
      const broken = takeSteps(db, dyingAfter(statements), { id, epoch: 1 }, ['ready', 'migrating'], alice)
      await expect(broken).rejects.toThrow('killed')
      expect(await steps()).toBe(true)
      expect(await stateOf(id)).toMatchObject({ mode: 'migrating', epoch: 3 })
      expect(await steps()).toBe(true)
      await setMigrating(id, false)
      expect(await steps()).toBe(false)
      expect(await stateOf(id)).toMatchObject({ mode: 'rollback', epoch: 4 })
    }
    const other = await newAccount()
    await change(other, 'ready')
    await change(other, 'off')
    expect(await takeSteps(db, stores, { id: other, epoch: 1 }, ['ready', 'migrating'], alice)).toBe(false)
    expect(await stateOf(other)).toMatchObject({ mode: 'off', epoch: 3 })
  })

  it('is refused with one store', async () => {
    const only = { legacy: stores.legacy, current: null }
    const id = await newAccount(only)
    await expect(changeMode(db, only, id, 'ready', alice)).rejects.toMatchObject({ code: 'one-note-store' })
    await expect(setMigrating(id, true, only)).rejects.toMatchObject({ code: 'one-note-store' })
    // A store that is configured later hears of the account when it is needed.
    await write(id, K1, 'x')
    await setMigrating(id, true)
    expect(await contents(id)).toEqual([[K1, 'x']])
  })

  it('that dies anywhere is completed by whoever comes next: a request, or another flip', async () => {
    for (const next of ['request', 'flip'] as const) {
      // Before both stores know of it, between them, and before the account does.
      for (const statements of [0, 1, 2]) {
        const id = await newAccount()
        await write(id, K1, 'before')
        const before = await stateOf(id)
        await change(id, 'ready')
        await expect(changeMode(db, dyingAfter(statements), id, 'migrating', alice)).rejects.toThrow('killed')
        if (next === 'request') {
          // By a process that knows nothing of all this.
          const stale = new NoteProxy(stores, {
            load: async () => before,
            refresh: (refused) => refreshAccount(db, stores, refused),
          })
          await stale.write(id, K1, () => content('after'))
          expect((await stale.get(id, K1))?.note?.title).toBe('after')
        } else await change(id, 'rollback')
        const { nextMode, epoch } = await getAccount(db, id)
        expect({ nextMode, epoch }).toEqual({ nextMode: null, epoch: next === 'flip' ? 4 : 3 })
        expect(await contents(id)).toEqual([[K1, next === 'request' ? 'after' : 'before']])
      }
    }
  })

  it('several at once do not fight, and each process is refused until it knows', async () => {
    const id = await newAccount()
    await write(id, K1, 'x')
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => change(id, 'ready')))
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0)
    for (const result of results) if (result.status === 'rejected') expect(result.reason.code).toBe('busy')
    expect(await stateOf(id)).toMatchObject({ mode: 'ready', epoch: 2 })
    await expect(stores.legacy.find({ ...(await stateOf(id)), epoch: 1 }, [K1])).rejects.toThrow(Fenced)
  })

  it('an intent that was overtaken raises and publishes nothing', async () => {
    const id = await newAccount()
    const { epoch } = await stateOf(id)
    await asAlice(db, (tx) => intendMode(tx, id, 'ready', epoch))
    await expect(asAlice(db, (tx) => intendMode(tx, id, 'ready', epoch))).rejects.toMatchObject({ code: 'busy' })
    await Promise.all([1, 2, 3].map(() => completeFlip(db, stores, id)))
    expect(await stateOf(id)).toMatchObject({ mode: 'ready', epoch: 2 })
  })
})
