import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { FlagState } from '../../domain/flag.ts'
import { type FlagSchedule, fieldsOf, foldSchedules, type ScheduleUpdates } from '../../domain/flag-schedule.ts'
import { contestedFields, lookAhead } from '../../domain/schedule-conflicts.ts'

const ENABLED = [undefined, true, false]
const PERCENTAGES = [undefined, 0, 25, 100]
const BESIDE: ScheduleUpdates[] = [
  {},
  { variants: [] },
  { variants: [{ name: 'blue', weight: 1, stickiness: 'default', overrides: [] }] },
  { strategies: [{ id: 'A', parameters: { rollout: '10' } }] },
  {
    strategies: [
      { id: 'A', parameters: { rollout: '20' }, disabled: true },
      { id: 'B', segments: ['x', 'y'] },
    ],
  },
  { strategies: [{ id: 'B', segments: ['y', 'x'], disabled: false }] },
]
const STATES = [true, false].flatMap((enabled) =>
  [0, 25, 50].map((rolloutPercentage) => ({ enabled, rolloutPercentage })),
)
const UPDATES: ScheduleUpdates[] = ENABLED.flatMap((enabled) =>
  PERCENTAGES.flatMap((rolloutPercentage) =>
    BESIDE.map((beside) => ({
      ...(enabled !== undefined && { enabled }),
      ...(rolloutPercentage !== undefined && { rolloutPercentage }),
      ...beside,
    })),
  ),
).filter((updates) => Object.keys(updates).length > 0)

const end = (state: FlagState, ...changes: ScheduleUpdates[]): FlagState =>
  foldSchedules(
    state,
    changes.map((updates) => ({ updates })),
  ).at(-1)?.after ?? state

/** Each field of a flag and of its strategies, by its path. */
const flat = ({ strategies = {}, ...state }: FlagState) =>
  fieldsOf({ ...state, strategies: Object.entries(strategies).map(([id, content]) => ({ id, ...content })) })

it('a pair of changes is contested exactly when the two orders end differently, of every pair, from every state', () => {
  for (const ours of UPDATES)
    for (const theirs of UPDATES)
      for (const state of STATES) {
        const [oneWay, other] = [flat(end(state, ours, theirs)), flat(end(state, theirs, ours))]
        const differing = [...oneWay.keys()].filter((path) => !isDeepStrictEqual(oneWay.get(path), other.get(path)))
        expect(contestedFields(ours, theirs).sort()).toEqual(differing.sort())
      }
})

const NOON = Date.UTC(2126, 0, 1, 12)
const at = (seconds: number) => new Date(NOON + seconds * 1000).toISOString()
let made = 0
const pendingAt = (seconds: number, updates: ScheduleUpdates, createdBy = 'bob') =>
  ({ id: `${++made}`, scheduledAt: at(seconds), updates, createdBy }) as FlagSchedule

const change = fc.constantFrom(...UPDATES)
const seconds = fc.constantFrom(-301, -300, -1, 0, 1, 300, 301)

it('what it shows before and after is what applying all of them in order gives; conflicts are the contested ones within 5 minutes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(seconds, change), { maxLength: 8 }), change, (others, updates) => {
      const pending = others.toSorted(([a], [b]) => a - b).map(([due, theirs]) => pendingAt(due, theirs))
      const now = { enabled: false, rolloutPercentage: 50 }
      const earlier = pending.filter(({ scheduledAt }) => scheduledAt <= at(0))
      const later = pending.slice(earlier.length)
      const outlook = lookAhead(now, { earlier, later }, { scheduledAt: at(0), updates })
      const before = end(now, ...earlier.map((schedule) => schedule.updates))
      expect(outlook).toMatchObject({ before, after: end(before, updates), applied: { position: earlier.length + 1 } })
      const near = pending.filter(({ scheduledAt }) => scheduledAt >= at(-300) && scheduledAt <= at(300))
      expect(outlook.conflicts.map(({ scheduleId, field, why }) => [scheduleId, field, why])).toEqual(
        near.flatMap(({ id, scheduledAt, updates: theirs }) =>
          contestedFields(updates, theirs).map((field) => [
            id,
            field,
            scheduledAt === at(0) ? 'same-instant' : 'close',
          ]),
        ),
      )
      // Until the one that overrides it, each field keeps our value; nobody between the overridden one and ours named it.
      for (const [field, value] of fieldsOf(updates)) {
        const next = outlook.overriddenBy.find((rival) => rival.field === field)
        const until = next ? later.findIndex(({ id }) => id === next.scheduleId) : later.length
        const kept = end(outlook.after, ...later.slice(0, until).map((schedule) => schedule.updates))
        expect(flat(kept).get(field)).toEqual(value)
        if (next) expect(fieldsOf(later[until]?.updates ?? {}).get(field)).not.toEqual(value)
        const replaced = outlook.overrides.find((rival) => rival.field === field)
        const last = earlier.findLast(({ updates: theirs }) => fieldsOf(theirs).has(field))
        const same = last && isDeepStrictEqual(fieldsOf(last.updates).get(field), value)
        expect(replaced?.scheduleId).toBe(same ? undefined : last?.id)
      }
    }),
  )
})

it('says what the contradiction comes to', () => {
  const { conflicts } = lookAhead(
    { enabled: false, rolloutPercentage: 100 },
    {
      earlier: [pendingAt(-60, { enabled: false }), pendingAt(0, { enabled: false })],
      later: [pendingAt(90, { enabled: false }, 'carol')],
    },
    { scheduledAt: at(0), updates: { enabled: true } },
  )
  expect(conflicts.map(({ detail }) => detail)).toEqual([
    'Due 60 s before ours: enabled is false for 60 s, then true.',
    'Due at the same instant: the last one, ours, wins, and enabled is true.',
    'Due 90 s after ours: enabled is true for 90 s, then false.',
  ])
  expect(conflicts[2]).toMatchObject({ createdBy: 'carol', theirs: false, ours: true, scheduledAt: at(90) })
})
