import { describe, expect, it } from 'vitest'
import { listEvents } from '../../store/events.ts'
import { archiveFlag } from '../../store/flag-archive.ts'
import { createFlag } from '../../store/flags.ts'
import { createFreeze, deleteFreeze } from '../../store/freezes.ts'
import { approveMilestone, editMilestone, startMilestone } from '../../store/milestones.ts'
import { advancePlan } from '../../store/release-plan-advance.ts'
import { pausePlan, resumePlan } from '../../store/release-plan-control.ts'
import { transaction } from '../../store/transaction.ts'
import { alice, asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { HOUR, type MadePlan, makePlan, milestones } from '../helpers/release-plans.ts'

const db = openTestDatabase(await createTestDatabase(), { connections: 20 })

const ms = (instant: string | null | undefined) => Date.parse(instant as string)
const events = async ({ address: { flagKey } }: MadePlan) =>
  (await listEvents(db, { flagKey, limit: 200 })).items.reverse()
describe('a plan by time', () => {
  it('says when the later milestones will start, and starts nothing early', async () => {
    const made = await makePlan(db, {
      milestones: milestones(4, [undefined as never, { afterSeconds: 7200 }, { approval: true }]),
    })
    expect((await made.read()).milestones.map(({ willStartAt }) => willStartAt)).toEqual([null, null, null, null])
    const { milestones: shown, nextAt, waitsFor } = await made.start(0)
    const start = ms(shown[0]?.startedAt)
    expect(shown.map(({ willStartAt }) => willStartAt && ms(willStartAt) - start)).toEqual([null, HOUR, 3 * HOUR, null])
    expect([ms(nextAt) - start, waitsFor]).toEqual([HOUR, ['time']])
    await made.pass(HOUR - 5_000)
    expect(await advancePlan(db, made.plan.id)).toBe(false)
    expect(await made.tick()).toBe(0)
    await made.pass(5_000)
    expect(await made.tick()).toBe(1)
  })

  it.each([
    ['planned', 0],
    ['actual', 600_000],
  ] as const)('counts from the %s start: ten minutes late, the next is %i ms later', async (anchor, later) => {
    const made = await makePlan(db, { anchor, milestones: milestones(3) })
    await made.start(0)
    await made.pass(HOUR + 600_000)
    await made.tick()
    const { milestones: shown, nextAt } = await made.read()
    expect(ms(shown[1]?.plannedAt) - ms(shown[0]?.plannedAt)).toBe(HOUR)
    const late = ms(nextAt) - (ms(shown[1]?.plannedAt) + HOUR)
    expect(late).toBeGreaterThanOrEqual(later)
    expect(late).toBeLessThan(later + 60_000)
  })

  it('catches up after an outage: each in its turn, with its event, to where it was promised', async () => {
    const made = await makePlan(db, { milestones: milestones(5) })
    await made.start(0)
    await made.pass(3.5 * HOUR)
    expect(await made.tick()).toBe(3)
    const plan = await made.read()
    expect(plan.milestones.map(({ status }) => status)).toEqual(['done', 'done', 'done', 'running', 'next'])
    expect(ms(plan.nextAt) - ms(plan.milestones[0]?.plannedAt)).toBe(4 * HOUR)
    const names = (await events(made)).flatMap(({ type, actor, data }) =>
      type === 'milestone-started' ? [[actor, (data.after as { name: string }).name]] : [],
    )
    expect(names).toEqual([
      ['alice', 'a'],
      ['interlock', 'b'],
      ['interlock', 'c'],
      ['interlock', 'd'],
    ])
    const actual = await makePlan(db, { anchor: 'actual', milestones: milestones(5) })
    await actual.start(0)
    await actual.pass(3.5 * HOUR)
    expect(await actual.tick()).toBe(1)
  })

  it('waits for an approval, for a time, or for whichever comes later', async () => {
    const made = await makePlan(db, {
      milestones: milestones(3, [{ approval: true }, { approval: true, afterSeconds: 3600 }]),
    })
    expect((await made.start(0)).waitsFor).toEqual(['approval'])
    await made.pass(100 * HOUR)
    expect(await made.tick()).toBe(0)
    const approved = await asAlice(db, (tx) => approveMilestone(tx, made.address))
    expect(approved.milestones[0]).toMatchObject({ approvedBy: 'alice' })
    expect(await made.tick()).toBe(1)
    expect((await made.read()).waitsFor).toEqual(['time', 'approval'])
    // Early: the time is still to come.
    const early = await asAlice(db, (tx) => approveMilestone(tx, made.address))
    expect(early.waitsFor).toEqual(['time'])
    expect(ms(early.nextAt) - ms(early.milestones[1]?.plannedAt)).toBe(HOUR)
    // Again, it changes nothing.
    expect((await asAlice(db, (tx) => approveMilestone(tx, made.address))).version).toBe(early.version)
    await made.start(1)
    await made.pass(2 * HOUR)
    expect(await made.tick()).toBe(0)
    expect((await made.read()).waitsFor).toEqual(['approval'])
    await asAlice(db, (tx) => approveMilestone(tx, made.address))
    expect(await made.tick()).toBe(1)
  })

  it('paused keeps what remains, and what follows is later by the pause', async () => {
    const made = await makePlan(db, { milestones: milestones(3) })
    await made.start(0)
    await made.pass(HOUR / 3)
    const paused = await asAlice(db, (tx) => pausePlan(tx, made.address, 'lunch'))
    expect(paused).toMatchObject({ status: 'paused', pauseReason: 'lunch', nextAt: null, waitsFor: ['hand'] })
    expect(paused.remainingSeconds).toBeCloseTo(2400, -1)
    await made.pass(50 * HOUR)
    expect(await made.tick()).toBe(0)
    expect((await made.read()).remainingSeconds).toBeCloseTo(2400, -1)
    const { version } = await made.read()
    expect((await asAlice(db, (tx) => pausePlan(tx, made.address))).version).toBe(version)
    const resumed = await asAlice(db, (tx) => resumePlan(tx, made.address))
    const left = (ms(resumed.nextAt) - Date.now()) / 1000
    expect(left).toBeCloseTo(2400, -2)
    expect(ms(resumed.milestones[2]?.willStartAt) - ms(resumed.nextAt)).toBe(HOUR)
    expect((await asAlice(db, (tx) => resumePlan(tx, made.address))).version).toBe(resumed.version)
    expect((await events(made)).map(({ type }) => type).slice(-2)).toEqual([
      'release-plan-paused',
      'release-plan-resumed',
    ])
  })

  it('edited while it waits has a new forecast; over by the new time, it advances at once, and only once', async () => {
    const made = await makePlan(db, { milestones: milestones(4) })
    await made.start(0)
    await made.pass(HOUR / 2)
    const milestoneId = made.plan.milestones[0]?.id as string
    const edit = (progression: { afterSeconds?: number; approval: boolean } | null) =>
      asAlice(db, (tx) => editMilestone(tx, { ...made.address, milestoneId }, { progression }))
    const longer = await edit({ afterSeconds: 7200, approval: false })
    expect(ms(longer.nextAt) - ms(longer.milestones[0]?.plannedAt)).toBe(2 * HOUR)
    expect((await edit(null)).waitsFor).toEqual(['hand'])
    const over = await edit({ afterSeconds: 60, approval: false })
    expect(ms(over.nextAt)).toBeLessThanOrEqual(Date.now() + 1000)
    expect(await made.tick()).toBe(1)
    const { milestones: shown, nextAt } = await made.read()
    // From now on, not from when the new time was over: nobody has waited for the second one yet.
    expect(Math.abs(ms(nextAt) - ms(shown[1]?.startedAt) - HOUR)).toBeLessThan(10_000)
  })

  it('is paused, not started, when its flag was archived', async () => {
    const made = await makePlan(db, { milestones: milestones(2) })
    await made.start(0)
    await asAlice(db, (tx) => archiveFlag(tx, made.address))
    await made.pass(HOUR)
    expect(await made.tick()).toBe(0)
    expect(await made.read()).toMatchObject({ status: 'paused', pauseReason: 'the flag is archived' })
    await expect(made.start(1)).rejects.toMatchObject({ code: 'flag-archived' })
  })
})

describe('a freeze', () => {
  const frozen = async (fromMs: number, toMs: number) => {
    const environment = `env-${crypto.randomUUID().slice(0, 8)}`
    const flag = { key: 'a', description: '', enabled: true, rolloutPercentage: 100 }
    await asAlice(db, (tx) => createFlag(tx, environment, { ...flag, variants: [], dependencies: [] } as never))
    const made = await makePlan(db, { milestones: milestones(3) }, { environment, flagKey: 'a' })
    await made.start(0)
    const now = Date.now()
    const freeze = await asAlice(db, (tx) =>
      createFreeze(tx, {
        environment,
        from: new Date(now + fromMs).toISOString(),
        to: new Date(now + toMs).toISOString(),
        reason: 'peak',
        mode: 'defer',
      }),
    )
    return { made, freeze }
  }

  it('holds what would start by itself until its end, and shifts what follows', async () => {
    const { made, freeze } = await frozen(HOUR / 2, 10 * HOUR)
    const plan = await made.read()
    expect(plan.milestones[1]?.willStartAt).toBe(freeze.to)
    expect(ms(plan.milestones[2]?.willStartAt) - ms(freeze.to)).toBe(HOUR)
    // Inside of it.
    await one(db, `UPDATE freezes SET from_at = from_at - interval '3 hours' WHERE id = $1`, [freeze.id])
    await made.pass(2 * HOUR)
    expect(await advancePlan(db, made.plan.id)).toBe(false)
    await expect(made.start(1)).rejects.toMatchObject({ code: 'frozen', members: { freezeId: freeze.id } })
    await expect(made.start(1, { overrideFreeze: true })).rejects.toMatchObject({ code: 'validation-failed' })
    // Over.
    await one(db, `UPDATE freezes SET to_at = date_trunc('milliseconds', clock_timestamp()) WHERE id = $1`, [freeze.id])
    expect(await made.tick()).toBe(1)
    const { milestones: shown, nextAt } = await made.read()
    expect(ms(nextAt) - ms(shown[1]?.plannedAt)).toBe(HOUR)
    expect(ms(shown[1]?.startedAt) - ms(shown[1]?.plannedAt)).toBeLessThan(10_000)
  })

  it('is overridden by hand with a reason, which the event keeps', async () => {
    const { made, freeze } = await frozen(-HOUR, HOUR)
    const start = () =>
      transaction(
        db,
        (tx) =>
          startMilestone(
            tx,
            { ...made.address, milestoneId: made.plan.milestones[1]?.id as string },
            { overrideFreeze: true },
          ),
        { origin: { ...alice, reason: 'hotfix' } },
      )
    await start()
    expect((await events(made)).at(-1)).toMatchObject({
      type: 'milestone-started',
      reason: 'hotfix',
      data: { overrodeFreeze: { id: freeze.id } },
    })
    await asAlice(db, (tx) => deleteFreeze(tx, freeze.id))
    expect((await made.start(0)).status).toBe('running')
  })
})
