import { describe, expect, it } from 'vitest'
import type { AccountState } from '../../domain/account.ts'
import { cleanUp } from '../../store/notes/clean-up.ts'
import { refreshAccount } from '../../store/notes/flip.ts'
import { Fenced, type NoteStore } from '../../store/notes/note-store.ts'
import { NoteProxy } from '../../store/notes/proxy.ts'
import { cutRanges } from '../../store/notes/roles.ts'
import { sweepBatch } from '../../store/notes/sweep.ts'
import { verifyRange } from '../../store/notes/verify.ts'
import { alice } from '../helpers/database.ts'
import { openAccounts } from './moving-accounts.ts'
import { random } from './random.ts'
import { summarize } from './summarize.ts'
import { content, K1, K2 } from './world.ts'

const { db, stores, legacy, current, newAccount, stateOf, write, change, setMigrating, sweep, contents, dyingAfter } =
  await openAccounts()

describe('moving an account', () => {
  it('M7: done waits until the legacy store holds nothing of it, and off until the current one does', async () => {
    const id = await newAccount()
    await write(id, K1, 'one')
    await write(id, K2, 'two')
    await write(id, K2, null)
    await setMigrating(id, true)
    await expect(change(id, 'done')).rejects.toMatchObject({
      code: 'account-not-moved',
      members: { store: 'legacy', notes: 1, tombstones: 1 },
    })
    expect(await sweep(id)).toBe(2)
    await change(id, 'done')
    const held = async (name: 'legacy' | 'current') => {
      const { db: store } = { legacy, current }[name]
      return (await store.pool.query('SELECT version, note FROM note_copies WHERE account_id = $1 ORDER BY id', [id]))
        .rows
    }
    expect(await held('legacy')).toEqual([])
    expect(await held('current')).toHaveLength(2)
    await change(id, 'rollback')
    await expect(change(id, 'off')).rejects.toMatchObject({ code: 'account-not-moved', members: { store: 'current' } })
    await sweep(id)
    await change(id, 'off')
    expect(await held('current')).toEqual([])
    expect(await contents(id)).toEqual([[K1, 'one']])
  })

  it('M8: stopped anywhere and rolled back, it holds what one that never moved holds after the same writes', async () => {
    const pick = random(7)
    const ids = Array.from({ length: 12 }, (_, n) => `00000000-0000-4000-8000-0000000001${String(n).padStart(2, '0')}`)
    for (let round = 0; round < 6; round++) {
      const [moving, still] = [await newAccount(), await newAccount()]
      const work = async (writes: number) => {
        for (let n = 0; n < writes; n++) {
          const [id, title] = [ids[pick(12)] as string, pick(4) === 0 ? null : `${round}.${n}.${pick(1000)}`]
          const versions = [await write(moving, id, title), await write(still, id, title)].map(({ version }) => version)
          expect(versions[0]).toBe(versions[1])
        }
      }
      await work(20)
      await setMigrating(moving, true)
      // A sweep that stops after some batches, and one that dies between two statements of a batch.
      const account = await stateOf(moving)
      await sweepBatch(stores, account, { after: null, limit: 1 + pick(4) })
      await work(5)
      const dying = sweepBatch(dyingAfter(1 + pick(2)), account, { after: null, limit: 6 })
      await expect(dying).rejects.toThrow('killed')
      await work(10)
      if (pick(2)) {
        await sweep(moving, 5)
        await change(moving, 'done')
        await work(5)
      }
      await change(moving, 'rollback')
      await work(10)
      await sweep(moving, 5)
      await change(moving, 'off')
      await work(5)
      expect(await contents(moving)).toEqual(await contents(still))
      const [a, b] = [await summarize(stores, await stateOf(moving)), await summarize(stores, await stateOf(still))]
      expect(a.legacy).toEqual(b.legacy)
    }
  })

  it('in the biggest batches, side by side, without more locks than Postgres has room for', {
    timeout: 60_000,
  }, async () => {
    const id = await newAccount()
    await legacy.db.pool.query(
      `INSERT INTO notes (account_id, id, title) SELECT $1, uuidv7(), 'one of many' FROM generate_series(1, 40000)`,
      [id],
    )
    await setMigrating(id, true)
    const account = await stateOf(id)
    const cuts = await cutRanges(legacy.db, id, 20)
    const swept = await Promise.all(
      [null, ...cuts].map((after) => sweepBatch(stores, account, { after, limit: 2_000 })),
    )
    expect(swept.reduce((sum, { moved }) => sum + moved, 0)).toBe(40_000)
  })

  it('M6: no process acts in a mode that is not the one before, or after, that of another', async () => {
    const id = await newAccount()
    const seen: AccountState[] = []
    const watched = new NoteProxy(stores, {
      load: async () => seen.at(-1) ?? (await stateOf(id)),
      refresh: async (refused) => {
        const state = await refreshAccount(db, stores, refused)
        seen.push(state)
        return state
      },
    })
    await watched.write(id, K1, () => content('x'))
    const old = await stateOf(id)
    await change(id, 'ready')
    await change(id, 'migrating')
    // It was two modes behind; nothing that it asks for is done before it is where the account is.
    for (const store of [stores.legacy, stores.current]) {
      await expect(store.put(old, 1, { id: K1, version: 2, note: content('late') })).rejects.toThrow(Fenced)
    }
    await watched.write(id, K1, () => content('y'))
    expect((await watched.get(id, K1))?.note?.title).toBe('y')
    expect(await stores.current.find(await stateOf(id), [K1])).toMatchObject([{ version: 2 }])
  })

  it('in several batches at once, with writes and deletes of the same notes, loses nothing', async () => {
    const id = await newAccount()
    const ids: string[] = Array.from({ length: 300 }, () => crypto.randomUUID()).sort()
    await Promise.all(ids.map((noteId) => write(id, noteId, 'first')))
    await setMigrating(id, true)
    const expected = new Map(ids.map((noteId) => [noteId, 'first']))
    const writers = [0, 1, 2].map(async (writer) => {
      for (let n = writer; n < ids.length; n += 3) {
        const noteId = ids[n] as string
        if (n % 5 === 0) {
          await write(id, noteId, null)
          expected.delete(noteId)
        } else if (n % 2 === 0) {
          await write(id, noteId, `changed ${n}`)
          expected.set(noteId, `changed ${n}`)
        }
      }
    })
    const listed = contents(id)
    await Promise.all([...writers, sweep(id, 17), sweep(id, 40), listed])
    await sweep(id)
    const { source, ...report } = { source: (await summarize(stores, await stateOf(id))).legacy, id }
    expect([report.id, source]).toEqual([id, { notes: 0, tombstones: 0, checksum: '0' }])
    expect(await contents(id)).toEqual([...expected].sort())
    // What was never touched was in every list.
    const names = new Map(await listed)
    for (const [noteId, title] of expected) if (title === 'first') expect(names.get(noteId)).toBe('first')
  })
})

