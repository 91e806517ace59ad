import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Postgres, startPostgres } from '../../dev/postgres.ts'
import { openDatabase } from '../../store/database.ts'
import { createFlag } from '../../store/flags.ts'
import { migrate } from '../../store/migrate.ts'
import { transaction } from '../../store/transaction.ts'
import { alice, one, quiet } from '../helpers/database.ts'
import { startLossyProxy, through } from '../helpers/lossy-proxy.ts'

let directory: string
let postgres: Postgres
const start = (port: number) => startPostgres({ dataDir: join(directory, 'postgres'), port, database: 'interlock' })

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'interlock-chaos-'))
  postgres = await start(0)
  await migrate({ url: postgres.url })
})
afterAll(async () => {
  await postgres?.stop()
  await rm(directory, { recursive: true, force: true })
})

/** Postgres crashes at the COMMIT of a transaction that makes a flag; `meanwhile` runs before its outcome is asked for. */
async function crashAtCommit(key: string, meanwhile: (lostXid: bigint) => Promise<void>): Promise<void> {
  let xid = 0n
  const proxy = await startLossyProxy(postgres.port)
  const crashed = proxy.cutAtCommit('before', async () => {
    process.kill(postgres.pid, 'SIGKILL')
    await postgres.exited
    postgres = await start(postgres.port)
    await meanwhile(xid)
  })
  const db = openDatabase({ url: through(proxy, postgres.url), name: 'api', log: quiet, connections: 1 })
  try {
    const work = async (tx: Parameters<Parameters<typeof transaction>[1]>[0]) => {
      await createFlag(tx, 'production', { key, description: '', enabled: false, rolloutPercentage: 100 })
      const [row] = await tx.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid')
      xid ||= BigInt(row?.xid ?? 0)
    }
    await transaction(db, work, { origin: alice })
    await crashed
  } finally {
    await db.pool.end()
    proxy.close()
  }
}

async function flagsAndEvents(key: string) {
  const db = openDatabase({ url: postgres.url, name: 'api', log: quiet })
  const counts = `SELECT (SELECT count(*) FROM feature_flags WHERE key = $1) AS flags,
    (SELECT count(*) FROM events WHERE flag_key = $1) AS events`
  return await one(db, counts, [key]).finally(() => db.pool.end())
}

// What a transaction wrote shortly before a crash is lost with its number, which Postgres then gives to another one.

test('a crash at COMMIT is not taken for success because another transaction got the number', async () => {
  await crashAtCommit('number-used-again', async (lostXid) => {
    const db = openDatabase({ url: postgres.url, name: 'api', log: quiet })
    for (let xid = 0n; xid < lostXid; ) {
      const [row] = (
        await db.pool.query(
          'INSERT INTO reconciler_cursor SELECT $1, uuidv7() RETURNING pg_current_xact_id()::text AS xid',
          [crypto.randomUUID()],
        )
      ).rows
      xid = BigInt(row.xid)
    }
    await db.pool.end()
  })
  expect(await flagsAndEvents('number-used-again')).toEqual({ flags: 1, events: 1 })
})

test('a crash at COMMIT whose number nobody has yet is done again', async () => {
  await crashAtCommit('number-of-nobody', async () => {})
  expect(await flagsAndEvents('number-of-nobody')).toEqual({ flags: 1, events: 1 })
})
