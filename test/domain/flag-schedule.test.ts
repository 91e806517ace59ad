import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DueTime, foldSchedules, type ScheduleUpdates } from '../../domain/flag-schedule.ts'

const state = fc.record({ enabled: fc.boolean(), rolloutPercentage: fc.integer({ min: 0, max: 100 }) })
const schedules = fc.array(
  fc.record({
    updates: fc.record(
      { enabled: fc.boolean(), rolloutPercentage: fc.integer({ min: 0, max: 100 }) },
      { requiredKeys: [] },
    ),
  }),
)

describe('foldSchedules', () => {
  it('lets the last one to name a field win, and leaves what nobody names', () => {
    fc.assert(
      fc.property(state, schedules, (start, due) => {
        const end = foldSchedules(start, due).at(-1)?.after ?? start
        for (const field of ['enabled', 'rolloutPercentage'] as const) {
          const last = due.findLast(({ updates }) => (updates as ScheduleUpdates)[field] !== undefined)
          expect(end[field]).toBe(last ? (last.updates as ScheduleUpdates)[field] : start[field])
        }
      }),
    )
  })

  it('chains: each step begins where the one before it ended', () => {
    fc.assert(
      fc.property(state, schedules, (start, due) => {
        const steps = foldSchedules(start, due)
        expect(steps.map(({ schedule }) => schedule)).toEqual(due)
        expect(steps.map(({ before }) => before)).toEqual(
          [start, ...steps.map(({ after }) => after)].slice(0, -1 || undefined).slice(0, due.length),
        )
      }),
    )
  })
})

describe('DueTime', () => {
  it.each(['2026-03-01T09:00:00Z', '2026-03-01T09:00:00.5+05:30', '2028-02-29T00:00:00-11:00'])(
    'accepts %s',
    (text) => {
      expect(Number.isNaN(Date.parse(DueTime.parse(text)))).toBe(false)
    },
  )

  it.each([
    '2026-03-01T09:00:00',
    '2026-03-01',
    '2026-02-29T00:00:00Z',
    '2026-03-01T25:00:00Z',
    'now',
    '',
    '2026-03-01T09:00:00+25:00',
  ])('refuses %s', (text) => {
    expect(DueTime.safeParse(text).success).toBe(false)
  })
})
