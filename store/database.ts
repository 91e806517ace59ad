import { createHash } from 'node:crypto'
import pg from 'pg'
import type { Log } from '../runtime/log.ts'
import type { CacheKey, Dispatcher } from './effects.ts'
import { refuseDispatch } from './effects.ts'

export type Row = Record<string, unknown>

/** A pool and what a transaction on it needs after its commit. One for each kind of work, so that none starves another. */
export interface Database {
  pool: pg.Pool
  log: Log
  /** Sends committed tasks on their way; see `temporal/dispatcher.ts`. */
  dispatcher: Dispatcher
  /** Hears, in process and after commit, what a transaction made stale. */
  onInvalidate: (keys: CacheKey[]) => void
}

export interface DatabaseOptions {
  url: string
  /** Which kind of work, as `pg_stat_activity` shows it. */
  name: 'api' | 'sweep' | 'batch' | 'scan' | 'relay' | 'configuration' | 'notes' | 'migration'
  log: Log
  connections?: number
  /** Must be below the start-to-close timeout of the activities that use this pool. */
  statementTimeoutMs?: number
  lockTimeoutMs?: number
  /** Further settings of its sessions, such as `jit=off`. */
  settings?: string[]
  dispatcher?: Dispatcher
  onInvalidate?: (keys: CacheKey[]) => void
}

// int8 as number: revisions and ids stay far below 2^53.
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8
      ? Number
      : pg.types.getTypeParser(oid, format as 'text')) as pg.CustomTypesConfig['getTypeParser'],
}

type ConnectionOptions = Pick<DatabaseOptions, 'url' | 'name' | 'statementTimeoutMs' | 'lockTimeoutMs' | 'settings'>

/** How every connection of ours is made. */
export function clientOptions(options: ConnectionOptions): pg.ClientConfig {
  const { statementTimeoutMs = 4_000, lockTimeoutMs = 2_000 } = options
  return {
    connectionString: options.url,
    application_name: `interlock-${options.name}`,
    connectionTimeoutMillis: 3_000,
    keepAlive: true,
    types,
    // A connection that idles inside a transaction holds locks that nobody will release. Timeouts are in milliseconds.
    options: [
      `-c statement_timeout=${statementTimeoutMs}`,
      `-c lock_timeout=${lockTimeoutMs}`,
      '-c idle_in_transaction_session_timeout=5000',
      '-c timezone=UTC',
      // As on any SSD: with the default of 4, a sweep read all flags instead of looking 100 up (10,000 due: 860 ms, so 740 ms).
      '-c random_page_cost=1.1',
      '-c tcp_keepalives_idle=10',
      ...(options.settings ?? []).map((setting) => `-c ${setting}`),
    ].join(' '),
  }
}

/** Opens a pool; connections are made when they are needed. Close it with `db.pool.end()`. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({ ...clientOptions(options), max: options.connections ?? 10 })
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', (error) => options.log.warn({ err: error }, 'Lost an idle connection to Postgres'))
  return {
    pool,
    log: options.log,
    dispatcher: options.dispatcher ?? refuseDispatch,
    onInvalidate: options.onInvalidate ?? (() => {}),
  }
}

/** Opens a pool for reads of whole tables: few at once, so that they leave the machine to others. */
export function openScanDatabase(options: Omit<DatabaseOptions, 'name'>): Database {
  // A plan for the versions that are asked for, so that no other version's partition is in it.
  const settings = ['plan_cache_mode=force_custom_plan']
  return openDatabase({ connections: 3, statementTimeoutMs: 60_000, settings, ...options, name: 'scan' })
}

/**
 * Opens a pool for the batches of runs. Their plan must be that of a large table, made once, also when it is made while the
 * version's partition is empty: index lookups, whatever the statistics say.
 */
export function openBatchDatabase(options: Omit<DatabaseOptions, 'name'>): Database {
  const off = ['seqscan', 'hashjoin', 'nestloop', 'bitmapscan', 'sort'].map((method) => `enable_${method}=off`)
  const settings = [...off, 'plan_cache_mode=force_generic_plan', 'jit=off']
  return openDatabase({ connections: 10, statementTimeoutMs: 30_000, settings, ...options, name: 'batch' })
}

/** Runs one statement outside a transaction, for reads. */
export async function query<R extends object = Row>(db: Database, text: string, values: unknown[] = []): Promise<R[]> {
  return (await db.pool.query<R>(text, values)).rows
}

const statementNames = new Map<string, string>()

/**
 * A statement that Postgres parses and plans once a connection: a sweep of 100 schedules took
 * less than half of its time so, beside other load. For texts that stand in the code; each one is kept.
 */
export function prepared(text: string, values: unknown[]): pg.QueryConfig {
  const name = statementNames.get(text) ?? createHash('sha1').update(text).digest('base64url')
  statementNames.set(text, name)
  return { name, text, values }
}

/** SQLSTATE of an error from Postgres, else undefined. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown })?.code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/**
 * Did the connection break, so that nobody said how the statement ended? True for network errors and for the server's
 * class 08 and 57P (shut down, crashed), and for 25P03: this process stood still inside a transaction for as long as Postgres
 * waits, and was cut off.
 */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlState(error)
  if (state) return state.startsWith('08') || state.startsWith('57P') || state === '25P03'
  const { code, message } = error as { code?: string; message?: string }
  return (
    /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOST|ENETUN|EAI_)/.test(code ?? '') ||
    /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
      message ?? '',
    )
  )
}
