import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Problem } from '../../domain/problems.ts'
import type { NewStrategy, StrategyContent, StrategyEdit } from '../../domain/strategy.ts'
import { editSettings } from '../../store/environment-settings.ts'
import { listEvents } from '../../store/events.ts'
import { createFlag } from '../../store/flags.ts'
import { addStrategy, removeStrategy, updateStrategy } from '../../store/strategies.ts'
import { countDrift, listDrift } from '../../store/strategy-drift.ts'
import { reorderStrategies } from '../../store/strategy-order.ts'
import { repairDrift } from '../../store/strategy-repair.ts'
import { readCopies, type StrategyCopies } from '../../store/strategy-rows.ts'
import { alice, asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { copies, gradual, newPlan, newSegments, type Plan, strategy } from '../helpers/milestones.ts'

const db = openTestDatabase(await createTestDatabase())
const SEGMENTS = ['a', 'b', 'c']

const variants = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('x', 'y', 'z'),
    weight: fc.integer({ min: 1, max: 9 }),
    stickiness: fc.constant('default'),
  }),
  { maxLength: 3, selector: ({ name }) => name },
)
const constraints = fc.array(
  fc.record({
    contextName: fc.constantFrom('userId', 'country'),
    operator: fc.constant('IN' as const),
    values: fc.array(fc.constantFrom('1', '2'), { minLength: 1, maxLength: 2 }),
    inverted: fc.boolean(),
    caseInsensitive: fc.constant(false),
  }),
  { maxLength: 2 },
)
const fields = {
  title: fc.constantFrom(null, 't', 'u'),
  // One in five is refused, which must change neither copy.
  parameters: fc.constantFrom<Record<string, string>[]>(
    { rollout: '0' },
    { rollout: '50', stickiness: 'userId' },
    { rollout: '100', groupId: 'g' },
    { rollout: '7' },
    { rollout: '-1' },
  ),
  constraints,
  variants,
  segments: fc.subarray(SEGMENTS, { minLength: 0 }),
  disabled: fc.boolean(),
  sortOrder: fc.nat({ max: 5 }),
}
const edit: fc.Arbitrary<StrategyEdit> = fc
  .record(fields, { requiredKeys: [] })
  .filter((value) => Object.keys(value).length > 0)
const replacement: fc.Arbitrary<NewStrategy> = fc
  .record(fields, { requiredKeys: ['parameters'] })
  .map((value) => strategy({ name: 'flexibleRollout', ...value }))

const door = fc.constantFrom('strategy' as const, 'milestone' as const)
/** A strategy, by a number that is read modulo how many there are. */
const which = fc.nat({ max: 50 })
const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('edit' as const), which, door, edit }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replace' as const), which, door, replacement }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('add' as const), list: fc.constantFrom(0, 1, null), replacement }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), which, door }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('reorder' as const), list: fc.constantFrom(0, 1, null), by: fc.nat() }),
  },
)
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

let flags = 0
async function newScene(environment: string): Promise<Plan> {
  const flagKey = `f${++flags}`
  const flag = { key: flagKey, description: '', enabled: true, rolloutPercentage: 100 }
  await asAlice(db, (tx) => createFlag(tx, environment, flag))
  const plan = await newPlan(
    db,
    [
      [gradual(), gradual()],
      [gradual(), gradual()],
    ],
    { environment, flagKey },
  )
  await asAlice(db, (tx) => addStrategy(tx, plan, gradual()))
  return plan
}

/** Does what can be done; what is refused, such as a strategy that is gone, must change nothing. */
async function run(plan: Plan, all: Map<string, StrategyCopies>, step: Command): Promise<void> {
  const ids = [...all.keys()].sort()
  const address = (n: number) => ({ ...plan, strategyId: ids[n % ids.length] as string })
  const refusable = async (work: Promise<unknown>) => {
    try {
      await work
    } catch (error) {
      if (!(error instanceof Problem)) throw error
    }
  }
  const milestoneOf = (list: number | null) => (list === null ? {} : { milestoneId: plan.milestoneIds[list] as string })
  if (step.do === 'add') {
    const { list, replacement } = step
    await refusable(asAlice(db, (tx) => addStrategy(tx, plan, replacement, milestoneOf(list))))
  } else if (step.do === 'reorder') {
    const { milestoneId } = milestoneOf(step.list)
    const own = milestoneId ? 'milestone' : 'runtime'
    const listed = [...all.values()].flatMap(({ [own]: copy }) =>
      copy && (!milestoneId || copy.milestoneId === milestoneId) ? [copy] : [],
    )
    const groups = [listed.filter((copy) => copy.milestoneId), listed.filter((copy) => !copy.milestoneId)]
    const order = groups.flatMap((group) => [
      ...group.slice(step.by % (group.length || 1)),
      ...group.slice(0, step.by % (group.length || 1)),
    ])
    await refusable(
      asAlice(db, (tx) =>
        reorderStrategies(
          tx,
          plan,
          order.map(({ id }) => id),
          milestoneOf(step.list),
        ),
      ),
    )
  } else if (ids.length > 0) {
    const target = address(step.which)
    if (step.do === 'remove') await refusable(asAlice(db, (tx) => removeStrategy(tx, target, step)))
    else {
      const change = step.do === 'edit' ? { edit: step.edit } : { replace: step.replacement }
      await refusable(asAlice(db, (tx) => updateStrategy(tx, target, change, step)))
    }
  }
}

