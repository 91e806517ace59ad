import { describe, expect, it, vi } from 'vitest'
import type { Constraint, NewStrategy, StrategyEdit, Variant } from '../../domain/strategy.ts'
import { editSettings } from '../../store/environment-settings.ts'
import { listEvents } from '../../store/events.ts'
import { createFlag, getFlag } from '../../store/flags.ts'
import {
  addStrategy,
  type Door,
  getStrategy,
  insertMilestoneStrategies,
  listStrategies,
  removeStrategy,
  updateStrategy,
} from '../../store/strategies.ts'
import { countDrift, listDrift } from '../../store/strategy-drift.ts'
import { reorderStrategies } from '../../store/strategy-order.ts'
import { newUlid } from '../../store/strategy-rows.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { copies, gradual, newPlan, newSegments, type Plan, strategy } from '../helpers/milestones.ts'
import { newFlag } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())
await newSegments(db, 'production', 'beta', 'staff', 'testers')

const variant = (name: string, weight: number): Variant => ({ name, weight, stickiness: 'userId' })
const constraint: Constraint = {
  contextName: 'country',
  operator: 'IN',
  values: ['de', 'at'],
  inverted: false,
  caseInsensitive: false,
}
const FULL: NewStrategy = gradual('40', {
  title: 'Forty percent',
  constraints: [constraint],
  variants: [variant('b', 1), variant('a', 2)],
  segments: ['staff', 'beta'],
  disabled: true,
  sortOrder: 7,
})
const DOORS: Door[] = ['strategy', 'milestone']

/** A plan with one active milestone of one strategy, and another that is not active. */
const planOf = (...first: NewStrategy[]) => newPlan(db, [first, first])
const at = ({ environment, flagKey, strategyIds }: Plan, milestone = 0, place = 0) => ({
  environment,
  flagKey,
  strategyId: strategyIds[milestone]?.[place] as string,
})
const edit = (address: ReturnType<typeof at>, change: StrategyEdit, door: Door = 'strategy') =>
  asAlice(db, (tx) => updateStrategy(tx, address, { edit: change }, { door }))

async function requireEqual({ milestoneIds }: Plan): Promise<unknown[]> {
  const { runtime, milestone } = await copies(db, milestoneIds[0] as string)
  expect(runtime).toEqual(milestone)
  return runtime
}

const eventsOf = async ({ environment, flagKey }: { environment: string; flagKey: string }) =>
  (await listEvents(db, { environment, flagKey, limit: 100 })).items.reverse()

