import { describe, expect, it } from 'vitest'
import type { NoteDatabases } from '../../store/notes/roles.ts'
import { sweepDue } from '../../store/sweep.ts'
import { ensureRetention } from '../../temporal/periodic.ts'
import { addAccounts, createNoteSettings } from '../helpers/accounts.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { record } from '../helpers/histories.ts'
import { newFlag, newSchedule } from '../helpers/schedules.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const settings = { ...(await createNoteSettings()), INTERLOCK_RETAIN_CANCELLED_DAYS: '20' }
const app = await createTestApp(url, { settings })
const { call, client, db, names } = app
await startTestWorker(app, url, { retention: { appliedDays: 90, cancelledDays: 20 }, reverseWindowHours: 72 })

/** Makes `count` schedules that became `status` some days ago. */
const old = (flagKey: string, status: string, days: number, count = 1, updates: object = { enabled: true }) =>
  one(
    db,
    `INSERT INTO feature_flag_schedules (flag_id, scheduled_at, status, updates, created_by, updated_at, applied_at, applied_revision, error_message)
     SELECT f.id, date_trunc('milliseconds', now() - $3::integer * interval '1 day'), $2::text, $5::jsonb, 'alice', now() - $3::integer * interval '1 day',
       CASE WHEN $2::text = 'applied' THEN now() - $3::integer * interval '1 day' END, CASE WHEN $2::text = 'applied' THEN 1 END,
       CASE WHEN $2::text = 'failed' THEN 'x' END
     FROM feature_flags f, generate_series(1, $4::integer) WHERE f.key = $1`,
    [flagKey, status, days, count, JSON.stringify(updates)],
  )
const left = async (flagKey: string) =>
  (
    await db.pool.query(
      `SELECT s.status, count(*) AS n FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
       WHERE f.key = $1 GROUP BY 1 ORDER BY 1`,
      [flagKey],
    )
  ).rows.map(({ status, n }) => `${status} ${n}`)
const preview = async () => (await call('GET', 'schedules/retention')).body

