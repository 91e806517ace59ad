import { describe, expect, it } from 'vitest'
import { listEvents } from '../../store/events.ts'
import { getFlag } from '../../store/flags.ts'
import { approveMilestone } from '../../store/milestones.ts'
import { deletePlan } from '../../store/release-plans.ts'
import { createSegment } from '../../store/segments.ts'
import { addStrategy, listStrategies, updateStrategy } from '../../store/strategies.ts'
import { transaction } from '../../store/transaction.ts'
import { alice, asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { strategy } from '../helpers/milestones.ts'
import { divergences, HOUR, type MadePlan, makePlan, milestones, rollout } from '../helpers/release-plans.ts'
import { newFlag } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase(), { connections: 20 })

const ms = (instant: string | null | undefined) => Date.parse(instant as string)
const events = async ({ address: { flagKey } }: MadePlan) =>
  (await listEvents(db, { flagKey, limit: 200 })).items.reverse()
const rowsOf = async (id: string) => {
  const rows = await db.pool.query(
    `SELECT s.*, ARRAY(SELECT segment_id FROM feature_strategy_segment WHERE feature_strategy_id = s.id ORDER BY 1) AS segments
     FROM feature_strategies s JOIN release_plans p ON p.flag_id = s.flag_id WHERE p.id = $1 ORDER BY s.id`,
    [id],
  )
  return rows.rows
}

describe('starting a milestone', () => {
  it('serves users by its strategies: same ids, same content, segments included', async () => {
    const flag = await newFlag(db)
    for (const key of ['beta', 'staff']) {
      const segment = { key: `${flag.flagKey}-${key}`, description: '', constraints: [] }
      await asAlice(db, (tx) => createSegment(tx, flag.environment, segment))
    }
    const segments = [`${flag.flagKey}-beta`, `${flag.flagKey}-staff`]
    const own = await asAlice(db, (tx) => addStrategy(tx, flag, strategy(rollout(5))))
    const made = await makePlan(
      db,
      {
        milestones: [
          { name: 'a', strategies: [rollout(10, { segments, title: 'first' }), rollout(20, { disabled: true })] },
          ...milestones(1),
        ],
      },
      flag,
    )
    const before = (await getFlag(db, flag)).revision
    expect(await made.served()).toEqual([])
    const started = await made.start(0)
    expect(started).toMatchObject({
      status: 'running',
      activeMilestoneId: started.milestones[0]?.id,
      flagEnabled: false,
      waitsFor: ['hand'],
      milestones: [
        { status: 'running', strategies: [{ active: true, segments }, { active: true }] },
        { status: 'next' },
      ],
    })
    expect(await made.served()).toEqual(made.plan.milestones[0]?.strategies.map(({ id }) => id))
    expect(await divergences(db, made.address)).toEqual([])
    // The plan's come first, the flag's own stay.
    const { strategies, revision } = await listStrategies(db, flag)
    expect(strategies.map(({ id }) => id)).toEqual([...(await made.served()), own.strategy.id])
    expect(strategies[0]).toMatchObject({ segments, title: 'first', parameters: { groupId: flag.flagKey } })
    expect(revision).toBe(before + 1)
    const next = await made.start(1)
    expect(next.status).toBe('completed')
    expect(await made.served()).toEqual(next.milestones[1]?.strategies.map(({ id }) => id))
    expect((await listStrategies(db, flag)).strategies.at(-1)?.id).toBe(own.strategy.id)
    expect(await divergences(db, made.address)).toEqual([])
  })

  it('says what users were served by before and after, at one revision, and nudges', async () => {
    const made = await makePlan(db, { milestones: milestones(2, [null]) })
    await made.start(0)
    await made.start(1)
    const told = await events(made)
    expect(told.map(({ type }) => type)).toEqual([
      'flag-created',
      'release-plan-added',
      'release-plan-started',
      'milestone-started',
      'milestone-started',
      'release-plan-completed',
    ])
    const [first, second] = made.plan.milestones
    expect(told[4]).toMatchObject({
      actor: 'alice',
      revision: (await getFlag(db, made.address)).revision,
      data: {
        planId: made.plan.id,
        before: {
          milestoneId: first?.id,
          strategies: [{ id: first?.strategies[0]?.id, parameters: { rollout: '10' } }],
        },
        after: {
          milestoneId: second?.id,
          strategies: [{ id: second?.strategies[0]?.id, parameters: { rollout: '20' } }],
        },
      },
    })
    const nudges = await db.pool.query(
      `SELECT payload FROM outbox WHERE idempotency_key LIKE 'release-plan/' || $1 || '/%'`,
      [made.plan.id],
    )
    expect(nudges.rowCount).toBe(3)
  })

  it('again changes nothing for any user, and begins its time anew', async () => {
    const made = await makePlan(db, { milestones: milestones(3) })
    await made.start(0)
    const before = await rowsOf(made.plan.id)
    await made.pass(HOUR / 2)
    const again = await made.start(0)
    expect(await rowsOf(made.plan.id)).toEqual(before)
    expect(ms(again.nextAt) - ms(again.milestones[0]?.startedAt)).toBe(HOUR)
    expect(Date.now() - ms(again.milestones[0]?.startedAt)).toBeLessThan(HOUR / 4)
  })

  it('goes back, and forgets times and approvals of what comes later', async () => {
    const made = await makePlan(db, { milestones: milestones(4, [null, { approval: true }, null]) })
    await made.start(0)
    await made.start(1)
    await asAlice(db, (tx) => approveMilestone(tx, made.address))
    await made.tick()
    expect((await made.read()).milestones.map(({ status }) => status)).toEqual(['done', 'done', 'running', 'next'])
    const back = await made.start(1)
    expect(back).toMatchObject({ status: 'running', waitsFor: ['approval'] })
    expect(
      back.milestones.map(({ status, startedAt, approvedAt }) => [status, startedAt !== null, approvedAt]),
    ).toEqual([
      ['done', true, null],
      ['running', true, null],
      ['next', false, null],
      ['waiting', false, null],
    ])
    expect(await divergences(db, made.address)).toEqual([])
    // Also from the end: a complete plan is taken back.
    await made.start(3)
    expect((await made.start(0)).status).toBe('running')
  })

  it('switches the flag on in the same revision, when it is asked to', async () => {
    const made = await makePlan(db, { milestones: milestones(2) })
    const revision = (await getFlag(db, made.address)).revision
    expect(await made.start(0, { enable: true })).toMatchObject({ flagEnabled: true })
    expect(await getFlag(db, made.address)).toMatchObject({ enabled: true, revision: revision + 1 })
    expect((await events(made)).map(({ type }) => type)).toContain('flag-updated')
  })

  it('and an edit of a strategy at the same time end with equal copies', async () => {
    for (let round = 0; round < 10; round++) {
      const made = await makePlan(db, { milestones: milestones(2) })
      await made.start(0)
      const ids = made.plan.milestones.map(({ strategies }) => strategies[0]?.id as string)
      const edit = (strategyId: string, door: 'strategy' | 'milestone', title: string) =>
        asAlice(db, (tx) => updateStrategy(tx, { ...made.address, strategyId }, { edit: { title } }, { door }))
      await Promise.all([
        made.start(1),
        edit(ids[0] as string, 'milestone', 'one'),
        edit(ids[1] as string, 'milestone', 'two'),
        made.start(1),
        edit(ids[1] as string, 'strategy', 'three'),
      ])
      expect(await divergences(db, made.address)).toEqual([])
      expect(await made.served()).toEqual([ids[1]])
    }
  })

  it('waits for who holds the lock of the flag, and then sees what they wrote', async () => {
    const made = await makePlan(db, { milestones: milestones(2) })
    const strategyId = made.plan.milestones[0]?.strategies[0]?.id as string
    let started: Promise<unknown> | undefined
    await transaction(
      db,
      async (tx) => {
        await updateStrategy(tx, { ...made.address, strategyId }, { edit: { title: 'late' } }, { door: 'milestone' })
        started = made.start(0)
        // Long enough for one that does not wait.
        await new Promise((resolve) => setTimeout(resolve, 200))
      },
      { origin: alice },
    )
    await started
    const { strategies } = await listStrategies(db, made.address)
    expect(strategies).toMatchObject([{ id: strategyId, title: 'late' }])
  })
})

