import { createLog } from '../runtime/log.ts'
import { openDatabase, query } from '../store/database.ts'
import { makeAccounts } from '../store/notes/import.ts'
import { openNoteStores } from '../store/notes/postgres.ts'

const ACCOUNTS = 1_000
const HUGE_NOTES = 20_000

/**
 * Makes a thousand accounts in the legacy store, one of them huge, unless there are accounts already. It goes past the API:
 * a note a request would take minutes.
 *
 * @returns how many accounts and notes were made; undefined when nothing was to be done
 */
export async function loadDemoAccounts(
  env: NodeJS.ProcessEnv,
): Promise<{ accounts: number; notes: number } | undefined> {
  const log = createLog('demo', 'silent')
  const { DATABASE_URL: url, NOTES_LEGACY_URL, NOTES_CURRENT_URL } = env
  const stores = openNoteStores({ NOTES_LEGACY_URL, NOTES_CURRENT_URL }, log)
  if (!url || !stores) return undefined
  const db = openDatabase({ url, name: 'api', log, connections: 1, statementTimeoutMs: 30_000 })
  try {
    const [first] = await query(db, 'SELECT 1 FROM accounts LIMIT 1')
    if (first) return undefined
    const accounts = Array.from({ length: ACCOUNTS }, (_, n) => ({
      id: n === 0 ? 'huge' : `account-${n}`,
      notes: n === 0 ? HUGE_NOTES : n % 20,
    }))
    await makeAccounts(db, stores.databases, accounts, 'demo')
    return { accounts: ACCOUNTS, notes: accounts.reduce((sum, { notes }) => sum + notes, 0) }
  } finally {
    await Promise.all([db.pool.end(), stores.close()])
  }
}