describe('the verifier', () => {
  it('reports what is behind and what differs, reads again before it does, and has the checksum of moved notes unchanged', async () => {
    const id = await newAccount()
    await write(id, K1, 'one')
    await write(id, K2, 'two')
    const before = await summarize(stores, await stateOf(id))
    await setMigrating(id, true)
    const account = await stateOf(id)
    const all = { after: null, limit: 10 }
    expect(await summarize(stores, account)).toMatchObject({ legacy: { notes: 2 }, current: { notes: 0 } })
    expect(await verifyRange(stores, account, all)).toMatchObject({
      findings: [
        { id: K1, kind: 'behind', sourceVersion: 1, destinationVersion: null },
        { id: K2, kind: 'behind' },
      ],
    })
    await current.db.pool.query(`INSERT INTO notes (account_id, id, title, version) VALUES ($1, $2, 'another', 1)`, [
      id,
      K1,
    ])
    expect((await verifyRange(stores, account, all)).findings).toContainEqual({
      id: K1,
      kind: 'differs',
      sourceVersion: 1,
      destinationVersion: 1,
    })
    // The sweep does not let go of what it would lose.
    expect(await sweepBatch(stores, account, all)).toEqual({ moved: 1, differing: [K1], after: null })
    await current.db.pool.query('DELETE FROM notes WHERE account_id = $1 AND id = $2', [id, K1])
    await sweep(id)
    expect((await verifyRange(stores, account, all)).findings).toEqual([])
    expect(await summarize(stores, account)).toMatchObject({ legacy: { notes: 0 }, current: before.legacy })
  })

  it('does not report a note that moves while it looks', async () => {
    const id = await newAccount()
    await write(id, K1, 'one')
    await setMigrating(id, true)
    const account = await stateOf(id)
    let moved = false
    const racing: NoteStore = {
      ...stores.current,
      find: async (...args) => {
        const found = await stores.current.find(...args)
        if (!moved) await sweep(id)
        moved = true
        return found
      },
    }
    const report = await verifyRange({ ...stores, current: racing }, account, { after: null, limit: 10 })
    expect(report.findings).toEqual([])
  })
})

describe('the clean-up', () => {
  it('forgets tombstones when the account is done or off, and nothing that was under way brings a note back', async () => {
    const id = await newAccount()
    await write(id, K1, 'one')
    await setMigrating(id, true)
    await expect(cleanUp(db, stores, id, alice)).rejects.toMatchObject({ code: 'account-mode' })
    await sweep(id)
    await change(id, 'done')
    const slow = await stateOf(id)
    const [read] = await stores.current.find(slow, [K1])
    await write(id, K1, null)
    expect(await cleanUp(db, stores, id, alice)).toBe(1)
    await expect(stores.current.merge(slow, [read as NonNullable<typeof read>])).rejects.toThrow(Fenced)
    expect(await summarize(stores, await stateOf(id))).toMatchObject({ current: { notes: 0, tombstones: 0 } })
    expect(await cleanUp(db, stores, id, alice)).toBe(0)
  })
})
