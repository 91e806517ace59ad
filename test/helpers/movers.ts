import pLimit from 'p-limit'
import type { AccountMode } from '../../domain/account.ts'
import { NewAccountMigration } from '../../domain/account-migration.ts'
import { rollbackMigration, stopMigration } from '../../store/account-migration-control.ts'
import type { Movers, Step } from '../../store/account-migration-moves.ts'
import type { MigrationRow } from '../../store/account-migration-rows.ts'
import { claimMigration } from '../../store/account-migration-slices.ts'
import { startMigration } from '../../store/account-migrations.ts'
import { getAccount, readState } from '../../store/accounts.ts'
import { changeMode } from '../../store/notes/flip.ts'
import { makeAccounts } from '../../store/notes/import.ts'
import type { NoteStore } from '../../store/notes/note-store.ts'
import { createTestNoteStores } from '../notes/stores.ts'
import { alice, asAlice, createTestDatabase, openTestDatabase } from './database.ts'

/** A slice that is over after so many batches. */
export const stepOf = (batches = Number.POSITIVE_INFINITY): Step => {
  let left = batches
  return { batches: pLimit(4), isOver: () => left <= 0, moved: async () => void left-- }
}

/** Migrations of accounts over databases of their own, moved by hand: no workflow, no API. */
export async function createMovers() {
  const db = openTestDatabase(await createTestDatabase())
  const { stores, legacy, current } = await createTestNoteStores()
  const notes = { legacy: legacy.db, current: current.db }
  const movers: Movers = { db, stores, notes }
  let count = 0
  /** Makes an account with so many notes. */
  const make = async (noteCount: number) => {
    const id = `account-${++count}`
    await makeAccounts(db, notes, [{ id, notes: noteCount }], 'alice')
    return id
  }
  /** Starts a migration of cohorts of one account each. */
  const start = async (...accounts: string[]) => {
    const cohorts = accounts.map((id) => ({ accounts: [id] }))
    const body = NewAccountMigration.parse({ cohorts, batchSize: 10, pauseBetween: 3_600 })
    return await asAlice(db, (tx) => startMigration(tx, body))
  }
  return {
    ...{ db, stores, notes, movers, make, start },
    begin: async (noteCount: number) => {
      const id = await make(noteCount)
      return { id, migration: await start(id) }
    },
    claim: async (id: string) => (await claimMigration(db, id)) as MigrationRow,
    rollBack: (id: string) => asAlice(db, (tx) => rollbackMigration(tx, id)),
    stop: (id: string) => asAlice(db, (tx) => stopMigration(tx, id)),
    mode: async (id: string) => (await getAccount(db, id)).mode,
    stateOf: async (id: string) => (await readState(db, id)).state,
    /** The same movers, but that some calls of the legacy store do otherwise. */
    withLegacy: (calls: Partial<NoteStore>): Movers => ({
      ...movers,
      stores: { ...stores, legacy: { ...stores.legacy, ...calls } },
    }),
    /** Changes an account's mode by hand, step by step. */
    walk: async (id: string, ...modes: AccountMode[]) => {
      for (const next of modes) await changeMode(db, stores, id, next, alice)
    },
  }
}
