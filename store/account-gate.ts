import { NOTE_PROTOCOL, type OldInstance } from '../domain/account-migration.ts'
import { Problem } from '../domain/problems.ts'
import type { Database } from './database.ts'
import { LEASE_SECONDS } from './note-instances.ts'
import { fenceRole, isFenced } from './notes/fence.ts'
import { type NoteDatabases, oldConnections, rolesOfOlderBuilds } from './notes/roles.ts'
import { ask, type Transaction } from './transaction.ts'

/**
 * Makes sure that nobody who knows no epochs can write: validate, fence, validate again. After the fence no older instance
 * can register, or connect to a store; the second look finds those that came in between. In a transaction, it comes last: what is
 * refused for another reason shuts nobody out.
 *
 * @throws Problem `old-instances`, which names them; what was fenced stays so
 */
export async function passGate(from: Database | Transaction, notes: NoteDatabases): Promise<void> {
  // It waits up to 5 s for connections to end, the time after which Postgres ends a transaction that does nothing.
  if (!('pool' in from)) await from.query(`SET LOCAL idle_in_transaction_session_timeout = '30s'`)
  refuse(await oldInstances(from, notes))
  await fence(from, notes)
  refuse([...(await oldInstances(from, notes)), ...(await unfenced(notes))])
}

/** Instances that could write without knowing of epochs: with a live lease, or a connection that was used within its time. */
export async function oldInstances(from: Database | Transaction, notes: NoteDatabases): Promise<OldInstance[]> {
  const registered = await ask<{ host: string; kind: string; build: string; protocol: number; seen_at: Date }>(
    from,
    `SELECT host, kind, build, protocol, seen_at FROM note_instances
     WHERE protocol < $1 AND lease_until > clock_timestamp() ORDER BY seen_at`,
    [NOTE_PROTOCOL],
  )
  const found: OldInstance[] = registered.map(({ host, kind, build, protocol, seen_at }) => ({
    ...{ instance: `${kind} ${host}`, build: `${build} (protocol ${protocol})` },
    ...{ lastSeen: seen_at.toISOString(), where: 'registry' },
  }))
  for (const where of ['legacy', 'current'] as const) {
    const store = notes[where]
    if (!store) continue
    for (const { role, pid, application, lastSeen } of await oldConnections(store, LEASE_SECONDS)) {
      found.push({
        ...{ instance: `connection ${pid} of ${role}`, build: application || 'unknown' },
        ...{ lastSeen: lastSeen.toISOString(), where },
      })
    }
  }
  return found
}

async function fence(from: Database | Transaction, notes: NoteDatabases): Promise<void> {
  await ask(from, 'UPDATE note_protocol SET minimal = $1 WHERE minimal < $1', [NOTE_PROTOCOL])
  for (const store of [notes.legacy, notes.current]) {
    if (!store) continue
    for (const role of await rolesOfOlderBuilds(store)) await fenceRole(store, role)
  }
}

/** Roles that can still write, although they were fenced: they have their rights from elsewhere, or were let in again. */
async function unfenced(notes: NoteDatabases): Promise<OldInstance[]> {
  const found: OldInstance[] = []
  for (const where of ['legacy', 'current'] as const) {
    const store = notes[where]
    if (!store) continue
    for (const role of await rolesOfOlderBuilds(store)) {
      if (await isFenced(store, role)) continue
      found.push({ instance: `role ${role}`, build: 'unknown', lastSeen: new Date().toISOString(), where })
    }
  }
  return found
}

function refuse(old: OldInstance[]): void {
  const [first] = old
  if (!first) return
  throw new Problem(
    'old-instances',
    `${old.length} older ${old.length === 1 ? 'instance' : 'instances'} could still write notes: ${first.instance}, build ${first.build}, last seen ${first.lastSeen}. Stop them, then try again.`,
    { members: { instances: old.slice(0, 50) } },
  )
}
