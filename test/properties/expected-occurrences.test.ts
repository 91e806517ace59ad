import fc from 'fast-check'
import { expect, it } from 'vitest'
import { NewRecurrence } from '../../domain/flag-recurrence.ts'
import { foresee, readRecurring } from '../../store/expected-occurrences.ts'
import { createSchedule } from '../../store/flag-schedules.ts'
import { createFlag, lockFlag } from '../../store/flags.ts'
import { createRecurrence } from '../../store/recurrences.ts'
import { pendingOf } from '../../store/schedule-preview.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'

const db = openTestDatabase(await createTestDatabase())

const HOUR = 3_600_000
// Twelve hours from now: no run comes across an occurrence.
const noon = Math.floor((Date.now() + 12 * HOUR) / 60_000) * 60_000
const at = (hours: number) => new Date(noon + hours * HOUR)
const daily = (hour: number) => `${at(0).getUTCMinutes()} ${at(hour).getUTCHours()} * * *`

const recurrence = fc.record({
  hour: fc.integer({ min: 0, max: 3 }),
  catchUp: fc.constantFrom('all' as const, 'latest' as const, 'none' as const),
  count: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  /** Its pending occurrence was due so many days ago. */
  days: fc.integer({ min: 1, max: 9 }),
})
const freeze = fc.record({
  from: fc.integer({ min: -10 * 24, max: -80 }),
  hours: fc.integer({ min: 1, max: 60 }),
  mode: fc.constantFrom('refuse' as const, 'defer' as const),
})

it('foresees what the sweep applies, and in its order, of any backlog of recurrences, schedules and freezes', async () => {
  let environments = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(recurrence, { minLength: 1, maxLength: 3 }),
      fc.array(fc.integer({ min: -10 * 24, max: -13 }), { maxLength: 3 }),
      fc.array(freeze, { maxLength: 2 }),
      async (recurrences, plain, freezes) => {
        const address = { environment: `e${++environments}`, flagKey: 'a' }
        const { environment } = address
        const input = { key: 'a', description: '', enabled: false, rolloutPercentage: 100 }
        const flag = await asAlice(db, (tx) => createFlag(tx, environment, input))
        for (const { hour, catchUp, count, days } of recurrences) {
          const rule = { cron: daily(hour), timeZone: 'UTC', count }
          const asked = NewRecurrence.parse({ recurrence: rule, updates: { rolloutPercentage: hour }, catchUp })
          const { id } = await asAlice(db, (tx) => createRecurrence(tx, address, asked))
          // It lapsed: nobody looked since.
          const due = at(hour - days * 24)
          const lapse = 'UPDATE flag_schedule_recurrences SET through_at = $2, before_at = $2 WHERE id = $1'
          await one(db, lapse, [id, due])
          await one(db, 'UPDATE feature_flag_schedules SET scheduled_at = $2 WHERE recurrence_id = $1', [id, due])
        }
        for (const [i, hours] of plain.entries()) {
          const wanted = { scheduledAt: at(1).toISOString(), updates: { rolloutPercentage: 50 + i } }
          const { id } = await asAlice(db, (tx) => createSchedule(tx, address, wanted))
          await one(db, 'UPDATE feature_flag_schedules SET scheduled_at = $2 WHERE id = $1', [id, at(hours)])
        }
        for (const { from, hours, mode } of freezes)
          await one(
            db,
            `INSERT INTO freezes (environment, from_at, to_at, reason, mode, created_by) VALUES ($1, $2, $3, 'x', $4, 'x')`,
            [environment, at(from), at(from + hours), mode],
          )
        const now = new Date()
        const { pending, recurring } = await asAlice(db, async (tx) => {
          await lockFlag(tx, address)
          return { pending: await pendingOf(tx, flag.id, now), recurring: await readRecurring(tx, flag.id) }
        })
        const { schedules } = foresee(pending, recurring, now, now)
        while ((await sweepDue(db)).outcomes.length > 0);
        const { rows } = await db.pool.query(
          `SELECT s.scheduled_at AS "scheduledAt", s.recurrence_id AS "recurrenceId", s.updates
           FROM events e JOIN feature_flag_schedules s ON s.id = e.schedule_id
           WHERE e.environment = $1 AND e.type = 'schedule-applied' ORDER BY e.id`,
          [environment],
        )
        const applied = rows.map((row) => ({ ...row, scheduledAt: row.scheduledAt.toISOString() }))
        expect(
          schedules.map(({ scheduledAt, recurrenceId, updates }) => ({ scheduledAt, recurrenceId, updates })),
        ).toEqual(applied)
      },
    ),
    { numRuns: 40 },
  )
}, 120_000)