describe('the divergences of other implementations', () => {
  it.each(DOORS)('1: the place is written to both copies (%s)', async (door) => {
    const plan = await planOf(gradual(), gradual())
    await edit(at(plan), { sortOrder: 5 }, door)
    expect((await requireEqual(plan)).map((row) => (row as { sort_order: number }).sort_order)).toEqual([1, 5])
  })

  it.each(DOORS)('2: disabled and segments that are not named stay in both copies (%s)', async (door) => {
    const plan = await planOf(FULL)
    await edit(at(plan), { title: 'Other' }, door)
    expect(await requireEqual(plan)).toMatchObject([{ title: 'Other', disabled: true, segments: ['beta', 'staff'] }])
    await edit(at(plan), { segments: ['testers', 'beta'] }, door)
    expect(await requireEqual(plan)).toMatchObject([{ disabled: true, segments: ['beta', 'testers'] }])
    await edit(at(plan), { segments: [] }, door)
    expect(await requireEqual(plan)).toMatchObject([{ segments: null }])
  })

  it.each(DOORS)('3: variants keep their order and weights in both copies (%s)', async (door) => {
    const plan = await planOf(gradual())
    const variants = [variant('z', 1), variant('a', 999), variant('m', 1)]
    await edit(at(plan), { variants }, door)
    expect(await requireEqual(plan)).toMatchObject([{ variants }])
  })

  it.each([0, 1])(
    '4: a milestone refuses what the runtime refuses, active or not (milestone %i)',
    async (milestone) => {
      const plan = await planOf(gradual())
      const before = await copies(db, plan.milestoneIds[milestone] as string)
      const wrong: [StrategyEdit, string][] = [
        [{ parameters: { rollout: '101' } }, 'parameters.rollout'],
        [{ constraints: [{ ...constraint, operator: 'NUM_GT', values: [], value: 'ten' }] }, 'constraints.0.value'],
        [{ variants: [variant('a', 0)] }, 'variants'],
      ]
      for (const door of DOORS) {
        for (const [change, field] of wrong) {
          const refused = expect(edit(at(plan, milestone), change, door)).rejects
          await refused.toMatchObject({ code: 'validation-failed', fields: [{ field }] })
        }
        await expect(edit(at(plan, milestone), { segments: ['beta', 'nobody'] }, door)).rejects.toMatchObject({
          code: 'unknown-segment',
          members: { segments: ['nobody'] },
        })
      }
      const address = { environment: plan.environment, flagKey: plan.flagKey }
      const milestoneId = plan.milestoneIds[milestone] as string
      const bad = strategy({ parameters: { rollout: '5' } })
      await expect(asAlice(db, (tx) => addStrategy(tx, address, bad, { milestoneId }))).rejects.toMatchObject({
        code: 'validation-failed',
      })
      await expect(
        asAlice(db, (tx) => insertMilestoneStrategies(tx, plan.environment, milestoneId, [gradual(), bad])),
      ).rejects.toMatchObject({ fields: [{ field: 'strategies.1.parameters.rollout' }] })
      expect(await copies(db, milestoneId)).toEqual(before)
    },
  )

  it.each(DOORS)('5: a change of the title leaves everything else, in both copies (%s)', async (door) => {
    const plan = await planOf(FULL)
    const [before] = await requireEqual(plan)
    await edit(at(plan), { title: null }, door)
    expect(await requireEqual(plan)).toEqual([{ ...(before as object), title: null }])
    await edit(at(plan, 1), { title: null }, door)
    const { milestone } = await copies(db, plan.milestoneIds[1] as string)
    const { id, milestone_id } = milestone[0] as Record<string, unknown>
    expect(milestone).toEqual([{ ...(before as object), id, milestone_id, title: null }])
  })

  it.each(DOORS)('6: when the second copy cannot be written, neither is the first, nor an event (%s)', async (door) => {
    const plan = await planOf(FULL)
    const before = await copies(db, plan.milestoneIds[0] as string)
    const events = await eventsOf(plan)
    for (const table of ['milestone_strategies', 'feature_strategies', 'feature_strategy_segment']) {
      const stop = `stop_${table}`
      await one(db, `CREATE FUNCTION ${stop}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'stopped'; END $$`)
      await one(
        db,
        `CREATE TRIGGER ${stop} BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${stop}()`,
      )
      await expect(edit(at(plan), { title: 'x', segments: ['testers'] }, door)).rejects.toThrow('stopped')
      await one(db, `DROP FUNCTION ${stop} CASCADE`)
      expect(await copies(db, plan.milestoneIds[0] as string)).toEqual(before)
    }
    expect(await eventsOf(plan)).toEqual(events)
  })
})

