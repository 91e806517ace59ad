import { describe, expect, it } from 'vitest'
import { createFlag, getFlag } from '../../store/flags.ts'
import {
  addStrategy,
  getStrategy,
  insertMilestoneStrategies,
  listStrategies,
  removeStrategy,
  updateStrategy,
} from '../../store/strategies.ts'
import { reorderStrategies } from '../../store/strategy-order.ts'
import { newUlid } from '../../store/strategy-rows.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { copies, gradual, newPlan, strategy } from '../helpers/milestones.ts'
import { newFlag } from '../helpers/schedules.ts'
import { at, DOORS, FULL, strategies } from '../helpers/strategies.ts'

const db = openTestDatabase(await createTestDatabase())
const { planOf, edit, requireEqual, eventsOf } = await strategies(db)

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
      asAlice(db, (tx) => insertMilestoneStrategies(tx, plan.environment, milestoneId, many, 'milestones.0')),
    ).rejects.toMatchObject(refused)
  })
})
