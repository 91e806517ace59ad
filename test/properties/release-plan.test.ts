import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Problem } from '../../domain/problems.ts'
import { NewStrategy } from '../../domain/strategy.ts'
import {
  addMilestoneStrategy,
  removeMilestoneStrategy,
  updateMilestoneStrategy,
} from '../../store/milestone-strategies.ts'
import { approveMilestone, editMilestone } from '../../store/milestones.ts'
import { pausePlan, resumePlan } from '../../store/release-plan-control.ts'
import { deletePlan } from '../../store/release-plans.ts'
import { addSafeguard, recordMetrics } from '../../store/safeguards.ts'
import { createSegment } from '../../store/segments.ts'
import { addStrategy, listStrategies, removeStrategy, updateStrategy } from '../../store/strategies.ts'
import { asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { divergences, type MadePlan, makePlan, rollout } from '../helpers/release-plans.ts'
import { newFlag } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())
for (const key of ['beta', 'staff'])
  await asAlice(db, (tx) => createSegment(tx, 'production', { key, description: '', constraints: [] }))

const COUNT = 6
const place = fc.nat(COUNT - 1)
const segments = fc.subarray(['beta', 'staff'])
const content = fc.record({
  percentage: fc.nat(100),
  segments,
  title: fc.option(fc.constantFrom('x', 'y')),
  disabled: fc.boolean(),
  sortOrder: fc.option(fc.nat(9), { nil: undefined }),
})
const toStrategy = ({ percentage, sortOrder, ...more }: { percentage: number; sortOrder: number | undefined }) =>
  NewStrategy.parse(rollout(percentage, { ...more, ...(sortOrder !== undefined && { sortOrder }) }))
const progression = fc.oneof(
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 3, arbitrary: fc.constant({ approval: true }) },
  { weight: 6, arbitrary: fc.record({ afterSeconds: fc.constantFrom(1800, 3600, 7200), approval: fc.boolean() }) },
)

