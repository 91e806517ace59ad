import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { FlagState } from '../../domain/flag.ts'
import { foldSchedules, type ScheduleUpdates } from '../../domain/flag-schedule.ts'
import { Problem } from '../../domain/problems.ts'
import { cancelRelease, editRelease } from '../../store/flag-releases.ts'
import { cancelSchedule, createSchedule } from '../../store/flag-schedules.ts'
import { getFlag } from '../../store/flags.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { newRelease } from '../helpers/releases.ts'
import { newFlag } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())

const updates: fc.Arbitrary<ScheduleUpdates> = fc
  .record({ enabled: fc.boolean(), rolloutPercentage: fc.integer({ min: 0, max: 100 }) }, { requiredKeys: [] })
  .filter((value) => Object.keys(value).length > 0)
// Few instants, so that many meet in one; all within the minute that may have passed, so that all are due.
const dueMs = fc.integer({ min: -6, max: -1 }).map((seconds) => seconds * 3_000)
const flag = fc.integer({ min: 0, max: 2 })
const nth = fc.nat({ max: 20 })
const on = fc.uniqueArray(flag, { minLength: 1, maxLength: 3 })

const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('schedule' as const), flag, dueMs, updates }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), on, dueMs, updates }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('move' as const), nth, dueMs }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), nth, release: fc.boolean() }) },
  // A change that cannot be made: what it is a part of fails.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), nth }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('sweep' as const),
      flags: fc.array(fc.option(flag), { minLength: 1, maxLength: 3 }),
    }),
  },
)

interface Row {
  id: string
  flag: string
  release: string | null
  status: string
  updates: ScheduleUpdates
  revision: number | null
  /** The event that says what became of it. */
  event: number | null
  /** The last event that gave it its place in the order. */
  placed: number
}

const unlessRefused = async (work: Promise<unknown>) => {
  await work.catch((error) => expect(error).toBeInstanceOf(Problem))
}

it('any mix of schedules and releases is applied in order on each flag, and each release as one revision or not at all', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25 }), async (commands) => {
      const now = Date.now()
      const at = (ms: number) => new Date(now + ms).toISOString()
      const flags = [await newFlag(db), await newFlag(db), await newFlag(db)]
      const ids = await Promise.all(flags.map(async (address) => (await getFlag(db, address)).id))
      const [schedules, releases]: [string[], string[]] = [[], []]
      const pick = (of: string[], n: number) => of[n % (of.length || 1)]
      for (const step of commands) {
        if (step.do === 'schedule') {
          const address = flags[step.flag] as (typeof flags)[number]
          const input = { scheduledAt: at(step.dueMs), updates: step.updates }
          await unlessRefused(
            asAlice(db, (tx) => createSchedule(tx, address, input)).then(({ id }) => schedules.push(id)),
          )
        } else if (step.do === 'release') {
          const addresses = step.on.map((i) => flags[i] as (typeof flags)[number])
          await unlessRefused(
            newRelease(db, addresses, at(step.dueMs), step.updates).then(({ id }) => releases.push(id)),
          )
        } else if (step.do === 'sweep') {
          await Promise.all(step.flags.map((i) => sweepDue(db, i === null ? {} : { flagId: ids[i] as string })))
        } else if (step.do === 'break') {
          const id = pick(releases, step.nth)
          await db.pool.query(
            `UPDATE feature_flag_schedules SET updates = '{"rolloutPercentage": 101}'
             WHERE id = (SELECT id FROM feature_flag_schedules WHERE release_id = $1 AND status = 'pending' ORDER BY id LIMIT 1)`,
            [id],
          )
        } else if (step.do === 'move') {
          const id = pick(releases, step.nth)
          if (id) await unlessRefused(asAlice(db, (tx) => editRelease(tx, id, { scheduledAt: at(step.dueMs) })))
        } else {
          const id = pick(step.release ? releases : schedules, step.nth)
          if (!id) continue
          const cancel = step.release
            ? cancelRelease
            : (tx: Parameters<typeof cancelRelease>[0], scheduleId: string) => cancelSchedule(tx, { scheduleId })
          await unlessRefused(asAlice(db, async (tx) => void (await cancel(tx, id))))
        }
      }
      while ((await sweepDue(db)).outcomes.length > 0);

      const { rows } = await db.pool.query<Row>(
        `SELECT s.id, f.key AS flag, s.release_id AS release, s.status, s.updates, s.applied_revision AS revision,
           (SELECT max(id) FROM events e WHERE e.schedule_id = s.id AND e.type IN ('schedule-applied', 'schedule-failed')) AS event,
           (SELECT max(id) FROM events e WHERE e.schedule_id = s.id AND e.type IN ('schedule-created', 'schedule-updated')) AS placed
         FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE f.id = ANY ($1)
         ORDER BY s.scheduled_at, s.sequence`,
        [ids],
      )
      expect(rows.filter(({ status }) => status === 'pending')).toEqual([])
      for (const address of flags) {
        const own = rows.filter((row) => row.flag === address.flagKey)
        const applied = own.filter(({ status }) => status === 'applied')
        const order = applied.map(({ event }) => event as number)
        expect(order).toEqual(order.toSorted((a, b) => a - b))
        // What fails has its turn as well; but it leaves no mark, so something may be put before it afterwards.
        const ended = own.filter(({ status }) => status !== 'cancelled') as (Row & { event: number })[]
        const overtaken = ended.filter((row, i) =>
          ended.slice(i).some(({ event }) => row.placed < event && event < row.event),
        )
        expect(overtaken).toEqual([])
        const revisions = applied.map(({ revision }) => revision as number)
        expect(revisions).toEqual(revisions.toSorted((a, b) => a - b))
        const start: FlagState = { enabled: false, rolloutPercentage: 100 }
        const end = foldSchedules(start, applied).at(-1)?.after ?? start
        const { enabled, rolloutPercentage } = await getFlag(db, address)
        expect({ enabled, rolloutPercentage }).toEqual(end)
      }
      for (const id of releases) {
        const members = rows.filter(({ release }) => release === id)
        const [{ status, revision } = {}] = members
        for (const member of members) expect(member).toMatchObject({ status, revision })
        const { rows: kept } = await db.pool.query(
          'SELECT status, applied_revision AS revision FROM flag_releases WHERE id = $1',
          [id],
        )
        expect(kept).toEqual([{ status, revision }])
        const others = rows.filter((row) => row.release !== id && row.revision !== null && row.revision === revision)
        expect(others).toEqual([])
      }
    }),
    { numRuns: 40, endOnFailure: true },
  )
}, 120_000)