describe('the retention', () => {
  it('deletes what is too old in batches, with an event each, and says how much; failed ones stay', async () => {
    const { flagKey } = await newFlag(db)
    await old(flagKey, 'applied', 91, 2_300)
    await old(flagKey, 'cancelled', 21, 3)
    await old(flagKey, 'applied', 89)
    await old(flagKey, 'cancelled', 19)
    await old(flagKey, 'failed', 1_000, 1, { rolloutPercentage: 3 })
    expect(await preview()).toEqual({
      settings: { appliedDays: 90, cancelledDays: 20 },
      applied: { count: 2_300, oldest: expect.any(String) },
      cancelled: { count: 3, oldest: expect.any(String) },
    })
    expect((Date.now() - Date.parse((await preview()).applied.oldest)) / 86_400_000).toBeCloseTo(91, 1)
    const workflowId = `${names.retention}-${crypto.randomUUID()}`
    const result = await client.workflow.execute('retention', { workflowId, taskQueue: names.queues.timers })
    expect(result).toEqual({ applied: 2_300, cancelled: 3, tombstones: 0 })
    expect(await left(flagKey)).toEqual(['applied 1', 'cancelled 1', 'failed 1'])
    expect(await preview()).toMatchObject({
      applied: { count: 0, oldest: null },
      cancelled: { count: 0, oldest: null },
    })
    const { body: events } = await call('GET', 'events?type=schedules-purged')
    expect(events.map(({ data }: { data: object }) => data).reverse()).toMatchObject([
      { applied: 1_000, cancelled: 3, appliedDays: 90, cancelledDays: 20 },
      { applied: 1_000, cancelled: 0 },
      { applied: 300, cancelled: 0 },
    ])
    await record(app, workflowId, 'purged')
  })

  it('keeps what shows that a failed schedule may not be retried', async () => {
    const address = await newFlag(db)
    await old(address.flagKey, 'applied', 120)
    await old(address.flagKey, 'failed', 110)
    await old(address.flagKey, 'applied', 100)
    await old(address.flagKey, 'applied', 100, 1, { rolloutPercentage: 5 })
    expect((await preview()).applied.count).toBe(2)
    const workflowId = `${names.retention}-${crypto.randomUUID()}`
    await client.workflow.execute('retention', { workflowId, taskQueue: names.queues.timers })
    expect(await left(address.flagKey)).toEqual(['applied 1', 'failed 1'])
    const { body } = await call('GET', `flags/${address.flagKey}/schedule?status=failed`)
    const refused = await call('POST', `flags/${address.flagKey}/schedule/${body[0].id}/retry`)
    expect(refused.body).toMatchObject({ type: '/problems/schedule-superseded', field: 'enabled' })
  })

  it('touches nothing that waits or was just applied', async () => {
    const address = await newFlag(db)
    await newSchedule(db, address, -1_000)
    await sweepDue(db)
    await newSchedule(db, address, 60_000)
    const workflowId = `${names.retention}-${crypto.randomUUID()}`
    expect(await client.workflow.execute('retention', { workflowId, taskQueue: names.queues.timers })).toEqual({
      applied: 0,
      cancelled: 0,
      tombstones: 0,
    })
    expect(await left(address.flagKey)).toEqual(['applied 1', 'pending 1'])
  })

  it('forgets old tombstones of accounts in one store, under a new epoch, and no others', async () => {
    const databases = app.notes?.databases as NoteDatabases
    // More than one batch of accounts before them.
    await addAccounts(app, 'before', Array(510).fill(0))
    const [resting, fresh, moving] = (await addAccounts(app, 'some', [3, 1, 2])) as [string, string, string]
    const [done] = (await addAccounts(app, 'with-done', [0])) as [string]
    for (const mode of ['ready', 'migrating', 'done']) await call('PATCH', `accounts/${done}`, { mode })
    await call('PATCH', `accounts/${moving}`, { isMigrating: true })
    const buried = async (id: string) => {
      const { body } = await call('POST', `/api/accounts/${id}/notes`, { title: 'soon gone' })
      await call('DELETE', `/api/accounts/${id}/notes/${body.id}`)
    }
    for (const id of [resting, fresh, moving, done]) await buried(id)
    const age = async (hours: number, ids: string[]) => {
      for (const store of [databases.legacy, databases.current]) {
        await store?.pool.query(
          `UPDATE note_tombstones SET deleted_at = clock_timestamp() - $2::integer * interval '1 hour' WHERE account_id = ANY ($1)`,
          [ids, hours],
        )
      }
    }
    await age(73, [resting, moving, done])
    await age(71, [fresh])
    // A younger one stays, also of an account that has an old one.
    await buried(resting)
    const epochs = async () =>
      (await Promise.all([resting, done, fresh, moving].map((id) => call('GET', `accounts/${id}`)))).map(
        ({ body }) => body.epoch,
      )
    const before = await epochs()

    const workflowId = `${names.retention}-${crypto.randomUUID()}`
    const result = await client.workflow.execute('retention', { workflowId, taskQueue: names.queues.timers })
    expect(result).toEqual({ applied: 0, cancelled: 0, tombstones: 2 })
    const count = async (store: NoteDatabases['current']) =>
      (await store?.pool.query('SELECT account_id AS id, count(*) AS n FROM note_tombstones GROUP BY 1 ORDER BY 1'))
        ?.rows
    expect(await count(databases.legacy)).toEqual([resting, fresh].map((id) => ({ id, n: 1 })))
    expect(await count(databases.current)).toEqual([{ id: moving, n: 1 }])
    expect((await epochs()).map((epoch, n) => epoch - before[n])).toEqual([1, 1, 0, 0])
    expect((await call('GET', `/api/accounts/${resting}/notes`)).body).toHaveLength(3)
    await record(app, workflowId, 'tombstones-forgotten')
    expect(await client.workflow.execute('retention', { workflowId, taskQueue: names.queues.timers })).toMatchObject({
      tombstones: 0,
    })
  })

  it('is started every day by a Temporal Schedule, which is made once and updated', async () => {
    await ensureRetention(client, names)
    await ensureRetention(client, names)
    const handle = client.schedule.getHandle(names.retention)
    const { spec, policies, action } = await handle.describe()
    expect(spec.intervals).toMatchObject([{ every: 86_400_000, offset: 3 * 3_600_000 }])
    expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 12 * 3_600_000 })
    expect(action).toMatchObject({ workflowType: 'retention', taskQueue: names.queues.timers })
    await handle.delete()
  })
})
