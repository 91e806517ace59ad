import { expect, it } from 'vitest'
import { migrate } from '../../store/migrate.ts'
import { createTestDatabase, openTestDatabase } from '../helpers/database.ts'

const ALL = [
  '0001_flags_and_schedules',
  '0002_no_statistics_of_status',
  '0003_policy_activation',
  '0004_recurrences',
  '0005_guards_and_retention',
  '0006_audit_indexes',
  '0007_releases',
  '0008_release_plans',
  '0009_change_requests',
  '0010_accounts',
  '0011_account_migrations',
  '0012_gameplans',
  '0013_events_of_accounts',
  '0014_recent_accounts',
  '0015_ranges_of_an_epoch',
]

const url = await createTestDatabase('template1')
const db = openTestDatabase(url)
const names = async (sql: string) =>
  (await db.pool.query<{ name: string }>(`${sql} ORDER BY 1`)).rows.map(({ name }) => name)
const tables = () => names(`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`)

it('migrations run dry, on an empty database, and again on a current one', async () => {
  expect(await migrate({ url, dryRun: true })).toEqual(ALL)
  expect(await tables()).toEqual(['interlock_migrations'])

  expect(await migrate({ url })).toEqual(ALL)
  expect(await tables()).toContain('feature_flag_schedules')
  expect(await migrate({ url })).toEqual([])
  expect(await migrate({ url, dryRun: true })).toEqual([])
})

it('several that start at once do not fight', async () => {
  const fresh = await createTestDatabase('template1')
  const runs = await Promise.all([migrate({ url: fresh }), migrate({ url: fresh }), migrate({ url: fresh })])
  expect(runs.flat()).toEqual(ALL)
})

it('make the schema of the reference: columns, indexes, the foreign key with its cascade', async () => {
  const columns = await names(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'feature_flag_schedules'`,
  )
  expect(columns).toEqual(
    expect.arrayContaining([
      'id',
      'flag_id',
      'scheduled_at',
      'status',
      'updates',
      'applied_at',
      'error_message',
      'created_at',
      'updated_at',
    ]),
  )
  const indexes = await names(`SELECT indexname AS name FROM pg_indexes WHERE tablename = 'feature_flag_schedules'`)
  expect(indexes).toEqual(
    expect.arrayContaining(['idx_schedules_flag_id', 'idx_schedules_scheduled_at', 'idx_schedules_status']),
  )
  const insert = (flagId: string, status: string) =>
    db.pool.query(
      `INSERT INTO feature_flag_schedules (flag_id, scheduled_at, status, updates, created_by) VALUES ($1, date_trunc('milliseconds', now()), $2, '{}', 'a')`,
      [flagId, status],
    )
  await expect(insert(crypto.randomUUID(), 'pending')).rejects.toMatchObject({ code: '23503' })
  const { rows } = await db.pool.query(
    `INSERT INTO feature_flags (environment, key, revision) VALUES ('e', 'k', 0) RETURNING id`,
  )
  await expect(insert(rows[0].id, 'done')).rejects.toMatchObject({ code: '23514' })
  await insert(rows[0].id, 'pending')
  await db.pool.query('DELETE FROM feature_flags')
  expect((await db.pool.query('SELECT 1 FROM feature_flag_schedules')).rowCount).toBe(0)
})