describe('a strategy', () => {
  it('of no milestone changes alone, as a new revision of its flag', async () => {
    const address = await newFlag(db)
    const { strategy: made, revision } = await asAlice(db, (tx) => addStrategy(tx, address, FULL))
    expect(made).toMatchObject({ milestoneId: null, active: true, segments: ['beta', 'staff'], sortOrder: 7 })
    const own = { ...address, strategyId: made.id }
    const changed = await edit(own, { title: 'x' })
    expect(changed).toEqual({ strategy: { ...made, title: 'x' }, revision: revision + 1 })
    expect((await getFlag(db, address)).revision).toBe(revision + 1)
    expect(await getStrategy(db, own)).toEqual(changed)
    await expect(edit(own, { title: 'y' }, 'milestone')).rejects.toMatchObject({ code: 'strategy-not-found' })
    expect(await one(db, 'SELECT count(*)::integer FROM milestone_strategies WHERE id = $1', [made.id])).toEqual({
      count: 0,
    })
  })

  it.each(DOORS)(
    'of an active milestone changes in both copies, with one event and one revision (%s)',
    async (door) => {
      const plan = await planOf(FULL)
      const { revision: before } = await getFlag(db, plan)
      const { strategy: changed, revision } = await edit(at(plan), { parameters: { rollout: '60' } }, door)
      expect(changed).toMatchObject({ active: true, parameters: { rollout: '60' } })
      expect(revision).toBe(before + 1)
      expect(await requireEqual(plan)).toMatchObject([{ parameters: { rollout: '60' } }])
      const event = (await eventsOf(plan)).at(-1)
      expect(event).toMatchObject({ type: 'feature-strategy-update', revision, actor: 'alice' })
      const content = { ...FULL, segments: ['beta', 'staff'] }
      expect(event?.data).toMatchObject({
        strategyId: changed.id,
        milestoneId: plan.milestoneIds[0],
        activated: true,
        before: content,
        after: { ...content, parameters: { rollout: '60' } },
      })
    },
  )

  it.each(DOORS)(
    'of a milestone that is not active changes there only, and applications see nothing (%s)',
    async (door) => {
      const plan = await planOf(FULL)
      const address = at(plan, 1)
      const flag = await getFlag(db, plan)
      const revisions = () => one(db, 'SELECT revision FROM configuration_revision')
      const before = await revisions()
      expect((await getStrategy(db, address)).strategy).toMatchObject({
        active: false,
        milestoneId: plan.milestoneIds[1],
      })
      const { strategy: changed, revision } = await edit(address, { title: 'x', segments: ['testers'] }, door)
      expect(changed).toMatchObject({ title: 'x', active: false })
      expect([revision, await getFlag(db, plan), await revisions()]).toEqual([flag.revision, flag, before])
      const { runtime, milestone } = await copies(db, plan.milestoneIds[1] as string)
      expect(runtime).toEqual([])
      expect(milestone).toMatchObject([{ title: 'x', segments: ['testers'] }])
      expect((await eventsOf(plan)).at(-1)).toMatchObject({
        type: 'feature-strategy-update',
        revision: null,
        data: { activated: false, before: { title: 'Forty percent' }, after: { title: 'x', segments: ['testers'] } },
      })
      await requireEqual(plan)
    },
  )

  it('that does not exist, or is of another flag or environment, is not found through either door', async () => {
    const plan = await planOf(FULL)
    const other = await newFlag(db)
    await asAlice(db, (tx) =>
      createFlag(tx, 'staging', { key: plan.flagKey, description: '', enabled: true, rolloutPercentage: 100 }),
    )
    for (const address of [
      { ...at(plan), strategyId: newUlid() },
      { ...at(plan), flagKey: other.flagKey },
      { ...at(plan), environment: 'staging' },
      { ...at(plan, 1), flagKey: other.flagKey },
      { ...at(plan, 1), environment: 'staging' },
    ]) {
      const refused = { code: 'strategy-not-found' }
      await expect(getStrategy(db, address)).rejects.toMatchObject(refused)
      for (const door of DOORS) {
        await expect(edit(address, { title: 'x' }, door)).rejects.toMatchObject(refused)
        await expect(asAlice(db, (tx) => removeStrategy(tx, address, { door }))).rejects.toMatchObject(refused)
      }
    }
    await expect(edit({ ...at(plan), environment: 'nowhere' }, { title: 'x' })).rejects.toMatchObject({
      code: 'flag-not-found',
    })
  })

  it('that a change leaves as it is keeps its revision, and no event says otherwise', async () => {
    const plan = await planOf(FULL)
    const events = await eventsOf(plan)
    const { revision } = await getFlag(db, plan)
    expect((await edit(at(plan), { segments: ['beta', 'staff', 'beta'], title: FULL.title })).revision).toBe(revision)
    await asAlice(db, (tx) => updateStrategy(tx, at(plan), { replace: FULL }, { door: 'milestone' }))
    expect(await eventsOf(plan)).toEqual(events)
  })

  it('that is replaced gets the defaults of what is not given, and keeps its place', async () => {
    const plan = await planOf(FULL)
    await asAlice(db, (tx) => updateStrategy(tx, at(plan), { replace: strategy() }, { door: 'strategy' }))
    expect(await requireEqual(plan)).toMatchObject([
      {
        name: 'default',
        title: null,
        parameters: {},
        constraints: [],
        variants: [],
        segments: null,
        disabled: false,
        sort_order: 7,
      },
    ])
  })

  it.each(DOORS)('of an active milestone is added and removed in both copies (%s)', async (door) => {
    const plan = await planOf(gradual())
    const milestoneId = plan.milestoneIds[0] as string
    const { strategy: added } = await asAlice(db, (tx) =>
      addStrategy(tx, plan, { ...FULL, sortOrder: undefined }, { milestoneId }),
    )
    expect(added).toMatchObject({ sortOrder: 1, active: true, milestoneId })
    expect(await requireEqual(plan)).toHaveLength(2)
    await asAlice(db, (tx) => removeStrategy(tx, at(plan), { door }))
    expect(await requireEqual(plan)).toMatchObject([{ id: added.id }])
    expect((await eventsOf(plan)).slice(-2)).toMatchObject([
      { type: 'feature-strategy-add', data: { before: null, after: { title: FULL.title }, activated: true } },
      { type: 'feature-strategy-remove', data: { before: { sortOrder: 0 }, after: null, activated: true } },
    ])
  })

  it('changes one after the other: two at once, through different doors, lose no field', async () => {
    const plan = await planOf(FULL)
    await Promise.all([
      edit(at(plan), { title: 'a' }, 'strategy'),
      edit(at(plan), { disabled: false }, 'milestone'),
      edit(at(plan), { segments: ['testers'] }, 'strategy'),
      edit(at(plan), { parameters: { rollout: '1' } }, 'milestone'),
    ])
    expect(await requireEqual(plan)).toMatchObject([
      { title: 'a', disabled: false, segments: ['testers'], parameters: { rollout: '1' } },
    ])
  })

  it('of an archived flag cannot be changed', async () => {
    const plan = await planOf(FULL)
    await one(db, 'UPDATE feature_flags SET archived_at = now() WHERE id = $1', [plan.flagId])
    await expect(edit(at(plan), { title: 'x' })).rejects.toMatchObject({ code: 'flag-archived' })
  })
})

