import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import type { AccountState } from '../domain/account.ts'
import type { Log } from '../runtime/log.ts'
import { ACCOUNTS_CHANNEL, readState } from '../store/accounts.ts'
import { clientOptions, type Database } from '../store/database.ts'
import { refreshAccount } from '../store/notes/flip.ts'
import type { NoteStores } from '../store/notes/note-store.ts'
import type { AccountSource } from '../store/notes/proxy.ts'

export interface AccountFollower extends AccountSource {
  /** What this process believes of an account; undefined: it has not been asked. */
  believed(accountId: string): AccountState | undefined
  /** Resolves when its connection is closed. */
  stop(): Promise<void>
}

/** About 2 MB. The one that was added first goes first; it is loaded again when it is needed. */
const REMEMBERED = 10_000
const RECONNECT_MS = 500

/**
 * Remembers accounts, and hears of changes of their modes as they are committed. What is remembered may be old, while the
 * connection is lost above all: then the stores refuse it, and `refresh` reads it anew.
 */
export function followAccounts(options: { url: string; db: Database; stores: NoteStores; log: Log }): AccountFollower {
  const { url, db, stores, log } = options
  const accounts = new Map<string, AccountState>()
  const stopping = new AbortController()

  function learn(state: AccountState): AccountState {
    const known = accounts.get(state.accountId)
    if (known && known.epoch >= state.epoch) return known
    accounts.set(state.accountId, state)
    const [first] = accounts.keys()
    if (accounts.size > REMEMBERED && first !== undefined) accounts.delete(first)
    return state
  }

  const sayLost = (error: unknown) => log.warn({ err: error }, 'Lost the connection that tells of accounts')

  async function listen(): Promise<void> {
    const client = new pg.Client(clientOptions({ url, name: 'configuration' }))
    const ended = new Promise<void>((resolve) => {
      client.once('end', resolve)
      // Not once: a connection that is reset says so twice, and an error that nobody hears ends the process.
      client.on('error', (error) => {
        sayLost(error)
        resolve()
      })
      stopping.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    client.on('notification', ({ payload }) => learn(JSON.parse(payload ?? '') as AccountState))
    try {
      await client.connect()
      await client.query(`LISTEN ${ACCOUNTS_CHANNEL}`)
      // What was said while nobody listened.
      accounts.clear()
      await ended
    } finally {
      await client.end().catch(() => {})
    }
  }

  async function follow(): Promise<void> {
    while (!stopping.signal.aborted) {
      await listen().catch(sayLost)
      await wait(RECONNECT_MS, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  const following = follow()

  return {
    load: async (accountId) => accounts.get(accountId) ?? learn((await readState(db, accountId)).state),
    refresh: async (refused) => learn(await refreshAccount(db, stores, refused)),
    believed: (accountId) => accounts.get(accountId),
    async stop() {
      stopping.abort()
      await following
    },
  }
}
