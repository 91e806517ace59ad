import { describe, expect, it } from 'vitest'
import { sweepDue } from '../../store/sweep.ts'
import { createTestApp } from '../helpers/app.ts'
import { changeRequests } from '../helpers/change-requests.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { makeGameplan } from '../helpers/gameplans.ts'
import { milestones } from '../helpers/release-plans.ts'
import { inMs } from '../helpers/schedules.ts'

// No worker runs here: nothing follows by itself.
const app = await createTestApp(await createTestDatabase())
const { call, db } = app
const ALL = ['1', '2', '3', '4']
const due = async (scheduleId: string) => {
  await one(
    db,
    `UPDATE feature_flag_schedules SET scheduled_at = date_trunc('milliseconds', now() - interval '1 second') WHERE id = $1`,
    [scheduleId],
  )
  await sweepDue(db)
}
const through = async (gameplan: { flagKey: string; read: () => Promise<{ flag: unknown }> }) =>
  (await gameplan.read()).flag as { state: string; scheduleId: string; releasePlanId: string; changeRequestId: string }

describe('inside a freeze', () => {
  const freeze = (environment: string) =>
    call('POST', 'freezes', {
      environment,
      from: inMs(-3_600_000),
      to: inMs(3_600_000),
      reason: 'peak season',
      mode: 'refuse',
    })

  it.each([
    ['at once', { how: 'at-once' }],
    ['by a schedule whose time has passed', { how: 'schedule', scheduledAt: inMs(-3_600_000) }],
  ])('a flag is not switched %s, but when it is over, and switched off at any time', async (_, activation) => {
    const environment = `e-${crypto.randomUUID().slice(0, 8)}`
    const { body: first } = await freeze(environment)
    const gameplan = await makeGameplan(app, { environment, activation, criteria: ['it works'] })
    const { merge, tick, flag, read, post, revert } = gameplan
    await merge(...ALL)
    await tick()
    expect((await flag()).enabled).toBe(false)
    expect(await read()).toMatchObject({
      flag: { state: 'created' },
      problem: { code: 'frozen', detail: expect.stringContaining('peak season') },
    })
    await call('DELETE', `freezes/${first.id}?reason=over`)
    await post('resume')
    await tick()
    expect((await flag()).enabled).toBe(true)
    expect(await read()).toMatchObject({ flag: { state: 'switched' }, problem: null })
    await freeze(environment)
    await revert('4')
    await tick()
    expect((await flag()).enabled).toBe(false)
  })

  it('what is due after it is scheduled, and a change request is asked for', async () => {
    const environment = `e-${crypto.randomUUID().slice(0, 8)}`
    await freeze(environment)
    const later = await makeGameplan(app, { environment, activation: { how: 'schedule', afterSeconds: 7200 } })
    await later.merge(...ALL)
    await later.tick()
    expect(await later.read()).toMatchObject({ flag: { state: 'switching' }, problem: null })

    const requests = await changeRequests(app)
    await freeze(requests.environment)
    const asking = await makeGameplan(app, { environment: requests.environment, flag: await requests.fresh() })
    await asking.merge(...ALL)
    await asking.tick()
    expect(await asking.read()).toMatchObject({ flag: { changeRequestId: expect.any(String) }, problem: null })
  })
})

