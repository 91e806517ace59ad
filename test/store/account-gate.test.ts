import { describe, expect, it } from 'vitest'
import { freePort } from '../../dev/ports.ts'
import { Problem } from '../../domain/problems.ts'
import { oldInstances, passGate } from '../../store/account-gate.ts'
import { admitOlderBuilds } from '../../store/admit.ts'
import { openDatabase } from '../../store/database.ts'
import { holdLease, listInstances, OldProtocol, registerInstance } from '../../store/note-instances.ts'
import { isFenced } from '../../store/notes/fence.ts'
import { makeAccounts } from '../../store/notes/import.ts'
import { createTestDatabase, one, openTestDatabase, quiet } from '../helpers/database.ts'
import { startLossyProxy, through } from '../helpers/lossy-proxy.ts'
import { createOlderBuild, createTestNoteStores } from '../notes/stores.ts'

const instance = (protocol: number, id: string = crypto.randomUUID()) => ({
  ...({ id, kind: 'api', host: `host-${id}`, build: 'build-7', protocol, role: 'notes' } as const),
})

async function newGate() {
  const db = openTestDatabase(await createTestDatabase())
  const { legacy, current } = await createTestNoteStores()
  return { db, legacy, current, notes: { legacy: legacy.db, current: current.db } }
}
const refusal = async (gate: Awaited<ReturnType<typeof newGate>>): Promise<Problem> => {
  const error = await passGate(gate.db, gate.notes).then(
    () => undefined,
    (thrown) => thrown,
  )
  if (!(error instanceof Problem)) throw error ?? new Error('the gate was passed')
  expect(error.code).toBe('old-instances')
  return error
}
/** As if it had been seen for the last time a minute ago. */
const expire = ({ db }: { db: Awaited<ReturnType<typeof newGate>>['db'] }, id: string) =>
  one(db, `UPDATE note_instances SET lease_until = clock_timestamp() - interval '1 minute' WHERE id = $1`, [id])

describe('the gate', () => {
  it('refuses while an older instance is live, and names it; then no older one can register', async () => {
    const gate = await newGate()
    const { db } = gate
    const old = instance(0)
    await holdLease(db, old)
    await holdLease(db, instance(1))
    const problem = await refusal(gate)
    expect(problem.message).toContain(`api host-${old.id}, build build-7 (protocol 0), last seen 20`)
    expect(problem.members.instances).toMatchObject([{ instance: `api host-${old.id}`, where: 'registry' }])
    await holdLease(db, instance(0))
    await db.pool.query(
      `UPDATE note_instances SET lease_until = clock_timestamp() - interval '1 minute' WHERE protocol = 0`,
    )
    await passGate(db, gate.notes)
    // A paused one that wakes, and a new one.
    await expect(holdLease(db, old)).rejects.toThrow(OldProtocol)
    await expect(holdLease(db, instance(0))).rejects.toThrow(OldProtocol)
    await holdLease(db, instance(1))
    expect((await listInstances(db)).map(({ protocol, live }) => [protocol, live])).toEqual([
      [1, true],
      [1, true],
      [0, false],
      [0, false],
    ])
  })

  it('sees one that registers between its two looks', async () => {
    const gate = await newGate()
    const late = await gate.db.pool.connect()
    await late.query('BEGIN')
    await late.query('SELECT minimal FROM note_protocol FOR SHARE')
    await late.query(
      `INSERT INTO note_instances (id, kind, host, build, protocol, role, lease_until)
       VALUES (uuidv7(), 'api', 'late', 'old', 0, 'notes', clock_timestamp() + interval '10 seconds')`,
    )
    const passing = refusal(gate)
    await expect
      .poll(
        async () =>
          (
            await one(
              gate.db,
              `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE note_protocol%' AND datname = current_database()`,
            )
          ).count,
      )
      .toBe(1)
    await late.query('COMMIT')
    late.release()
    expect((await passing).members.instances).toMatchObject([{ instance: 'api late' }])
  })

  it('does not wait for an instance whose lease is over: its role is revoked in both stores, and its write fails', async () => {
    const gate = await newGate()
    const builds = [
      await createOlderBuild(gate.legacy.url, gate.legacy.db),
      await createOlderBuild(gate.current.url, gate.current.db),
    ]
    const note = crypto.randomUUID()
    await builds[0]?.create('acme', note, 'before')
    const old = instance(0)
    await holdLease(gate.db, old)
    await expire(gate, old.id)
    // Its connections are used: whoever it is, is refused and named.
    expect((await refusal(gate)).members.instances).toMatchObject([
      { instance: expect.stringContaining(builds[0]?.role ?? ''), where: 'legacy' },
      { where: 'current' },
    ])
    // Open still, but nobody has used them for as long as a lease.
    await expect.poll(() => oldInstances(gate.db, gate.notes), { timeout: 15_000, interval: 500 }).toEqual([])
    await passGate(gate.db, gate.notes)
    for (const [n, store] of [gate.legacy, gate.current].entries()) {
      const { role, create, client } = builds[n] as (typeof builds)[0]
      expect(await isFenced(store.db, role)).toBe(true)
      await expect(create('acme', crypto.randomUUID(), 'after')).rejects.toThrow()
      await client.end().catch(() => {})
    }
    expect(await one(gate.legacy.db, 'SELECT count(*), min(title) AS title FROM notes')).toEqual({
      count: 1,
      title: 'before',
    })
  })

  it('refuses again when a role was let in later', async () => {
    const gate = await newGate()
    await passGate(gate.db, gate.notes)
    const { create } = await createOlderBuild(gate.legacy.url, gate.legacy.db)
    await create('acme', crypto.randomUUID(), 'late')
    expect((await refusal(gate)).message).toContain('could still write')
  })
})