const step = fc.oneof(
  // Mostly early ones, so that there is something left to wait for.
  { weight: 2, arbitrary: fc.record({ do: fc.constant('start' as const), place: fc.constantFrom(0, 0, 0, 1, 1, 3) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('edit' as const),
      place,
      content,
      door: fc.constantFrom('strategy' as const, 'milestone' as const),
      whole: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), place: fc.option(place), content }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      place,
      door: fc.constantFrom('strategy' as const, 'milestone' as const),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pass' as const), minutes: fc.integer({ min: 1, max: 200 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('pause' as const, 'resume' as const, 'approve' as const, 'approve' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('progress' as const), place, progression }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('measure' as const), value: fc.constantFrom(0, 0, 9) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

async function take(made: MadePlan, step: Step): Promise<unknown> {
  const { address, plan } = made
  const milestoneId = plan.milestones['place' in step && step.place !== null ? step.place : 0]?.id as string
  const strategyOf = async () => {
    const { milestones } = await made.read()
    return milestones.find(({ id }) => id === milestoneId)?.strategies[0]?.id ?? plan.id
  }
  switch (step.do) {
    case 'start':
      return await made.start(step.place)
    case 'pass':
      await made.pass(step.minutes * 60_000)
      return await made.tick()
    case 'pause':
      return await asAlice(db, (tx) => pausePlan(tx, address))
    case 'resume':
      return await asAlice(db, (tx) => resumePlan(tx, address))
    case 'approve':
      return await asAlice(db, (tx) => approveMilestone(tx, address))
    case 'progress':
      return await asAlice(db, (tx) =>
        editMilestone(tx, { ...address, milestoneId }, { progression: step.progression as never }),
      )
    case 'measure':
      return await asAlice(db, (tx) =>
        recordMetrics(tx, 'production', [{ metric: 'errors', value: step.value, flagKey: address.flagKey }]),
      )
    case 'add':
      return await asAlice(db, (tx) =>
        step.place === null
          ? addStrategy(tx, address, toStrategy(step.content))
          : addMilestoneStrategy(tx, { ...address, milestoneId }, toStrategy(step.content)),
      )
    case 'edit': {
      const strategyId = await strategyOf()
      const replace = toStrategy(step.content)
      const change = step.whole ? { replace } : { edit: { segments: replace.segments, disabled: replace.disabled } }
      return await asAlice(db, (tx) =>
        step.door === 'strategy'
          ? updateStrategy(tx, { ...address, strategyId }, change, { door: 'strategy' })
          : updateMilestoneStrategy(tx, { ...address, strategyId }, change),
      )
    }
    case 'remove': {
      const strategyId = await strategyOf()
      return await asAlice(db, (tx) =>
        step.door === 'strategy'
          ? removeStrategy(tx, { ...address, strategyId }, { door: 'strategy' })
          : removeMilestoneStrategy(tx, { ...address, strategyId }),
      )
    }
  }
}

/** What is promised of the later milestones is the planned start of the active one and the sum of dwell times. */
async function checkForecast(made: MadePlan): Promise<void> {
  const { milestones, status, activeMilestoneId, nextAt } = await made.read()
  const at = milestones.findIndex(({ id }) => id === activeMilestoneId)
  let promised = nextAt === null ? null : Date.parse(nextAt)
  if (status !== 'running') expect(nextAt).toBeNull()
  for (const { plannedAt, willStartAt, progression, startedAt, approvedAt } of milestones.slice(at + 1)) {
    expect(plannedAt && Date.parse(plannedAt)).toBe(promised)
    if (plannedAt && Date.parse(plannedAt) > Date.now()) expect(willStartAt).toBe(plannedAt)
    else expect(willStartAt && willStartAt >= (plannedAt as string)).toBe(plannedAt && true)
    expect([startedAt, approvedAt]).toEqual([null, null])
    const timed = progression?.afterSeconds !== undefined && !progression.approval
    promised = promised !== null && timed ? promised + (progression.afterSeconds as number) * 1000 : null
  }
}

it('of any plan and any history: users are served by the active milestone, as it is defined, and by nothing else of it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.array(content, { minLength: 1, maxLength: 3 }), progression), {
        minLength: COUNT,
        maxLength: COUNT,
      }),
      fc.array(step, { minLength: 15, maxLength: 30, size: 'max' }),
      async (given, steps) => {
        const milestones = given.map(([strategies, progression], i) => ({
          name: `m${i}`,
          strategies: strategies.map(toStrategy),
          progression,
        }))
        const made = await makePlan(db, { milestones }, await newFlag(db))
        const guard = { metric: 'errors', operator: '>', threshold: 5, action: 'rollback' } as const
        await asAlice(db, (tx) => addSafeguard(tx, made.address, guard))
        for (const step of [{ do: 'start', place: 0 } as const, ...steps]) {
          await take(made, step).catch((error) => {
            if (!(error instanceof Problem)) throw error
          })
          expect(await divergences(db, made.address)).toEqual([])
          await checkForecast(made)
        }
        const own = async () =>
          (await listStrategies(db, made.address)).strategies.filter(({ milestoneId }) => !milestoneId)
        const before = await own()
        await asAlice(db, (tx) => deletePlan(tx, made.address))
        expect(await own()).toEqual(before)
        expect((await listStrategies(db, made.address)).strategies).toEqual(before)
      },
    ),
    { numRuns: 25 },
  )
}, 240_000)

it('anchored to the plan, nothing ever adds up: started late each time, the last is due when it was promised', async () => {
  const dwells = fc.array(fc.integer({ min: 60, max: 7200 }), { minLength: 2, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(
      dwells,
      fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 6, maxLength: 6 }),
      async (seconds, late) => {
        const milestones = [...seconds, 1].map((afterSeconds, i) => ({
          name: `m${i}`,
          strategies: [rollout(i)],
          progression: { afterSeconds },
        }))
        const made = await makePlan(db, { milestones })
        await made.start(0)
        for (const [i, afterSeconds] of seconds.entries()) {
          await made.pass(afterSeconds * 1000 + (late[i] as number) * 1000)
          await made.tick()
        }
        const { milestones: shown, status } = await made.read()
        expect(status).toBe('completed')
        const planned = shown.map(({ plannedAt }) => Date.parse(plannedAt as string))
        for (const [i, afterSeconds] of seconds.entries())
          expect((planned[i + 1] as number) - (planned[i] as number)).toBe(afterSeconds * 1000)
      },
    ),
    { numRuns: 30 },
  )
}, 120_000)