describe('a flag that is switched by a schedule', () => {
  it('gets one when the patch is merged; the gameplan ends when it was applied', async () => {
    const gameplan = await makeGameplan(app, { activation: { how: 'schedule', afterSeconds: 3600 } })
    const { merge, tick, flagKey, flag, read } = gameplan
    await merge(...ALL)
    expect(await tick()).toBe(2)
    const { state, scheduleId } = await through(gameplan)
    expect(state).toBe('switching')
    const schedule = (await call('GET', `flags/${flagKey}/schedule/${scheduleId}`)).body
    expect(schedule).toMatchObject({ status: 'pending', updates: { enabled: true } })
    const { decidedAt } = (await read()).patches[3] ?? expect.fail()
    expect(Date.parse(schedule.scheduledAt)).toBeGreaterThanOrEqual(Date.parse(decidedAt as string) + 3_600_000)
    expect((await flag()).enabled).toBe(false)
    await due(scheduleId)
    expect(await tick()).toBe(2)
    expect((await flag()).enabled).toBe(true)
    expect(await read()).toMatchObject({ status: 'completed', flag: { state: 'switched', scheduleId } })
  })

  it('at a time that has passed is switched at once', async () => {
    const { merge, tick, flag } = await makeGameplan(app, {
      activation: { how: 'schedule', scheduledAt: inMs(-3_600_000) },
    })
    await merge(...ALL)
    await tick()
    expect((await flag()).enabled).toBe(true)
  })

  it('is not switched after a revert: the schedule is cancelled, and another is made when it is merged again', async () => {
    const gameplan = await makeGameplan(app, { activation: { how: 'schedule', afterSeconds: 3600 } })
    const { merge, tick, flagKey, revert, flag } = gameplan
    await merge(...ALL)
    await tick()
    const first = (await through(gameplan)).scheduleId
    await revert('4')
    await tick()
    expect((await call('GET', `flags/${flagKey}/schedule/${first}`)).body.status).toBe('cancelled')
    expect(await through(gameplan)).toMatchObject({ state: 'created', scheduleId: null })
    await merge('4')
    await tick()
    const second = (await through(gameplan)).scheduleId
    expect(second).not.toBe(first)
    await due(second)
    await tick()
    expect((await flag()).enabled).toBe(true)
  })

  it('that somebody cancels pauses the gameplan; resumed, it makes another', async () => {
    const gameplan = await makeGameplan(app, { activation: { how: 'schedule', afterSeconds: 3600 } })
    const { merge, tick, flagKey, read, post } = gameplan
    await merge(...ALL)
    await tick()
    const { scheduleId } = await through(gameplan)
    await call('DELETE', `flags/${flagKey}/schedule/${scheduleId}`)
    await tick()
    expect(await read()).toMatchObject({
      status: 'paused',
      pauseReason: 'the schedule of its flag was cancelled',
    })
    await post('resume')
    await tick()
    const again = await through(gameplan)
    expect(again.state).toBe('switching')
    expect(again.scheduleId).not.toBe(scheduleId)
    // Cancelled, it leaves nothing behind that would switch the flag.
    await post('cancel')
    expect((await call('GET', `flags/${flagKey}/schedule/${again.scheduleId}`)).body.status).toBe('cancelled')
  })
})

describe('a flag that is switched by a release plan', () => {
  const template = async (count: number) =>
    (await call('POST', 'release-plan-templates', { name: crypto.randomUUID(), milestones: milestones(count) })).body.id

  it('gets the plan of the template, which begins; the gameplan ends when it is complete', async () => {
    const gameplan = await makeGameplan(app, { activation: { how: 'release-plan', templateId: await template(2) } })
    const { merge, tick, flagKey, flag, read } = gameplan
    await merge(...ALL)
    expect(await tick()).toBe(3)
    const { state, releasePlanId } = await through(gameplan)
    expect(state).toBe('switching')
    const path = `flags/${flagKey}/release-plans/${releasePlanId}`
    const plan = (await call('GET', path)).body
    expect(plan).toMatchObject({ status: 'running', milestones: [{ status: 'running' }, { status: 'next' }] })
    expect((await flag()).enabled).toBe(true)
    await call('POST', `${path}/milestones/${plan.milestones[1].id}/start`)
    await tick()
    expect((await read()).status).toBe('completed')
  })

  it('is switched off by a revert, its plan is paused, and begins again when it is merged again', async () => {
    const gameplan = await makeGameplan(app, { activation: { how: 'release-plan', templateId: await template(2) } })
    const { merge, tick, flagKey, flag, revert } = gameplan
    await merge(...ALL)
    await tick()
    const { releasePlanId } = await through(gameplan)
    const plan = async () => (await call('GET', `flags/${flagKey}/release-plans/${releasePlanId}`)).body.status
    await revert('3')
    await tick()
    expect([(await flag()).enabled, await plan()]).toEqual([false, 'paused'])
    await merge('3')
    await tick()
    expect([(await flag()).enabled, await plan()]).toEqual([true, 'running'])
    expect(await through(gameplan)).toMatchObject({ state: 'switching', releasePlanId })
  })
})

