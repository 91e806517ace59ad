import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { FlagState } from '../../domain/flag.ts'
import { foldSchedules, type ScheduleUpdates } from '../../domain/flag-schedule.ts'
import { Problem } from '../../domain/problems.ts'
import { NewStrategy } from '../../domain/strategy.ts'
import { cancelSchedule, createSchedule, editSchedule } from '../../store/flag-schedules.ts'
import { getFlag } from '../../store/flags.ts'
import { addStrategy, listStrategies } from '../../store/strategies.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { newFlag } from '../helpers/schedules.ts'

const url = await createTestDatabase()
const db = openTestDatabase(url)
const worker = openTestDatabase(url, { name: 'sweep' })

const edit = fc
  .record({ title: fc.constantFrom('a', 'b'), disabled: fc.boolean() }, { requiredKeys: [] })
  .filter((value) => Object.keys(value).length > 0)
const variants = fc
  .uniqueArray(fc.constantFrom('blue', 'green'))
  .map((names) => names.map((name) => ({ name, weight: 1, stickiness: 'default', overrides: [] })))
// `strategies` by their place: their ids are made with the flag.
const updates = fc
  .record(
    {
      enabled: fc.boolean(),
      rolloutPercentage: fc.integer({ min: 0, max: 100 }),
      variants,
      strategies: fc.uniqueArray(fc.record({ nth: fc.integer({ min: 0, max: 1 }), edit }), {
        selector: ({ nth }) => nth,
        minLength: 1,
      }),
    },
    { requiredKeys: [] },
  )
  .filter((value) => Object.keys(value).length > 0)
type Wanted = typeof updates extends fc.Arbitrary<infer T> ? T : never
const updatesOf = ({ strategies, ...fields }: Wanted, ids: string[]): ScheduleUpdates => ({
  ...fields,
  ...(strategies && { strategies: strategies.map(({ nth, edit }) => ({ id: ids[nth] as string, ...edit })) }),
})
// Few instants, so that many schedules meet in one; all within the minute that may have passed, so that all are due.
const dueMs = fc.integer({ min: -9, max: -1 }).map((seconds) => seconds * 3_000)
const flag = fc.integer({ min: 0, max: 1 })
const nth = fc.nat({ max: 20 })

const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('create' as const), flag, dueMs, updates }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('edit' as const),
      nth,
      dueMs: fc.option(dueMs),
      updates: fc.option(updates),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), nth }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const), atOnce: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)

/** What a worker that is killed in the middle of a sweep leaves: connections that break at any statement. */
async function restartWhileSweeping(): Promise<void> {
  const sweeping = Promise.allSettled([sweepDue(worker), sweepDue(worker)])
  await db.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'interlock-sweep' AND datname = current_database()`,
  )
  await sweeping
}

/** A flag with two strategies. */
async function newFlagWithStrategies() {
  const address = await newFlag(db)
  const ids: string[] = []
  for (let i = 0; i < 2; i++) {
    const input = NewStrategy.parse({ name: 'default' })
    ids.push((await asAlice(db, (tx) => addStrategy(tx, address, input))).strategy.id)
  }
  return { address, ids }
}

/** A refusal is as good an answer as any; anything else is a bug. */
const unlessRefused = async (work: Promise<unknown>) => {
  await work.catch((error) => expect(error).toBeInstanceOf(Problem))
}

it('any schedules, in any order of creation, edits, cancels, sweeps and restarts, leave each flag as the fold of the applied ones', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25 }), async (commands) => {
      const now = Date.now()
      const at = (ms: number) => new Date(now + ms).toISOString()
      const flags = [await newFlagWithStrategies(), await newFlagWithStrategies()]
      const made: { scheduleId: string; ids: string[] }[] = []
      for (const step of commands) {
        if (step.do === 'create') {
          const { address, ids } = flags[step.flag] as (typeof flags)[number]
          const input = { scheduledAt: at(step.dueMs), updates: updatesOf(step.updates, ids) }
          await unlessRefused(
            asAlice(db, (tx) => createSchedule(tx, address, input)).then(({ id }) =>
              made.push({ scheduleId: id, ids }),
            ),
          )
        } else if (step.do === 'sweep') {
          await Promise.all(Array.from({ length: step.atOnce }, () => sweepDue(db)))
        } else if (step.do === 'restart') {
          await restartWhileSweeping()
        } else {
          const one = made[step.nth % (made.length || 1)]
          if (!one) continue
          const { scheduleId, ids } = one
          if (step.do === 'cancel') await unlessRefused(asAlice(db, (tx) => cancelSchedule(tx, { scheduleId })))
          else {
            const edit = {
              ...(step.dueMs && { scheduledAt: at(step.dueMs) }),
              ...(step.updates && { updates: updatesOf(step.updates, ids) }),
            }
            await unlessRefused(asAlice(db, (tx) => editSchedule(tx, { scheduleId }, edit)))
          }
        }
      }
      while ((await sweepDue(db)).outcomes.length > 0);
      for (const { address, ids } of flags) {
        const { rows } = await db.pool.query<{ updates: ScheduleUpdates; event_id: number; status: string }>(
          `SELECT s.status, s.updates, (SELECT id FROM events e WHERE e.schedule_id = s.id AND e.type = 'schedule-applied') AS event_id
           FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE f.key = $1 ORDER BY s.scheduled_at, s.sequence`,
          [address.flagKey],
        )
        expect(rows.filter(({ status }) => status !== 'applied' && status !== 'cancelled')).toEqual([])
        const applied = rows.filter(({ status }) => status === 'applied')
        const order = applied.map(({ event_id }) => event_id)
        expect(order).toEqual(order.toSorted((a, b) => a - b))
        const asMade = ids.map((id) => [id, { title: null, disabled: false }] as const)
        const start: FlagState = {
          enabled: false,
          rolloutPercentage: 100,
          variants: [],
          strategies: Object.fromEntries(asMade),
        }
        const end = foldSchedules(start, applied).at(-1)?.after ?? start
        const { enabled, rolloutPercentage, variants } = await getFlag(db, address)
        const { strategies } = await listStrategies(db, address)
        const shown = strategies.map(({ id, title, disabled }) => [id, { title, disabled }] as const)
        expect({ enabled, rolloutPercentage, variants, strategies: Object.fromEntries(shown) }).toEqual(end)
      }
    }),
    { numRuns: 60, endOnFailure: true },
  )
}, 120_000)
