import pLimit from 'p-limit'
import { describe, expect, it } from 'vitest'
import { pathTo } from '../../domain/account.ts'
import { NewAccountMigration } from '../../domain/account-migration.ts'
import {
  haltMigration,
  pauseMigration,
  resumeMigration,
  rollbackMigration,
  stopMigration,
} from '../../store/account-migration-control.ts'
import { type Movers, moveAccount } from '../../store/account-migration-moves.ts'
import type { MigrationRow } from '../../store/account-migration-rows.ts'
import { findMigration, getMigration } from '../../store/account-migration-rows.ts'
import {
  advance,
  claimMigration,
  finishCohort,
  forgetMigrationFailure,
  noteMigrationFailure,
  readRanges,
  Superseded,
  writeRanges,
} from '../../store/account-migration-slices.ts'
import { startMigration } from '../../store/account-migrations.ts'
import { migrationsToCheck, pauseTerminated } from '../../store/reconcile-account-migrations.ts'
import { contentOfAccount } from '../helpers/accounts.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { createMovers, stepOf } from '../helpers/movers.ts'

const { db, stores, notes, movers, make, start, begin, claim, rollBack, mode, stateOf, walk, withLegacy } =
  await createMovers()
/** Time is data: what happened so many seconds ago. */
const failedAgo = (id: string, seconds: number) =>
  one(db, `UPDATE account_migrations SET failing_since = failing_since - $2 * interval '1 second' WHERE id = $1`, [
    id,
    seconds,
  ])

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
    const racing = withLegacy({
      raise: async (...args) => {
        await rollBack(migration.id)
        return await stores.legacy.raise(...args)
      },
    })
    await expect(moveAccount(racing, zombie, id, stepOf())).rejects.toThrow(Superseded)
    expect(await mode(id)).toBe('ready')
    const back = await claim(migration.id)
    expect(await moveAccount(movers, back, id, stepOf())).toBe(true)
    expect(await mode(id)).toBe('off')
  })

  it('moves a cursor once, whoever else does the same', async () => {
    const { id, migration } = await begin(30)
    const slice = await claim(migration.id)
    const state = await stateOf(id)
    await writeRanges(db, slice, state, [])
    const [range] = (await readRanges(db, slice, state)) ?? []
    if (!range) throw new Error('no range')
    const to = { after: crypto.randomUUID(), moved: 10 }
    const both = await Promise.allSettled([1, 2].map(() => advance(db, slice, id, range, to)))
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect((await getMigration(db, migration.id)).notes.moved).toBe(10)
  })

  it('of before a rollback neither halts what goes back now, nor notes its failure there', async () => {
    const { migration } = await begin(1)
    const zombie = await claim(migration.id)
    await rollBack(migration.id)
    await asAlice(db, (tx) => haltMigration(tx, zombie, 'of before'))
    expect(await noteMigrationFailure(db, zombie, 'of before')).toBe(0)
    expect(await getMigration(db, migration.id)).toMatchObject({ status: 'running', lastError: null, reason: null })
    await asAlice(db, async (tx) => haltMigration(tx, await claim(migration.id), 'of now'))
    expect(await getMigration(db, migration.id)).toMatchObject({ status: 'halted', reason: 'of now' })
  })

  it('that is repeated after the end of a cohort waits for the next one, and for the end of the way back', async () => {
    const migration = await start(await make(0), await make(0))
    const waitMs = async () => (await findMigration(db, migration.id))?.waitMs
    expect(await waitMs()).toBe(0)
    await finishCohort(db, await claim(migration.id), 1)
    expect(await claimMigration(db, migration.id)).toBeUndefined()
    expect(await waitMs()).toBeGreaterThan(3_500_000)
    await one(db, 'UPDATE account_migrations SET next_at = clock_timestamp() WHERE id = $1', [migration.id])
    expect(await waitMs()).toBe(0)
    await finishCohort(db, await claim(migration.id), 1)
    expect(await getMigration(db, migration.id)).toMatchObject({ status: 'done' })
    expect(await claimMigration(db, migration.id)).toBeUndefined()
    expect(await waitMs()).toBeGreaterThan(3_500_000)
    await one(db, 'UPDATE account_migrations SET clean_after = clock_timestamp() WHERE id = $1', [migration.id])
    expect(await waitMs()).toBe(0)
    expect(await claim(migration.id)).toMatchObject({ status: 'done' })
  })

  it('that went well ends what failed before it', async () => {
    const { migration } = await begin(0)
    const slice = await claim(migration.id)
    await noteMigrationFailure(db, slice, 'a blip')
    await failedAgo(migration.id, 3_600)
    expect(await noteMigrationFailure(db, slice, 'still')).toBeGreaterThan(3_599)
    await forgetMigrationFailure(db, slice)
    expect(await getMigration(db, migration.id)).toMatchObject({ failingSince: null, lastError: null })
    expect(await noteMigrationFailure(db, slice, 'another blip')).toBeLessThan(60)
  })

  /** Has an account of 40 notes swept in four ranges of ten. */
  const cutInFour = async (slice: MigrationRow, id: string) => {
    await walk(id, ...pathTo('off', true))
    const ids = (await contentOfAccount(notes, id)).legacy.map((line) => line.split(' ')[0] as string)
    const cuts = [9, 19, 29].map((n) => ids[n] as string)
    await writeRanges(db, slice, await stateOf(id), cuts)
  }

  it('that is over begins no batch that has waited for its turn', async () => {
    const { id, migration } = await begin(40)
    const slice = await claim(migration.id)
    await cutInFour(slice, id)
    expect(await moveAccount(movers, slice, id, { ...stepOf(1), batches: pLimit(1) })).toBe(false)
    expect((await contentOfAccount(notes, id)).current).toHaveLength(10)
  })

  it('keeps to its number of batches at once, over all accounts and their ranges', async () => {
    const accounts = [await make(40), await make(40)]
    const slice = await claim((await start(...accounts)).id)
    let [now, most, batches] = [0, 0, 0]
    const counting: Movers = {
      ...movers,
      stores: {
        ...stores,
        current: {
          ...stores.current,
          merge: async (...args) => {
            most = Math.max(most, ++now)
            batches++
            return await stores.current.merge(...args).finally(() => now--)
          },
        },
      },
    }
    const step = { ...stepOf(), batches: pLimit(2) }
    for (const id of accounts) await cutInFour(slice, id)
    expect(await Promise.all(accounts.map((id) => moveAccount(counting, slice, id, step)))).toEqual([true, true])
    expect(batches).toBe(8)
    expect(most).toBeLessThanOrEqual(2)
  })
})