describe('strategies', () => {
  it("are put in order in both copies: a milestone's first, each list by itself", async () => {
    const plan = await planOf(gradual(), gradual(), gradual())
    const own = []
    for (const title of ['x', 'y'])
      own.push((await asAlice(db, (tx) => addStrategy(tx, plan, strategy({ title })))).strategy.id)
    const [a, b, c] = plan.strategyIds[0] as [string, string, string]
    const [x, y] = own as [string, string]
    const order = (...ids: string[]) => asAlice(db, (tx) => reorderStrategies(tx, plan, ids))
    const { strategies, revision } = await order(c, a, b, y, x)
    expect(strategies.map(({ id, sortOrder }) => [id, sortOrder])).toEqual([
      [c, 0],
      [a, 1],
      [b, 2],
      [y, 0],
      [x, 1],
    ])
    expect((await listStrategies(db, plan)).strategies.map(({ id }) => id)).toEqual([c, a, b, y, x])
    await requireEqual(plan)
    expect((await eventsOf(plan)).at(-1)).toMatchObject({ type: 'feature-strategies-reordered', revision })
    expect((await order(c, a, b, y, x)).revision).toBe(revision)

    for (const ids of [
      [c, a, b, y],
      [c, a, b, y, y],
      [c, a, b, y, newUlid()],
      [c, a, b, y, x, x],
      [y, c, a, b, x],
    ]) {
      await expect(order(...ids)).rejects.toMatchObject({ code: 'strategies-incomplete', fields: [{ field: 'ids' }] })
    }
    const [milestoneId, later] = plan.milestoneIds as [string, string]
    await asAlice(db, (tx) => reorderStrategies(tx, plan, [b, c, a], { milestoneId }))
    expect((await requireEqual(plan)).map((row) => (row as { id: string }).id)).toEqual([b, c, a])
    const before = await getFlag(db, plan)
    const reversed = [...(plan.strategyIds[1] as string[])].reverse()
    await asAlice(db, (tx) => reorderStrategies(tx, plan, reversed, { milestoneId: later }))
    expect((await copies(db, later)).milestone.map((row) => (row as { id: string }).id)).toEqual(reversed)
    expect(await getFlag(db, plan)).toEqual(before)
  })

  it('are at most 30 of a flag and one of its milestones', async () => {
    const plan = await newPlan(db, [[gradual()], Array.from({ length: 29 }, () => gradual())])
    await asAlice(db, (tx) => addStrategy(tx, plan, strategy()))
    const refused = { code: 'too-many-strategies', members: { limit: 30 } }
    await expect(asAlice(db, (tx) => addStrategy(tx, plan, strategy()))).rejects.toMatchObject(refused)
    const [first, second] = plan.milestoneIds as [string, string]
    await expect(asAlice(db, (tx) => addStrategy(tx, plan, strategy(), { milestoneId: second }))).rejects.toMatchObject(
      refused,
    )
    await asAlice(db, (tx) => addStrategy(tx, plan, strategy(), { milestoneId: first }))
    const milestoneId = plan.milestoneIds[0] as string
    const many = Array.from({ length: 28 }, () => strategy())
    await expect(
      asAlice(db, (tx) => insertMilestoneStrategies(tx, plan.environment, milestoneId, many)),
    ).rejects.toMatchObject(refused)
  })
})

