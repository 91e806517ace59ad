import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { FlagEdit } from '../../domain/flag.ts'
import { foldHistory, HISTORY_TYPES, type HistoryEvent } from '../../domain/flag-history.ts'
import type { ScheduleUpdates } from '../../domain/flag-schedule.ts'
import { listEvents } from '../../store/events.ts'
import { archiveFlag } from '../../store/flag-archive.ts'
import { createSchedule } from '../../store/flag-schedules.ts'
import { readFlagState } from '../../store/flag-state.ts'
import { editFlag, getFlag } from '../../store/flags.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { newFlag } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())

const VARIANTS = [[], ['blue'], ['blue', 'green']].map((names) =>
  names.map((name) => ({ name, weight: 1, stickiness: 'default', overrides: [] })),
)
const updates: fc.Arbitrary<ScheduleUpdates> = fc
  .record(
    { enabled: fc.boolean(), rolloutPercentage: fc.constantFrom(0, 50, 100), variants: fc.constantFrom(...VARIANTS) },
    { requiredKeys: [] },
  )
  .filter((value) => Object.keys(value).length > 0)
const edit: fc.Arbitrary<FlagEdit> = fc
  .record(
    { description: fc.constantFrom('', 'a', 'b'), enabled: fc.boolean(), variants: fc.constantFrom(...VARIANTS) },
    { requiredKeys: [] },
  )
  .filter((value) => Object.keys(value).length > 0)

const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('edit' as const), edit }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('apply' as const),
      updates: fc.array(updates, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('plan' as const), inHours: fc.integer({ min: 1, max: 4 }), updates }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('archive' as const, 'revive' as const) }) },
)

/** All of it, where the store reads only what matters. */
async function historyOf(flagKey: string): Promise<HistoryEvent[]> {
  const { items } = await listEvents(db, { flagKey, type: [...HISTORY_TYPES], limit: 200 })
  return items.reverse().map((event) => {
    const { before, after, createdBy = event.actor } = event.data as unknown as HistoryEvent & { createdBy?: string }
    const { id, scheduleId, createdAt: at } = event
    return { id, type: event.type as HistoryEvent['type'], scheduleId, by: createdBy, at, before, after }
  })
}

type State = Awaited<ReturnType<typeof readFlagState>>['state']

it('equals what was seen then, at every past instant of any history, and what the plans come to at every future one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 12 }), async (commands) => {
      const address = await newFlag(db)
      const look = async (): Promise<State> => {
        const { description, enabled, rolloutPercentage, variants, archivedAt } = await getFlag(db, address)
        return { description, enabled, rolloutPercentage, variants, archivedAt }
      }
      const hour = Date.now() + 3_600_000
      let plans: { due: number; updates: ScheduleUpdates }[] = []
      const seen: { from: number; state: State }[] = []
      // The state after each command, from the first moment at which it was there: the last event's.
      const record = async () => {
        const { at } = await one<{ at: Date }>(db, 'SELECT max(created_at) AS at FROM events WHERE flag_key = $1', [
          address.flagKey,
        ])
        const next = { from: at.getTime(), state: await look() }
        if (seen.at(-1)?.from === next.from) seen.pop()
        seen.push(next)
        // So that two commands do not share a millisecond, which is as fine as the question can be.
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      await record()
      for (const step of commands) {
        const archived = (await look()).archivedAt !== null
        if (step.do === 'revive') {
          if (archived) await asAlice(db, (tx) => editFlag(tx, address, { archived: false }))
        } else if (archived) continue
        else if (step.do === 'edit') await asAlice(db, (tx) => editFlag(tx, address, step.edit))
        else if (step.do === 'archive') {
          await asAlice(db, (tx) => archiveFlag(tx, address))
          plans = []
        } else if (step.do === 'plan') {
          const due = hour + step.inHours * 3_600_000
          const input = { scheduledAt: new Date(due).toISOString(), updates: step.updates }
          await asAlice(db, (tx) => createSchedule(tx, address, input))
          plans.push({ due, updates: step.updates })
        } else if (step.do === 'apply') {
          const scheduledAt = new Date().toISOString()
          for (const each of step.updates)
            await asAlice(db, (tx) => createSchedule(tx, address, { scheduledAt, updates: each }))
          await sweepDue(db)
        }
        await record()
      }
      const history = await historyOf(address.flagKey)
      for (const [i, { from, state }] of seen.entries()) {
        const until = (seen[i + 1]?.from ?? from + 1) - 1
        for (const at of [from, until]) {
          const read = await readFlagState(db, address, new Date(at))
          expect(read).toMatchObject({ certain: true, state })
          const whole = history.filter((event) => event.at <= new Date(at).toISOString())
          expect(read.reasons).toEqual(foldHistory(whole, [])?.reasons)
        }
      }
      const last = (seen.at(-1) as (typeof seen)[number]).state
      for (const hours of [0, 1, 2, 3, 4]) {
        const at = hour + hours * 3_600_000
        const state = plans
          .filter(({ due }) => due <= at)
          .sort((a, b) => a.due - b.due)
          .reduce((folded, plan) => Object.assign(folded, plan.updates), { ...last })
        expect(await readFlagState(db, address, new Date(at))).toMatchObject({ certain: false, state })
      }
    }),
    { numRuns: 40 },
  )
}, 120_000)