describe('older builds, when all accounts are off', () => {
  const fencedOff = async () => {
    const gate = await newGate()
    const older = await createOlderBuild(gate.legacy.url, gate.legacy.db)
    await older.client.end()
    await passGate(gate.db, gate.notes)
    await makeAccounts(gate.db, gate.notes, [{ id: 'acme', notes: 1 }], 'alice')
    const mode = (to: string) => one(gate.db, `UPDATE accounts SET mode = $1 WHERE id = 'acme'`, [to])
    return { ...gate, ...older, mode }
  }

  it('are let in again, and may register; not while an account is anything else', async () => {
    const { db, notes, legacy, role, mode } = await fencedOff()
    await mode('rollback')
    await expect(admitOlderBuilds(db, notes, role)).rejects.toThrow('The account acme is rollback')
    expect(await isFenced(legacy.db, role)).toBe(true)
    await expect(holdLease(db, instance(0))).rejects.toThrow(OldProtocol)
    await mode('off')
    await admitOlderBuilds(db, notes, role)
    expect(await isFenced(legacy.db, role)).toBe(false)
    await holdLease(db, instance(0))
    // The gate shuts them out again.
    expect((await refusal({ db, notes, legacy, current: legacy })).message).toContain('protocol 0')
  })

  it('are shut out again when somebody begins to move an account meanwhile', async () => {
    const { db, notes, legacy, role, mode } = await fencedOff()
    const racing = new Proxy(legacy.db.pool, {
      get: (pool, name) =>
        name === 'query'
          ? async (text: string, values?: unknown[]) => {
              if (text.startsWith('GRANT')) await mode('ready')
              return await pool.query(text, values)
            }
          : Reflect.get(pool, name),
    })
    const late = { ...notes, legacy: { ...legacy.db, pool: racing } }
    await expect(admitOlderBuilds(db, late, role)).rejects.toThrow('The account acme is ready')
    expect(await isFenced(legacy.db, role)).toBe(true)
  })
})

describe('an instance', () => {
  it('that starts before the database does is registered once that is there', async () => {
    const url = await createTestDatabase()
    const port = await freePort()
    const db = openDatabase({ url: through({ port } as never, url), name: 'api', log: quiet })
    const registration = await registerInstance({
      ...{ db, notesUrl: 'postgres://writer@127.0.0.1:1/notes', kind: 'api', build: 'build-7', log: quiet },
      onRefused: () => {},
    })
    const proxy = await startLossyProxy(Number(new URL(url).port), port)
    const straight = openTestDatabase(url)
    const instances = () => listInstances(straight)
    await expect.poll(instances, { timeout: 15_000 }).toMatchObject([{ build: 'build-7', role: 'writer', live: true }])
    await registration.stop()
    expect(await instances()).toEqual([])
    await db.pool.end()
    proxy.close()
  })

  it('hears when a later generation has begun to move accounts', async () => {
    const db = openTestDatabase(await createTestDatabase())
    const refused = Promise.withResolvers<Error>()
    const registration = await registerInstance({
      ...{ db, notesUrl: 'postgres://writer@127.0.0.1/notes', kind: 'worker', build: 'build-7', log: quiet },
      onRefused: refused.resolve,
    })
    await one(db, 'UPDATE note_protocol SET minimal = 99')
    expect(await refused.promise).toBeInstanceOf(OldProtocol)
    await registration.stop()
  })
})