it('is begun, goes back and is stopped with more accounts than a statement of a request has time for', async () => {
  const url = await createTestDatabase()
  const db = openTestDatabase(url)
  const hasty = openTestDatabase(url, { statementTimeoutMs: 200 })
  await one(
    db,
    `INSERT INTO accounts (id, epoch, created_by) SELECT 'one-of-' || n, 1, 'alice' FROM generate_series(1, 40000) AS n`,
  )
  const body = NewAccountMigration.parse({ cohorts: [{ percentage: 100 }] })
  const { id } = await asAlice(hasty, (tx) => startMigration(tx, body))
  await one(db, `UPDATE account_migration_accounts SET status = 'moved'`)
  expect(await asAlice(hasty, (tx) => rollbackMigration(tx, id))).toMatchObject({ accounts: { moved: 40_000 } })
  expect(await asAlice(hasty, (tx) => stopMigration(tx, id))).toMatchObject({ status: 'stopped' })
})

it('a terminated workflow pauses what it was seen to run, and not what was decided since', async () => {
  const { migration } = await begin(0)
  const seen = async () => (await migrationsToCheck(db)).find(({ id }) => id === migration.id) as MigrationRow
  await asAlice(db, (tx) => pauseMigration(tx, migration.id))
  await asAlice(db, (tx) => resumeMigration(tx, migration.id))
  await db.pool.query(`UPDATE outbox SET state = 'dispatched'`)
  const before = await seen()
  await rollBack(migration.id)
  expect(await pauseTerminated(db, before, { identity: 'bob' })).toBe(false)
  expect(await getMigration(db, migration.id)).toMatchObject({ status: 'running', direction: 'back' })
  await db.pool.query(`UPDATE outbox SET state = 'dispatched'`)
  expect(await pauseTerminated(db, await seen(), { identity: 'bob' })).toBe(true)
})
