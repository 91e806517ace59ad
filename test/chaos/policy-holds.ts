import pg from 'pg'
import { onTestFinished } from 'vitest'
import type { Stack } from '../helpers/processes.ts'
import { until } from './until.ts'

/** A session that holds locks, so that somebody waits exactly where they need them. */
export interface Holder {
  /** Takes a lock, within a transaction. */
  hold(statement: string, values?: unknown[]): Promise<void>
  /** Asks for a lock without waiting for it: it is next in the queue. Resolves when it has it. */
  queue(statement: string): Promise<{ taken: Promise<void> }>
  /** Waits until a statement waits for this session. Returns the backend's process id. */
  untilWaitedFor(statement: RegExp): Promise<number>
  /** Gives everything back. */
  release(): Promise<void>
}

const WAITING = `SELECT pid, query FROM pg_stat_activity
  WHERE wait_event_type = 'Lock' AND application_name LIKE 'interlock-%' AND $1 = ANY (pg_blocking_pids(pid))`

export async function createHolder(stack: Stack): Promise<Holder> {
  const client = new pg.Client({ connectionString: stack.databaseUrl })
  client.on('error', () => {})
  await client.connect()
  const pid = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid as number
  await client.query('BEGIN')
  // Also of a test that failed on its way.
  const release = async () => await client.end()
  onTestFinished(release)
  return {
    async hold(statement, values) {
      await client.query(statement, values)
    },
    async queue(statement) {
      const taken = client.query(statement).then(() => {})
      await until(() => isWaiting(stack, pid), 10_000, 10)
      return { taken }
    },
    async untilWaitedFor(statement) {
      let found: number | undefined
      const seen = new Set<string>()
      const look = async () => {
        const rows = await stack.sql<{ pid: number; query: string }>(WAITING, [pid])
        found = rows.find(({ query }) => statement.test(query))?.pid
        for (const { query } of rows) seen.add(query.slice(0, 120))
        return found === undefined ? `only these waited: ${[...seen].join('; ')}` : undefined
      }
      await until(look, 8_000, 10)
      return found as number
    },
    release,
  }
}

async function isWaiting({ sql }: Stack, pid: number): Promise<string | undefined> {
  const [row] = await sql(`SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'`, [pid])
  return row ? undefined : 'it does not wait'
}

/**
 * Has every COMMIT stop half-way, on disk but not yet visible and not answered: as if it waited for a standby that there
 * is not.
 */
export async function stopCommits(stack: Stack) {
  const { sql } = stack
  const atCommit = `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = $1`
  const waits = async (name: string) => ((await sql(atCommit, [name])).length > 0 ? undefined : 'not at its COMMIT')
  await sql(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`)
  await sql('SELECT pg_reload_conf()')
  const probe = new pg.Client({ connectionString: stack.databaseUrl, application_name: 'probe' })
  probe.on('error', () => {})
  await probe.connect()
  onTestFinished(async () => {
    await sql('ALTER SYSTEM RESET synchronous_standby_names')
    await sql('SELECT pg_reload_conf()')
    await probe.end()
  })
  let trying = true
  const tries = (async () => {
    while (trying) await probe.query(`SELECT pg_logical_emit_message(true, 'probe', '')`)
  })()
  await until(() => waits('probe'), 10_000, 10)
  return {
    /** Waits until one of the pool's transactions is in the middle of its COMMIT. */
    untilAtCommit: (pool: 'batch' | 'scan') => until(() => waits(`interlock-${pool}`), 10_000, 10),
    /** Lets them through; they are visible when it resolves. */
    async release() {
      trying = false
      await sql('ALTER SYSTEM RESET synchronous_standby_names')
      await sql('SELECT pg_reload_conf()')
      await tries
      await until(async () => {
        const [row] = await sql<{ left: number }>(
          `SELECT count(*)::integer AS left FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
        )
        return row?.left === 0 ? undefined : `${row?.left} COMMITs still wait`
      })
    },
  }
}
