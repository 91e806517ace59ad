import { describe, expect, it } from 'vitest'
import { countAccounts, moveAccount } from '../../store/account-migration-moves.ts'
import { getMigration } from '../../store/account-migration-rows.ts'
import { finishCohort, noteCleaned } from '../../store/account-migration-slices.ts'
import { contentOfAccount } from '../helpers/accounts.ts'
import { one } from '../helpers/database.ts'
import { createMovers, stepOf } from '../helpers/movers.ts'

const { db, stores, notes, movers, make, start, begin, claim, rollBack, stop, mode, walk, withLegacy } =
  await createMovers()

describe('the way back', () => {
  const goAll = async (migrationId: string, id: string) => {
    const slice = await claim(migrationId)
    await countAccounts(movers, slice)
    while (!(await moveAccount(movers, slice, id, stepOf(1)))) {}
    return slice
  }

  it('that is stopped in the middle goes on when it is asked for again', async () => {
    const [id, returned] = [await make(37), await make(2)]
    const migration = await start(id, returned)
    const before = await contentOfAccount(notes, id)
    for (const account of [id, returned]) await goAll(migration.id, account)
    await rollBack(migration.id)
    await goAll(migration.id, returned)
    expect(await moveAccount(movers, await claim(migration.id), id, stepOf(2))).toBe(false)
    await stop(migration.id)
    expect(await mode(id)).toBe('rollback')
    expect(await rollBack(migration.id)).toMatchObject({ status: 'running', direction: 'back' })
    await expect(rollBack(migration.id)).rejects.toMatchObject({ code: 'migration-state' })
    // It is none of its business any more.
    await stop((await start(returned)).id)
    await finishCohort(db, await goAll(migration.id, id), 1)
    expect(await mode(id)).toBe('off')
    expect(await contentOfAccount(notes, id)).toEqual(before)
    expect(await getMigration(db, migration.id)).toMatchObject({ status: 'rolled-back', accounts: { returned: 2 } })
  })

  it('that is stopped in the middle is taken on by another migration, and forward', async () => {
    const { id, migration } = await begin(37)
    const { legacy: before } = await contentOfAccount(notes, id)
    await goAll(migration.id, id)
    await rollBack(migration.id)
    await moveAccount(movers, await claim(migration.id), id, stepOf(2))
    await stop(migration.id)
    const second = await start(id)
    await countAccounts(movers, await claim(second.id))
    // 20 are back; 17 go back, and then all 37 forward.
    expect(await getMigration(db, second.id)).toMatchObject({ notes: { total: 54, moved: 0 } })
    await moveAccount(movers, await claim(second.id), id, stepOf(2))
    expect(await getMigration(db, second.id)).toMatchObject({ notes: { moved: 17 } })
    await goAll(second.id, id)
    expect(await mode(id)).toBe('done')
    expect(await contentOfAccount(notes, id)).toEqual({ legacy: [], current: before })
    expect(await getMigration(db, second.id)).toMatchObject({ notes: { moved: 54 }, progress: 1 })
  })

  it('that was begun by hand is brought to its end by a migration that is rolled back before it has begun', async () => {
    const { id, migration } = await begin(37)
    const before = await contentOfAccount(notes, id)
    await moveAccount(movers, await claim(migration.id), id, stepOf(2))
    await stop(migration.id)
    await walk(id, 'rollback')
    const second = await start(id)
    expect(await rollBack(second.id)).toMatchObject({ accounts: { pending: 0, moving: 1 } })
    await goAll(second.id, id)
    expect(await mode(id)).toBe('off')
    expect(await contentOfAccount(notes, id)).toEqual(before)
  })

  it('begun by hand at the last moment does not count as an arrival', async () => {
    const { id, migration } = await begin(5)
    const { legacy: before } = await contentOfAccount(notes, id)
    let raced = false
    const racing = withLegacy({
      // The last look before the last flip: nothing is left.
      page: async (...args) => {
        const found = await stores.legacy.page(...args)
        if (!raced && found.copies.length === 0) {
          raced = true
          await walk(id, 'rollback')
        }
        return found
      },
    })
    expect(await moveAccount(racing, await claim(migration.id), id, stepOf())).toBe(true)
    expect(raced).toBe(true)
    expect(await mode(id)).toBe('done')
    expect(await contentOfAccount(notes, id)).toEqual({ legacy: [], current: before })
  })

  it('forgets what was cleaned up, so that its own tombstones are', async () => {
    const { id, migration } = await begin(1)
    await finishCohort(db, await goAll(migration.id, id), 0)
    await noteCleaned(db, await claim(migration.id), id)
    await rollBack(migration.id)
    const cleaned = () =>
      one(db, 'SELECT cleaned FROM account_migration_accounts WHERE migration_id = $1', [migration.id])
    expect(await cleaned()).toEqual({ cleaned: false })
  })
})

it.each([0, 1, 2, 3, 4, 5])(
  'M8: stopped after %i batches and rolled back, an account is as if it had never moved',
  async (batches) => {
    const { id, migration } = await begin(37)
    const before = await contentOfAccount(notes, id)
    await moveAccount(movers, await claim(migration.id), id, stepOf(batches))
    if (batches < 4) await stop(migration.id)
    await rollBack(migration.id)
    await moveAccount(movers, await claim(migration.id), id, stepOf(1))
    const slice = await claim(migration.id)
    while (!(await moveAccount(movers, slice, id, stepOf(1)))) {}
    expect(await contentOfAccount(notes, id)).toEqual(before)
    expect(await mode(id)).toBe('off')
  },
)