const contents = (all: Map<string, StrategyCopies>) =>
  new Map([...all].map(([id, { runtime, milestone }]) => [id, (milestone ?? runtime)?.content as StrategyContent]))

/** What the events say became of the strategies, each one starting from what the one before left. */
async function told({ environment, flagKey }: Plan, from: Map<string, StrategyContent>, since: number) {
  const state = new Map(from)
  const { items } = await listEvents(db, { environment, flagKey, limit: 200 })
  for (const { id, type, data } of items.reverse()) {
    if (id <= since || !type.startsWith('feature-')) continue
    if (type === 'feature-strategies-reordered') {
      const { before, after } = data as Record<'before' | 'after', { strategyId: string; sortOrder: number }[]>
      for (const { strategyId, sortOrder } of before) expect(state.get(strategyId)?.sortOrder).toBe(sortOrder)
      for (const { strategyId, sortOrder } of after) {
        state.set(strategyId, { ...(state.get(strategyId) as StrategyContent), sortOrder })
      }
      continue
    }
    const { strategyId, before, after } = data as {
      strategyId: string
      before: StrategyContent | null
      after: StrategyContent | null
    }
    expect(before, `${type} of ${strategyId}`).toEqual(state.get(strategyId) ?? null)
    if (after) state.set(strategyId, after)
    else state.delete(strategyId)
  }
  return state
}

/** The fields that a change names are as it says, and no other is touched. */
function requireOnlyNamed(
  step: Command,
  before: StrategyContent | undefined,
  after: StrategyContent | undefined,
): void {
  if (step.do !== 'edit' || !before || !after || step.edit.parameters?.rollout === '-1') return
  expect(after).toEqual({ ...before, ...step.edit })
}

it('the copies of a strategy are equal after every commit, whatever is changed through whichever door, at once or not', async () => {
  const environment = 'synced'
  await newSegments(db, environment, ...SEGMENTS)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(command, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 }),
      async (batches) => {
        const plan = await newScene(environment)
        const active = plan.milestoneIds[0] as string
        const before = await readCopies(db, plan.flagId)
        const [last] = (await listEvents(db, { limit: 1 })).items
        const look = async () => {
          const { runtime, milestone } = await copies(db, active)
          expect(runtime).toEqual(milestone)
        }
        let all = before
        for (const batch of batches) {
          await Promise.all([...batch.map((step) => run(plan, all, step)), look(), look()])
          const now = await readCopies(db, plan.flagId)
          const [only] = batch
          if (batch.length === 1 && only?.do === 'edit') {
            const id = [...all.keys()].sort()[only.which % all.size] as string
            if (only.door === 'strategy' || all.get(id)?.milestone)
              requireOnlyNamed(only, contents(all).get(id), contents(now).get(id))
          }
          all = now
          await look()
        }
        expect((await copies(db, plan.milestoneIds[1] as string)).runtime).toEqual([])
        expect(await countDrift(db, environment)).toBe(0)
        expect(await told(plan, contents(before), last?.id as number)).toEqual(contents(all))
      },
    ),
    { numRuns: 40 },
  )
})

it('while the sync is off each door changes its own copy, the drift is what differs, and a repair ends it', async () => {
  const environment = 'alone'
  await newSegments(db, environment, ...SEGMENTS)
  await asAlice(db, (tx) => editSettings(tx, environment, { releasePlanSync: false }))
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 1, maxLength: 10 }),
      fc.constantFrom('runtime' as const, 'milestone' as const),
      async (commands, from) => {
        const plan = await newScene(environment)
        const active = plan.milestoneIds[0] as string
        for (const step of commands) await run(plan, await readCopies(db, plan.flagId), step)
        const before = await copies(db, active)
        const found = (await listDrift(db, { environment, limit: 200 })).items
        const byId = (rows: unknown[]) => new Map((rows as { id: string }[]).map((row) => [row.id, row]))
        const [runtime, milestone] = [byId(before.runtime), byId(before.milestone)]
        const differ = [...new Set([...runtime.keys(), ...milestone.keys()])]
          .filter((id) => JSON.stringify(runtime.get(id)) !== JSON.stringify(milestone.get(id)))
          .sort()
        expect(found.map(({ strategyId }) => strategyId)).toEqual(differ)

        const rehearsed = await repairDrift(db, environment, { from, dryRun: true }, alice)
        expect(rehearsed).toEqual({ dryRun: true, repaired: found, unknown: [], remaining: differ.length })
        expect(await copies(db, active)).toEqual(before)
        const repaired = await repairDrift(db, environment, { from, dryRun: false }, alice)
        expect(repaired).toEqual({ dryRun: false, repaired: found, unknown: [], remaining: 0 })
        const after = await copies(db, active)
        expect(after).toEqual({ runtime: before[from], milestone: before[from] })
      },
    ),
    { numRuns: 15 },
  )
})
