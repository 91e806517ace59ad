import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FlagState } from '../../domain/flag.ts'
import { DueTime, describeUpdates, foldSchedules, ScheduleUpdates } from '../../domain/flag-schedule.ts'

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

  it('folds strategies field by field, each by its id, and replaces variants as a whole', () => {
    const change = fc.record(
      { id: fc.constantFrom('A', 'B'), title: fc.constantFrom('x', 'y'), disabled: fc.boolean() },
      { requiredKeys: ['id'] },
    )
    const named = fc.record(
      {
        strategies: fc.uniqueArray(change, { selector: ({ id }) => id, minLength: 1 }),
        variants: fc
          .uniqueArray(fc.constantFrom('blue', 'green'))
          .map((names) => names.map((name) => ({ name, weight: 1, stickiness: 'default', overrides: [] }))),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(
        fc.array(
          named.map((updates) => ({ updates })),
          { maxLength: 6 },
        ),
        (due) => {
          const start = {
            enabled: true,
            rolloutPercentage: 5,
            variants: [],
            strategies: { A: { title: 'was' }, C: { title: 'other' } },
          }
          const end: FlagState = foldSchedules(start, due).at(-1)?.after ?? start
          expect(end.variants).toEqual(due.findLast(({ updates }) => updates.variants)?.updates.variants ?? [])
          for (const id of ['A', 'B', 'C'] as const)
            for (const field of ['title', 'disabled'] as const) {
              const changes = due.flatMap(
                ({ updates }) => updates.strategies?.filter((one) => one.id === id && field in one) ?? [],
              )
              const was = { A: 'was', B: undefined, C: 'other' }[id]
              expect(end.strategies?.[id]?.[field]).toBe(
                changes.at(-1)?.[field] ?? (field === 'title' ? was : undefined),
              )
            }
        },
      ),
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

describe('what a schedule changes', () => {
  const id = '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D'

  it.each([
    [{}, 'at least one of enabled, rolloutPercentage, variants, strategies'],
    [{ strategies: [] }, 'list of 1 to 30'],
    [{ strategies: [{ id }] }, 'at least one field'],
    [
      {
        strategies: [
          { id, title: 'a' },
          { id, disabled: true },
        ],
      },
      'each strategy once',
    ],
    [{ strategies: [{ id: 'x', title: 'a' }] }, 'ULID'],
    [{ strategies: [{ id, rollout: 5 }] }, 'not a field'],
    [{ variants: [{ name: 'a', weight: -1 }] }, '0 to 1000'],
  ])('is not %j', (updates, why) => {
    expect(ScheduleUpdates.safeParse(updates).error?.message).toContain(why)
  })

  it('is described in one short line, without what people wrote', () => {
    const updates = ScheduleUpdates.parse({
      rolloutPercentage: 25,
      variants: [{ name: 'secret', weight: 1 }],
      strategies: [
        {
          id,
          title: 'secret',
          disabled: true,
          parameters: { rollout: 25, groupId: 'secret' },
          segments: [],
          constraints: [],
        },
      ],
    })
    const line = describeUpdates(updates)
    expect(line).toBe(
      `rolloutPercentage → 25, variants → 1 of them, strategies.${id}.title → …, strategies.${id}.parameters → 25 %, strategies.${id}.constraints → 0 of them, 2 more`,
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
