import { describe, expect, it } from 'vitest'
import type { MetricValue, NewSafeguard } from '../../domain/safeguard.ts'
import { listEvents } from '../../store/events.ts'
import { createFlag } from '../../store/flags.ts'
import { approveMilestone } from '../../store/milestones.ts'
import { resumePlan } from '../../store/release-plan-control.ts'
import { addSafeguard, listSafeguards, recordMetrics, removeSafeguard } from '../../store/safeguards.ts'
import { asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { divergences, HOUR, type MadePlan, makePlan, milestones } from '../helpers/release-plans.ts'

const db = openTestDatabase(await createTestDatabase(), { connections: 20 })

const scene = async (safeguard: Partial<NewSafeguard> = {}, count = 3, at?: { environment: string }) => {
  const environment = at?.environment ?? `env-${crypto.randomUUID().slice(0, 8)}`
  const flagKey = `flag-${crypto.randomUUID().slice(0, 8)}`
  await asAlice(db, (tx) =>
    createFlag(tx, environment, { key: flagKey, description: '', enabled: true, rolloutPercentage: 100 } as never),
  )
  const made = await makePlan(db, { milestones: milestones(count) }, { environment, flagKey })
  const added = await guard(made, safeguard)
  const measure = (value: number, more: Partial<MetricValue> = {}) =>
    asAlice(db, (tx) => recordMetrics(tx, environment, [{ metric: 'errors', value, ...more }]))
  return { made, added, measure, environment, flagKey }
}
const guard = ({ address }: MadePlan, safeguard: Partial<NewSafeguard> = {}) =>
  asAlice(db, (tx) =>
    addSafeguard(tx, address, { metric: 'errors', operator: '>', threshold: 5, action: 'pause', ...safeguard }),
  )
const typesOf = async ({ address: { flagKey } }: MadePlan) =>
  (await listEvents(db, { flagKey, limit: 200 })).items.map(({ type }) => type).reverse()

describe('a safeguard', () => {
  it('pauses a plan that runs, once, and says why', async () => {
    const { made, measure, added } = await scene()
    expect(await measure(9)).toEqual({ safeguards: 1, triggered: [] })
    await made.start(0)
    expect(await measure(5)).toMatchObject({ triggered: [] })
    expect(await measure(7)).toMatchObject({
      triggered: [
        {
          safeguardId: added.id,
          value: 7,
          threshold: 5,
          action: 'pause',
          activeMilestoneId: made.plan.milestones[0]?.id,
        },
      ],
    })
    expect(await made.read()).toMatchObject({ status: 'paused', pauseReason: 'errors was 7, > 5' })
    expect(await measure(8)).toMatchObject({ triggered: [] })
    expect((await listSafeguards(db, made.address))[0]).toMatchObject({ lastValue: 8, triggeredAt: expect.any(String) })
    const { items } = await listEvents(db, { flagKey: made.address.flagKey, type: ['safeguard-triggered'], limit: 9 })
    expect(items).toMatchObject([{ data: { value: 7, threshold: 5, metric: 'errors', planId: made.plan.id } }])
    // Resumed, it watches again.
    await asAlice(db, (tx) => resumePlan(tx, made.address))
    expect((await measure(8)).triggered).toHaveLength(1)
  })

  it('takes a plan back by a milestone, also a complete one, and pauses it there', async () => {
    const { made, measure } = await scene({ action: 'rollback', operator: '<', threshold: 0.9 })
    await made.start(0)
    await made.start(2)
    expect((await made.read()).status).toBe('completed')
    const { triggered } = await measure(0.5)
    const previous = made.plan.milestones[1]
    expect(triggered).toMatchObject([{ action: 'rollback', activeMilestoneId: previous?.id }])
    expect(await made.read()).toMatchObject({ status: 'paused', activeMilestoneId: previous?.id, nextAt: null })
    expect(await made.served()).toEqual(previous?.strategies.map(({ id }) => id))
    expect(await divergences(db, made.address)).toEqual([])
    expect((await typesOf(made)).slice(-2)).toEqual(['safeguard-triggered', 'milestone-started'])
    // Not further back with every value that is still bad.
    expect((await measure(0.4)).triggered).toEqual([])
    const resumed = await asAlice(db, (tx) => resumePlan(tx, made.address))
    expect(resumed.waitsFor).toEqual(['time'])
  })

  it('pauses at the first milestone, from which there is no way back', async () => {
    const { made, measure } = await scene({ action: 'rollback' })
    await made.start(0)
    expect((await measure(9)).triggered).toMatchObject([{ activeMilestoneId: made.plan.milestones[0]?.id }])
    expect((await made.read()).status).toBe('paused')
  })

  it('hears only of its metric, its environment and its flag', async () => {
    const { made, measure, environment } = await scene()
    await made.start(0)
    const other = await scene({}, 2, { environment })
    await other.made.start(0)
    expect((await measure(9, { metric: 'latency' })).safeguards).toBe(0)
    expect(
      (await asAlice(db, (tx) => recordMetrics(tx, 'elsewhere', [{ metric: 'errors', value: 9 }]))).safeguards,
    ).toBe(0)
    expect((await measure(9, { flagKey: other.flagKey })).triggered).toMatchObject([{ flagKey: other.flagKey }])
    expect((await made.read()).status).toBe('running')
    expect((await measure(9)).triggered).toHaveLength(1)
    expect((await made.read()).status).toBe('paused')
  })

  it('of several values hears each, in order', async () => {
    const { made, environment } = await scene()
    await made.start(0)
    const values = [1, 9, 2].map((value) => ({ metric: 'errors', value }))
    expect((await asAlice(db, (tx) => recordMetrics(tx, environment, values))).triggered).toMatchObject([{ value: 9 }])
    expect((await listSafeguards(db, made.address))[0]?.lastValue).toBe(2)
  })
})

describe('a safeguard that wants fresh values', () => {
  it('lets nothing start without one, and lets go when it comes', async () => {
    const { made, measure } = await scene({ freshSeconds: 600 })
    await made.start(0)
    await measure(1)
    await made.pass(HOUR)
    await made.tick()
    expect(await made.read()).toMatchObject({ status: 'running', waitsFor: ['metric'], nextAt: null })
    expect((await made.served())[0]).toBe(made.plan.milestones[0]?.strategies[0]?.id)
    await measure(2)
    const released = await made.read()
    expect(released.waitsFor).toEqual(['time'])
    expect(await made.tick()).toBe(1)
    const { milestones: shown, nextAt } = await made.read()
    // The wait was no lateness: the next dwell time counts from here.
    expect(Math.abs(Date.parse(nextAt as string) - Date.parse(shown[1]?.startedAt as string) - HOUR)).toBeLessThan(
      10_000,
    )
  })

  it('does not take a bad one for good', async () => {
    const { made, measure } = await scene({ freshSeconds: 600 })
    await made.start(0)
    await made.pass(HOUR)
    await made.tick()
    await measure(9)
    await asAlice(db, (tx) => resumePlan(tx, made.address))
    await made.tick()
    expect((await made.read()).waitsFor).toEqual(['metric'])
    await measure(1)
    expect(await made.tick()).toBe(1)
  })

  it('waits for all of them, and no longer for one that is taken away', async () => {
    const { made, measure, added } = await scene({ freshSeconds: 600 })
    const second = await guard(made, { metric: 'latency', freshSeconds: 600 })
    await made.start(0)
    await made.pass(HOUR)
    await made.tick()
    await measure(1)
    expect((await made.read()).waitsFor).toEqual(['metric'])
    await asAlice(db, (tx) => removeSafeguard(tx, { ...made.address, safeguardId: second.id }))
    expect(await made.tick()).toBe(1)
    await asAlice(db, (tx) => removeSafeguard(tx, { ...made.address, safeguardId: added.id }))
    await expect(
      asAlice(db, (tx) => removeSafeguard(tx, { ...made.address, safeguardId: added.id })),
    ).rejects.toMatchObject({ code: 'safeguard-not-found' })
  })

  it('does not start what waits for an approval', async () => {
    const { made, measure } = await scene({ freshSeconds: 600 })
    const gated = await makePlan(db, { milestones: milestones(2, [{ approval: true }]) })
    await guard(gated, { freshSeconds: 60 })
    await gated.start(0)
    await asAlice(db, (tx) => recordMetrics(tx, 'production', [{ metric: 'errors', value: 1 }]))
    expect(await gated.tick()).toBe(0)
    expect((await gated.read()).waitsFor).toEqual(['approval'])
    await asAlice(db, (tx) => approveMilestone(tx, gated.address))
    expect(await gated.tick()).toBe(1)
    await measure(1)
    expect((await made.read()).status).toBe('draft')
  })
})
