import { describe, expect, it, vi } from 'vitest'
import { type EventFilter, listEvents } from '../../store/events.ts'
import { transaction } from '../../store/transaction.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { newFlag, newSchedule } from '../helpers/schedules.ts'

const url = await createTestDatabase()
const { call, token } = await createTestApp(url)
const db = openTestDatabase(url)

describe('the audit trail', () => {
  it('is asked by actor, time and types, page by page', async () => {
    const bob = { authorization: `Bearer ${await token('admin', 'bob')}` }
    const { body: flag } = await call('POST', 'flags', { key: 'audited' }, bob)
    await call('PATCH', 'flags/audited', { enabled: true }, bob)
    await call('PATCH', 'flags/audited', { enabled: false })
    await call('DELETE', 'flags/audited', undefined, bob)
    const list = async (query: string) => (await call('GET', `events?flagKey=${flag.key}&${query}`)).body
    const types = async (query: string) => (await list(query)).map(({ type }: { type: string }) => type)
    const [archived, off, on, created] = await list('')
    expect(await types('actor=bob')).toEqual(['flag-archived', 'flag-updated', 'flag-created'])
    expect(await types('type=flag-created,flag-archived')).toEqual(['flag-archived', 'flag-created'])
    expect(await types('type=flag-created&type=flag-archived')).toEqual(['flag-archived', 'flag-created'])
    expect(await types('type=flag-updated&actor=alice')).toEqual(['flag-updated'])
    // Both ends count, to the millisecond that answers show.
    const ids = async (query: string) => (await list(query)).map(({ id }: { id: number }) => id)
    const inside = await ids(`from=${on.createdAt}&to=${off.createdAt}`)
    expect(inside).toEqual(expect.arrayContaining([off.id, on.id]))
    const all = [archived, off, on, created]
    const after = all.filter(({ createdAt }) => createdAt >= off.createdAt).map(({ id }) => id)
    expect(await ids(`from=${off.createdAt}`)).toEqual(after)
    const seen: number[] = []
    for (let next = `/api/admin/events?flagKey=audited&limit=1&to=${archived.createdAt}`; next; ) {
      const { body, headers } = await call('GET', next)
      seen.push(...body.map(({ id }: { id: number }) => id))
      next = /<(.+)>/.exec(headers.link ?? '')?.[1] ?? ''
    }
    expect(seen).toEqual(all.map(({ id }) => id))
    expect((await call('GET', 'events?type=flag-lost,flag-created')).body.errors).toMatchObject([
      { field: 'query.type.0' },
    ])
    expect((await call('GET', 'events?from=yesterday')).body.errors).toMatchObject([{ field: 'query.from' }])
  })

  it('gives the events of one transaction one instant', async () => {
    const origin = { actor: 'alice', door: 'http' as const }
    await transaction(
      db,
      async (tx) => {
        for (let i = 0; i < 2000; i++) tx.emitEvent({ type: 'flag-updated', environment: 'at-once', data: { i } })
      },
      { origin },
    )
    const counted = `SELECT count(*) AS events, count(DISTINCT created_at) AS instants FROM events WHERE environment = 'at-once'`
    expect(await one(db, counted)).toEqual({ events: 2000, instants: 1 })
  })

  it('is read by an index, whatever is asked of how many', async () => {
    const address = await newFlag(db)
    const schedule = await newSchedule(db, address, 60_000)
    // AUDIT_EVENTS=1000000 prints what each question costs on a million: at most 4 ms, 209 pages.
    const total = Number(process.env.AUDIT_EVENTS ?? 50_000)
    for (let first = total; first > 0; first -= 50_000)
      await db.pool.query(
        `INSERT INTO events (type, environment, flag_key, actor, door, data, created_at)
         SELECT CASE WHEN i % 5000 = 0 THEN 'flag-archived' WHEN i % 3 = 0 THEN 'schedule-created' ELSE 'schedule-applied' END,
           'production', 'many-' || i % 1000, CASE WHEN i % 4999 = 0 THEN 'rare' ELSE 'interlock' END, 'schedule', '{}',
           now() - interval '1 day' * i / $1 FROM generate_series($2::integer, $2::integer - 49999, -1) AS i`,
        [total, first],
      )
    await db.pool.query('VACUUM ANALYZE events')
    const hours = (ago: number) => new Date(Date.now() - ago * 3_600_000)
    const asked: Partial<EventFilter>[] = [
      {},
      { environment: 'production', flagKey: 'many-7' },
      { scheduleId: schedule.id },
      { actor: 'rare' },
      { actor: 'interlock' },
      { actor: 'nobody' },
      { type: ['schedule-applied'] },
      { type: ['flag-archived'] },
      { type: ['policy-created'] },
      { type: ['policy-created', 'flag-archived'] },
      { type: ['schedule-created', 'schedule-applied'] },
      { from: hours(13), to: hours(12) },
      { to: hours(20) },
      { from: hours(20) },
      { actor: 'rare', to: hours(12) },
      { actor: 'interlock', type: ['schedule-created'], to: hours(20) },
    ]
    for (const filter of asked) {
      const spy = vi.spyOn(db.pool, 'query')
      const started = performance.now()
      await listEvents(db, { limit: 50, ...filter })
      const ms = performance.now() - started
      const [first, second] = spy.mock.calls[0] as unknown as [string | { text: string; values: unknown[] }, unknown[]]
      spy.mockRestore()
      const { text, values } = typeof first === 'string' ? { text: first, values: second } : first
      const { rows } = await db.pool.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values)
      const { Plan: plan } = rows[0]['QUERY PLAN'][0]
      const pages = plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
      if (process.env.AUDIT_EVENTS) console.log(JSON.stringify(filter), `${ms.toFixed(1)} ms, ${pages} pages`)
      // The whole table has about a thousand.
      expect([filter, pages < 300 || pages]).toEqual([filter, true])
    }
  }, 120_000)
})
