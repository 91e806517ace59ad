import { hostname } from 'node:os'
import pg from 'pg'
import type { AccountState } from '../domain/account.ts'
import { NOTE_PROTOCOL, type NoteInstance } from '../domain/account-migration.ts'
import { BY_ITSELF } from '../domain/event.ts'
import type { Log } from '../runtime/log.ts'
import { type Database, isConnectionLost, query } from './database.ts'
import { type Transaction, transaction } from './transaction.ts'

/** How long an instance counts as live after its last heartbeat, and how often it sends one. */
export const LEASE_SECONDS = 10
const HEARTBEAT_MS = 2_500

/** This generation may not write notes any more: a later one has begun to move accounts. */
export class OldProtocol extends Error {
  override name = 'OldProtocol'
}

export type NewInstance = Pick<NoteInstance, 'id' | 'kind' | 'build' | 'protocol' | 'role'> & { host?: string }

/** Registers an instance, or renews its lease; forgets those that were not seen for a day. @throws OldProtocol */
export async function holdLease(db: Database, instance: NewInstance, behind = 0): Promise<void> {
  const { id, kind, build, protocol, role, host = `${hostname()}:${process.pid}` } = instance
  const hold = async (tx: Transaction) => {
    // Shared to the end: a minimum is raised before this, and refuses it, or after, and sees it.
    const [row] = await tx.query<{ minimal: number }>('SELECT minimal FROM note_protocol FOR SHARE')
    const minimal = row?.minimal ?? 0
    if (protocol < minimal) {
      throw new OldProtocol(`Notes need the protocol ${minimal}, and this build (${build}) speaks ${protocol}`)
    }
    await tx.query(
      `INSERT INTO note_instances AS i (id, kind, host, build, protocol, role, behind, lease_until)
       VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8 * interval '1 second')
       ON CONFLICT (id) DO UPDATE SET behind = excluded.behind, seen_at = clock_timestamp(), lease_until = excluded.lease_until`,
      [id, kind, host, build, protocol, role, behind, LEASE_SECONDS],
    )
    await tx.query(`DELETE FROM note_instances WHERE lease_until < clock_timestamp() - interval '1 day'`)
  }
  await transaction(db, hold, { origin: BY_ITSELF })
}

/** Everybody who has written notes within a day, the last seen first. */
export async function listInstances(db: Database): Promise<NoteInstance[]> {
  const rows = await query<Record<'started_at' | 'seen_at' | 'lease_until', Date> & Omit<NoteInstance, 'startedAt'>>(
    db,
    'SELECT *, lease_until > clock_timestamp() AS live FROM note_instances ORDER BY lease_until DESC, id LIMIT 1000',
  )
  return rows.map(({ id, kind, host, build, protocol, role, behind, live, ...row }) => ({
    ...{ id, kind, host, build, protocol, role, behind },
    startedAt: row.started_at.toISOString(),
    seenAt: row.seen_at.toISOString(),
    leaseUntil: row.lease_until.toISOString(),
    live,
  }))
}

// Of what changed earlier, everybody has heard, if they listen.
const RECENT = `SELECT id, epoch FROM accounts WHERE updated_at > clock_timestamp() - interval '1 hour' ORDER BY updated_at DESC LIMIT 200`

export interface Registration {
  /** Ends the heartbeat and the lease. */
  stop(): Promise<void>
}

/**
 * Registers this process as one that writes notes, and holds its lease. While the database cannot be reached, it is tried again:
 * without it, no note is served either.
 *
 * @throws OldProtocol when it may not write notes any more
 */
export async function registerInstance(options: {
  db: Database
  /** Of a note store, which need not be there yet: its role is that of the process. */
  notesUrl: string
  kind: NoteInstance['kind']
  build: string
  /** What the process believes of an account, to say how far behind it is. */
  believed?: (accountId: string) => AccountState | undefined
  /** Hears that a later generation has begun to move accounts: this process may not write notes any more. */
  onRefused: (error: OldProtocol) => void
  log: Log
}): Promise<Registration> {
  const { db, notesUrl, kind, build, believed, onRefused, log } = options
  const role = new pg.Client({ connectionString: notesUrl }).user ?? ''
  const instance = { id: crypto.randomUUID(), kind, build, protocol: NOTE_PROTOCOL, role }
  const beat = async () => {
    const recent = believed ? await query<{ id: string; epoch: number }>(db, RECENT) : []
    const behind = recent.filter(({ id, epoch }) => (believed?.(id)?.epoch ?? epoch) < epoch)
    await holdLease(db, instance, behind.length)
  }
  await beat().catch((error) => {
    if (!isConnectionLost(error)) throw error
    log.warn({ err: error }, 'This instance could not be registered yet; trying again')
  })
  const timer = setInterval(() => {
    beat().catch((error) => {
      if (error instanceof OldProtocol) onRefused(error)
      else log.error({ err: error }, 'The lease of this instance could not be renewed')
    })
  }, HEARTBEAT_MS)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await query(db, 'DELETE FROM note_instances WHERE id = $1', [instance.id]).catch(() => {})
    },
  }
}
