import { expect, it } from 'vitest'
import { previewRetention, purgeSchedules } from '../../store/retention.ts'
import { asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { newFlag, newSchedule } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())
const RETENTION = { appliedDays: 30, cancelledDays: 30 }

/** A schedule as it was left so many days ago. */
async function left(more: Record<string, string>, address?: Awaited<ReturnType<typeof newFlag>>) {
  const { id } = await newSchedule(db, address ?? (await newFlag(db)), 60_000)
  const set = Object.entries(more).map(([column, value]) => `${column} = ${value}`)
  await db.pool.query(`UPDATE feature_flag_schedules SET ${set.join(', ')} WHERE id = $1`, [id])
  return id
}
const daysAgo = (days: number) => `date_trunc('milliseconds', now() - interval '${days} days')`
const applied = (dueDaysAgo: number, appliedDaysAgo: number) => ({
  status: "'applied'",
  scheduled_at: daysAgo(dueDaysAgo),
  applied_at: daysAgo(appliedDaysAgo),
  applied_revision: '1',
})

it('goes by when a schedule was applied, keeps what waits however old, and what a failed one that was retried still needs', async () => {
  const retried = await newFlag(db)
  const old = await left(applied(40, 40))
  const kept = [
    // It was due before an outage, and applied after it.
    await left(applied(40, 1)),
    // An edit long ago, of what is due tomorrow.
    await left({ updated_at: daysAgo(40), created_at: daysAgo(40) }),
    // First due before the one that was applied; its retry was due after it.
    await left(
      {
        status: "'failed'",
        error_message: "'x'",
        original_scheduled_at: daysAgo(50),
        scheduled_at: daysAgo(39),
        attempt: '2',
      },
      retried,
    ),
    await left(applied(40, 40), retried),
  ]
  expect(await previewRetention(db, RETENTION)).toMatchObject({ applied: { count: 1 }, cancelled: { count: 0 } })
  const events = 'SELECT count(*)::int AS n FROM events'
  const [before] = (await db.pool.query(events)).rows
  expect(await asAlice(db, (tx) => purgeSchedules(tx, RETENTION, 10))).toEqual({ applied: 1, cancelled: 0 })
  const { rows } = await db.pool.query('SELECT id FROM feature_flag_schedules')
  expect(rows.map(({ id }) => id).sort()).toEqual(kept.sort())
  expect(kept).not.toContain(old)
  // What was deleted is still told of: nothing went, and the purge says what it did.
  expect((await db.pool.query(events)).rows).toEqual([{ n: before.n + 1 }])
})
