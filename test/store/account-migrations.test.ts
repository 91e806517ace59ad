import { describe, expect, it } from 'vitest'
import { NewAccountMigration } from '../../domain/account-migration.ts'
import { rollbackMigration, stopMigration } from '../../store/account-migration-control.ts'
import { type Movers, moveAccount, type Step } from '../../store/account-migration-moves.ts'
import type { MigrationRow } from '../../store/account-migration-rows.ts'
import { getMigration } from '../../store/account-migration-rows.ts'
import { advance, claimMigration, readRanges, Superseded, writeRanges } from '../../store/account-migration-slices.ts'
import { startMigration } from '../../store/account-migrations.ts'
import { getAccount } from '../../store/accounts.ts'
import { makeAccounts } from '../../store/notes/import.ts'
import { contentOfAccount } from '../helpers/accounts.ts'
import { asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { createTestNoteStores } from '../notes/stores.ts'

const db = openTestDatabase(await createTestDatabase())
const { stores, legacy, current } = await createTestNoteStores()
const notes = { legacy: legacy.db, current: current.db }
const movers: Movers = { db, stores, notes }

/** A slice that is over after so many batches. */
const stepOf = (batches = Number.POSITIVE_INFINITY): Step => {
  let left = batches
  return { isOver: () => left <= 0, moved: async () => void left-- }
}
let count = 0
async function begin(noteCount: number) {
  const id = `account-${++count}`
  await makeAccounts(db, notes, [{ id, notes: noteCount }], 'alice')
  const body = NewAccountMigration.parse({ cohorts: [{ accounts: [id] }], batchSize: 10 })
  return { id, migration: await asAlice(db, (tx) => startMigration(tx, body)) }
}
const claim = async (id: string) => (await claimMigration(db, id)) as MigrationRow
const mode = async (id: string) => (await getAccount(db, id)).mode

describe('a slice', () => {
  it('that was fenced off begins no flip, and advances nothing', async () => {
    const { id, migration } = await begin(50)
    const zombie = await claim(migration.id)
    expect(await moveAccount(movers, zombie, id, stepOf(2))).toBe(false)
    const now = await claim(migration.id)
    await expect(moveAccount(movers, zombie, id, stepOf())).rejects.toThrow(Superseded)
    expect(await mode(id)).toBe('migrating')
    expect(await moveAccount(movers, now, id, stepOf())).toBe(true)
    expect(await mode(id)).toBe('done')
  })

  it('that has begun an account when it goes back flips it no more', async () => {
    const { id, migration } = await begin(5)
    const zombie = await claim(migration.id)
    // It stands before its first flip when somebody rolls back.
    const racing: Movers = {
      ...movers,
      stores: {
        ...stores,
        legacy: {
          ...stores.legacy,
          raise: async (...args) => {
            await asAlice(db, (tx) => rollbackMigration(tx, migration.id))
            return await stores.legacy.raise(...args)
          },
        },
      },
    }
    await expect(moveAccount(racing, zombie, id, stepOf())).rejects.toThrow(Superseded)
    expect(await mode(id)).toBe('ready')
    const back = await claim(migration.id)
    expect(await moveAccount(movers, back, id, stepOf())).toBe(true)
    expect(await mode(id)).toBe('off')
  })

  it('moves a cursor once, whoever else does the same', async () => {
    const { id, migration } = await begin(30)
    const slice = await claim(migration.id)
    await writeRanges(db, slice, id, [])
    const [range] = (await readRanges(db, slice, id)) ?? []
    if (!range) throw new Error('no range')
    const to = { after: crypto.randomUUID(), moved: 10 }
    const both = await Promise.allSettled([1, 2].map(() => advance(db, slice, id, range, to)))
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect((await getMigration(db, migration.id)).notes.moved).toBe(10)
  })
})

it.each([0, 1, 2, 3, 4, 5])(
  'M8: stopped after %i batches and rolled back, an account is as if it had never moved',
  async (batches) => {
    const { id, migration } = await begin(37)
    const before = await contentOfAccount(notes, id)
    await moveAccount(movers, await claim(migration.id), id, stepOf(batches))
    if (batches < 4) await asAlice(db, (tx) => stopMigration(tx, migration.id))
    await asAlice(db, (tx) => rollbackMigration(tx, migration.id))
    await moveAccount(movers, await claim(migration.id), id, stepOf(1))
    const slice = await claim(migration.id)
    while (!(await moveAccount(movers, slice, id, stepOf(1)))) {}
    expect(await contentOfAccount(notes, id)).toEqual(before)
    expect(await mode(id)).toBe('off')
  },
)