describe('with the sync turned off', () => {
  const newEnvironment = async () => {
    const environment = `e-${crypto.randomUUID().slice(0, 8)}`
    await newSegments(db, environment, 'beta')
    const flag = { key: 'f', description: '', enabled: true, rolloutPercentage: 100 }
    await asAlice(db, (tx) => createFlag(tx, environment, flag))
    const plan = await newPlan(db, [[gradual(), gradual()], [gradual()]], { environment, flagKey: 'f' })
    const turn = (releasePlanSync: boolean) => asAlice(db, (tx) => editSettings(tx, environment, { releasePlanSync }))
    await turn(false)
    return { plan, turn }
  }

  it('each door changes its own copy, and only the runtime is a new revision', async () => {
    const { plan } = await newEnvironment()
    const { revision } = await getFlag(db, plan)
    expect((await edit(at(plan), { title: 'defined' }, 'milestone')).revision).toBe(revision)
    expect((await edit(at(plan), { segments: ['beta'] }, 'strategy')).revision).toBe(revision + 1)
    const { runtime, milestone } = await copies(db, plan.milestoneIds[0] as string)
    expect(runtime[0]).toMatchObject({ title: null, segments: ['beta'] })
    expect(milestone[0]).toMatchObject({ title: 'defined', segments: null })
    expect((await eventsOf(plan)).slice(-2)).toMatchObject([
      { revision: null, data: { activated: true, copies: ['milestone'], after: { title: 'defined', segments: [] } } },
      { revision: revision + 1, data: { activated: true, copies: ['runtime'], before: { title: null } } },
    ])
    const [a, b] = plan.strategyIds[0] as [string, string]
    const milestoneId = plan.milestoneIds[0] as string
    await asAlice(db, (tx) => reorderStrategies(tx, plan, [b, a], { milestoneId }))
    expect((await listStrategies(db, plan)).strategies.map(({ id }) => id)).toEqual([a, b])
    await asAlice(db, (tx) => removeStrategy(tx, at(plan, 0, 1), { door: 'strategy' }))
    expect((await copies(db, milestoneId)).milestone).toHaveLength(2)
    const { strategy: added } = await asAlice(db, (tx) => addStrategy(tx, plan, strategy(), { milestoneId }))
    expect(added.active).toBe(false)
    expect((await listStrategies(db, plan)).strategies.map(({ id }) => id)).toEqual([a])
  })

  it.each(DOORS)('and on again, a change makes the copies equal, as its door has the strategy (%s)', async (door) => {
    const { plan, turn } = await newEnvironment()
    await edit(at(plan), { title: 'strategy', sortOrder: 3 }, 'strategy')
    await edit(at(plan), { title: 'milestone', segments: ['beta'] }, 'milestone')
    await edit(at(plan, 0, 1), { title: 'milestone' }, 'milestone')
    expect((await turn(true)).drift).toBe(2)
    await edit(at(plan), { disabled: true }, door)
    const mine = door === 'strategy' ? { sort_order: 3, segments: null } : { sort_order: 0, segments: ['beta'] }
    const { runtime, milestone } = await copies(db, plan.milestoneIds[0] as string)
    const ofFirst = (rows: unknown[]) => rows.find((row) => (row as { id: string }).id === at(plan).strategyId)
    expect(ofFirst(runtime)).toEqual(ofFirst(milestone))
    expect(ofFirst(runtime)).toMatchObject({ title: door, disabled: true, ...mine })
    // Nothing new to its own copy, but to the other one.
    await edit(at(plan, 0, 1), { title: door === 'strategy' ? null : 'milestone' }, door)
    await requireEqual(plan)
    const titles = [null, 'milestone']
    const [before, after] = door === 'strategy' ? titles.reverse() : titles
    expect((await eventsOf(plan)).at(-1)?.data).toMatchObject({ before: { title: before }, after: { title: after } })
  })

  it.each<[keyof StrategyEdit, StrategyEdit]>([
    ['name', { name: 'gradualRolloutUserId', parameters: { percentage: '1' } }],
    ['title', { title: 'x' }],
    ['parameters', { parameters: { rollout: '1' } }],
    ['constraints', { constraints: [constraint] }],
    ['variants', { variants: [variant('a', 1)] }],
    ['segments', { segments: ['beta'] }],
    ['disabled', { disabled: true }],
    ['sortOrder', { sortOrder: 9 }],
  ])('a copy that differs in %s alone drifts', async (field, change) => {
    const { plan } = await newEnvironment()
    const page = { environment: plan.environment, limit: 10 }
    expect((await listDrift(db, page)).items).toEqual([])
    const { strategy: before } = await getStrategy(db, at(plan))
    const { strategy: after } = await edit(at(plan), change, 'milestone')
    const fields = Object.keys(change).map((name) => ({
      field: name,
      runtime: before[name as typeof field],
      milestone: after[name as typeof field],
    }))
    const strategyId = at(plan).strategyId
    expect((await listDrift(db, page)).items).toMatchObject([{ strategyId, missing: null, fields }])
    expect(await countDrift(db, plan.environment)).toBe(1)
  })

  it('nobody is told that it is on while a change of one copy is still under way', async () => {
    const { plan, turn } = await newEnvironment()
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
    const { promise: written, resolve: hasWritten } = Promise.withResolvers<void>()
    const editing = asAlice(db, async (tx) => {
      await updateStrategy(tx, at(plan), { edit: { title: 'x' } }, { door: 'strategy' })
      hasWritten()
      await held
    })
    await written
    let answered = false
    const turned = turn(true).finally(() => {
      answered = true
    })
    await vi.waitFor(async () => {
      const waiting = `SELECT count(*)::integer FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
      expect(answered || (await one<{ count: number }>(db, waiting)).count > 0).toBe(true)
    })
    letGo()
    await editing
    expect((await turned).drift).toBe(1)
  })
})