describe('in an environment that takes changes by change requests', () => {
  it('the gameplan asks for each step, and goes on when it is applied', async () => {
    const { environment, as, base } = await changeRequests(app)
    const gameplan = await makeGameplan(app, { environment })
    const { merge, tick, flag, read } = gameplan
    const applyNext = async () => {
      const { changeRequestId } = await through(gameplan)
      const request = `${base}/${changeRequestId}`
      expect((await as('alice', 'POST', `${request}/approve`)).body.type).toBe('/problems/four-eyes')
      expect((await as('bob', 'POST', `${request}/approve`)).status).toBe(200)
      expect((await as('carol', 'POST', `${request}/apply`, {})).status).toBe(200)
      return (await call('GET', request)).body
    }
    await merge(...ALL)
    expect(await tick()).toBe(1)
    expect((await flag()).status).toBe(404)
    expect((await read()).problem).toBeNull()
    expect(await applyNext()).toMatchObject({ createdBy: 'alice', changes: [{ action: 'createFlag' }] })
    expect(await tick()).toBe(2)
    expect((await flag()).enabled).toBe(false)
    expect(await applyNext()).toMatchObject({ changes: [{ action: 'updateFlag', payload: { enabled: true } }] })
    await tick()
    expect((await flag()).enabled).toBe(true)
    expect(await read()).toMatchObject({ status: 'completed', flag: { state: 'switched', changeRequestId: null } })
  })

  it('pauses when its change request is rejected, and asks anew when it is resumed', async () => {
    const { environment, as, base } = await changeRequests(app)
    const gameplan = await makeGameplan(app, { environment })
    const { merge, tick, read, post } = gameplan
    await merge('1')
    await tick()
    const { changeRequestId } = await through(gameplan)
    await as('bob', 'POST', `${base}/${changeRequestId}/reject`)
    await tick()
    expect(await read()).toMatchObject({ status: 'paused', pauseReason: 'its change request was rejected' })
    await post('resume')
    await tick()
    const again = (await through(gameplan)).changeRequestId
    expect(again).toMatch(/^01/)
    expect(again).not.toBe(changeRequestId)
    await post('cancel')
    expect((await call('GET', `${base}/${again}`)).body.state).toBe('cancelled')
  })

  it('withdraws its change request when a revision renames the flag, and asks for the other', async () => {
    const { environment, base } = await changeRequests(app)
    const gameplan = await makeGameplan(app, { environment })
    const { revise, flagKey, merge, tick, read } = gameplan
    await merge('1')
    await tick()
    const { changeRequestId } = await through(gameplan)
    await revise({ flag: `${flagKey}_2` })
    expect((await call('GET', `${base}/${changeRequestId}`)).body.state).toBe('cancelled')
    await tick()
    const { flag } = (await read()) as { flag: { changeRequestId: string } }
    expect((await call('GET', `${base}/${flag.changeRequestId}`)).body.changes).toMatchObject([
      { action: 'createFlag', flagKey: `${flagKey}_2` },
    ])
  })

  it('withdraws its change request when the patch is reverted', async () => {
    const { environment, base } = await changeRequests(app)
    const gameplan = await makeGameplan(app, { environment })
    const { merge, tick, revert } = gameplan
    await merge('1')
    await tick()
    const { changeRequestId } = await through(gameplan)
    await revert('1')
    await tick()
    expect((await call('GET', `${base}/${changeRequestId}`)).body.state).toBe('cancelled')
    expect(await through(gameplan)).toMatchObject({ state: 'absent', changeRequestId: null })
  })
})
