import { describe, expect, it, vi } from 'vitest'
import type { StrategyEdit } from '../../domain/strategy.ts'
import { editSettings } from '../../store/environment-settings.ts'
import { createFlag, getFlag } from '../../store/flags.ts'
import {
  addStrategy,
  getStrategy,
  insertMilestoneStrategies,
  listStrategies,
  removeStrategy,
  updateStrategy,
} from '../../store/strategies.ts'
import { countDrift, listDrift } from '../../store/strategy-drift.ts'
import { reorderStrategies } from '../../store/strategy-order.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { copies, gradual, newPlan, newSegments, strategy } from '../helpers/milestones.ts'
import { at, constraint, DOORS, FULL, strategies, variant } from '../helpers/strategies.ts'

const db = openTestDatabase(await createTestDatabase())
const { planOf, edit, requireEqual, eventsOf } = await strategies(db)

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
        asAlice(db, (tx) =>
          insertMilestoneStrategies(tx, plan.environment, milestoneId, [gradual(), bad], 'milestones.0'),
        ),
      ).rejects.toMatchObject({ fields: [{ field: 'milestones.0.strategies.1.parameters.rollout' }] })
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