describe('deleting a plan', () => {
  it('takes its strategies away, and leaves the flag its own', async () => {
    const flag = await newFlag(db)
    const own = await asAlice(db, (tx) => addStrategy(tx, flag, strategy(rollout(5))))
    const made = await makePlan(db, { milestones: milestones(2) }, flag)
    await made.start(0)
    const { revision } = await getFlag(db, flag)
    await asAlice(db, (tx) => deletePlan(tx, made.address))
    expect((await listStrategies(db, flag)).strategies.map(({ id }) => id)).toEqual([own.strategy.id])
    expect((await getFlag(db, flag)).revision).toBe(revision + 1)
    await expect(made.read()).rejects.toMatchObject({ code: 'plan-not-found' })
  })

  it('leaves them as the flag’s own when it is asked to, in their order', async () => {
    const flag = await newFlag(db)
    await asAlice(db, (tx) =>
      addStrategy(tx, flag, {
        ...rollout(5),
        title: 'own',
        constraints: [],
        variants: [],
        segments: [],
        disabled: false,
      }),
    )
    const strategies = [rollout(1, { sortOrder: 7 }), rollout(2, { sortOrder: 3 })]
    const made = await makePlan(db, { milestones: [{ name: 'a', strategies }] }, flag)
    await made.start(0)
    const before = (await listStrategies(db, flag)).strategies
    await asAlice(db, (tx) => deletePlan(tx, made.address, { keepStrategies: true }))
    const after = (await listStrategies(db, flag)).strategies
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id))
    expect(after.map(({ milestoneId, parameters }) => [milestoneId, parameters.rollout])).toEqual([
      [null, '2'],
      [null, '1'],
      [null, '5'],
    ])
  })
})
