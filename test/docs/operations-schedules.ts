import { expect, vi } from 'vitest'
import { armed, type MadeSchedule, makeSchedule } from '../helpers/made-schedule.ts'
import { inMs } from '../helpers/schedules.ts'
import { type Scene, scenario, WITHIN } from './scene.ts'

const of = ({ flagKey, id }: MadeSchedule) => ({ FLAG: flagKey, ID: id })
const hour = 3_600_000

/** What is done with flags and their schedules. */
export function scheduleScenarios(scene: Scene): void {
  const make = async (dueInMs = hour, updates?: object) => {
    const made = await makeSchedule(scene.product, dueInMs, updates)
    if (dueInMs >= hour) await armed(made)
    return made
  }
  const statusOf = async ({ handle }: MadeSchedule) =>
    await handle.describe().then(
      ({ status }) => status.name,
      () => 'GONE',
    )
  const shows = (look: () => Promise<string>, text: string) =>
    vi.waitFor(async () => expect(await look()).toContain(text), WITHIN)

  scenario(scene, 'Schedules', async ({ run, json }) => {
    const made = await make(hour, { rolloutPercentage: 20 })
    for (const list of ["FlagKey='$FLAG'", 'DueAt <']) await shows(() => run(list, of(made)), made.workflowId)
    expect((await json('dueTo=')).map(({ id }: { id: string }) => id)).toContain(made.id)
    expect(await run('workflow count')).toMatch(/Total: [1-9]/)
    expect(await run('workflow metadata', of(made))).toContain('rolloutPercentage → 20')
    expect(await run('workflow describe', of(made))).toMatch(/Pending Activities/)
    expect(await run('workflow show', of(made))).toContain('TimerStarted')
  })

  scenario(scene, 'What was done, and by whom', async ({ json }) => {
    const made = await make(1_500)
    await made.handle.result()
    for (const events of [await json('flagKey=$FLAG', of(made)), await json('scheduleId=$ID', of(made))]) {
      expect(events[0]).toMatchObject({ type: 'schedule-applied', flagKey: made.flagKey })
    }
    expect(await json('state?at=', of(made))).toMatchObject({
      certain: false,
      reasons: { enabled: { scheduleId: made.id } },
    })
  })

  scenario(scene, 'Move or cancel a schedule', async ({ run, json }) => {
    const [one, two, three] = [await make(), await make(), await make()]
    await run('--name reschedule', of(one))
    await vi.waitFor(async () => expect((await one.reread()).scheduledAt).toBe('2126-03-01T09:00:00.000Z'), WITHIN)
    expect(await one.lastEvent()).toMatchObject({ actor: 'olivia', door: 'signal', reason: 'later' })
    await run('--name nudge', of(one))
    await run('--name cancel', of(one))
    expect(await one.handle.result()).toBe('cancelled')
    expect(await json('-X PATCH', of(two))).toMatchObject({ scheduledAt: '2126-03-01T10:00:00.000Z' })
    expect(await json('-X DELETE', of(two))).toMatchObject({ status: 'cancelled' })
    await run('workflow cancel', of(three))
    await vi.waitFor(async () => expect(await three.reread()).toMatchObject({ status: 'cancelled' }), WITHIN)
    expect(await three.lastEvent()).toMatchObject({ door: 'temporal', actor: expect.stringMatching(/^temporal-cli:/) })
  })

  scenario(scene, 'Start a workflow anew', async ({ run }) => {
    const [reset, terminated, deleted] = [await make(), await make(), await make()]
    const before = (await reset.handle.describe()).runId
    await run('workflow reset', of(reset))
    expect((await reset.handle.describe()).runId).not.toBe(before)
    await run('workflow terminate', of(terminated))
    await run('workflow delete', of(deleted))
    await expect.poll(() => statusOf(terminated), WITHIN).toBe('TERMINATED')
    await expect.poll(() => statusOf(deleted), WITHIN).toBe('GONE')
    await scene.book
      .section('A schedule is pending after its due time, or its workflow is gone')
      .run('schedule trigger')
    for (const made of [reset, terminated, deleted]) {
      await expect.poll(() => statusOf(made), WITHIN).toBe('RUNNING')
      expect(await made.reread()).toMatchObject({ status: 'pending' })
    }
  })

  scenario(scene, 'A schedule is pending after its due time, or its workflow is gone', async ({ run }) => {
    // It runs at each full minute, and would heal what is looked at; triggered, it runs nevertheless.
    const reconciler = scene.product.client.schedule.getHandle('reconciler')
    await reconciler.pause()
    const made = await make(2_000)
    await made.handle.terminate()
    await expect.poll(async () => Date.parse((await made.reread()).scheduledAt) < Date.now(), WITHIN).toBe(true)
    await shows(() => run('workflow list', of(made)), 'Terminated')
    expect(await run('workflow describe', of(made))).toContain('CloseTime')
    expect(await made.reread()).toMatchObject({ status: 'pending' })
    await run('schedule trigger')
    await vi.waitFor(async () => expect(await made.reread()).toMatchObject({ status: 'applied' }), WITHIN)
    await reconciler.unpause()
  })

  scenario(scene, 'Many at once', async ({ run, json }) => {
    const first = await make()
    const path = `flags/${first.flagKey}/schedule`
    const body = { scheduledAt: inMs(2 * hour), updates: { enabled: false } }
    for (let n = 1; n < 4; n++) await scene.product.call('POST', path, body)
    const variables: Record<string, string> = of(first)
    const all = async () => (await scene.product.call('GET', path)).body as { status: string; scheduledAt: string }[]
    const running = (n: number) => shows(() => run('workflow count', variables), `Total: ${n}`)

    const batchDone = () => vi.waitFor(async () => expect(await run('batch list')).not.toContain('Running'), WITHIN)

    expect(await json('bulk-shift', variables)).toMatchObject({ matched: 4, changed: 4 })
    await running(4)
    await run('workflow signal', variables)
    const moved = async () => (await all()).every(({ scheduledAt }) => scheduledAt === '2126-03-01T09:00:00.000Z')
    await expect.poll(moved, WITHIN).toBe(true)
    await batchDone()
    await run('workflow reset', variables)
    await batchDone()
    await run('workflow terminate', variables)
    await batchDone()
    await running(0)
    await scene.book
      .section('A schedule is pending after its due time, or its workflow is gone')
      .run('schedule trigger')
    await running(4)
    const [, job = ''] = /job ID: (\S+)/.exec(await run('workflow cancel', variables)) ?? []
    await shows(() => run('batch list'), job)
    await shows(() => run('batch describe', { JOB: job }), 'Cancel')
    // So few may be done already, and then it is refused.
    await run('batch terminate', { JOB: job }).catch((error) => expect(error.stderr).toMatch(/batch/i))
    await run('bulk-cancel', variables)
    expect(new Set((await all()).map(({ status }) => status))).toEqual(new Set(['cancelled']))
  })

  scenario(scene, 'Keep all schedules for now, or delete old ones now', async ({ run, json }) => {
    const made = await make(1_500)
    await made.handle.result()
    await scene.servers.sql(
      `UPDATE feature_flag_schedules SET scheduled_at = scheduled_at - interval '91 days', applied_at = applied_at - interval '91 days' WHERE id = $1`,
      [made.id],
    )
    expect(await json('/schedules/retention')).toMatchObject({ applied: { count: 1 } })
    await run('--pause')
    expect(await run('schedule describe')).toMatch(/Paused +true/)
    await run('--unpause')
    expect(await run('schedule describe')).toMatch(/Paused +false/)
    await run('schedule trigger')
    await shows(() => run('workflow list'), 'Completed')
    expect(await json('/schedules/retention')).toMatchObject({ applied: { count: 0 } })
  })

  scenario(scene, 'Hold an environment still', async ({ json, run }) => {
    const made = await make()
    await scene.product.call('PATCH', made.self, { scheduledAt: '2126-11-26T09:00:00Z' })
    const freeze = await json('-X POST')
    expect(freeze.affected.schedules).toMatchObject([{ id: made.id, scheduledAt: '2126-12-01T00:00:00.000Z' }])
    expect(await json('environment=production')).toMatchObject([{ id: freeze.id, reason: 'peak season' }])
    await run('-X DELETE', { FREEZE: freeze.id })
    expect(await json('environment=production')).toEqual([])
  })

  scenario(scene, 'A schedule is due later than it was asked, or is refused with `frozen`', async ({ json }) => {
    const hold = scene.book.section('Hold an environment still')
    const freeze = await hold.json('-X POST')
    const made = await make()
    await scene.product.call('PATCH', made.self, { scheduledAt: '2126-11-26T08:00:00Z' })
    expect(await json(/schedule\/\$ID$/, of(made))).toMatchObject({
      freezeId: freeze.id,
      deferredFrom: '2126-11-26T08:00:00.000Z',
    })
    expect(await json('/freezes/', { FREEZE: freeze.id })).toMatchObject({ reason: 'peak season', createdBy: 'olivia' })
    expect(await json('-X PATCH', of(made))).toMatchObject({ scheduledAt: '2126-11-26T09:00:00.000Z' })
    await hold.run('-X DELETE', { FREEZE: freeze.id })
  })

  scenario(scene, 'A schedule failed', async ({ json }) => {
    const made = await make(4_000, { rolloutPercentage: 11 })
    const set = (percentage: number) =>
      scene.servers.sql('UPDATE feature_flag_schedules SET updates = $2 WHERE id = $1', [
        made.id,
        { rolloutPercentage: percentage },
      ])
    await set(101)
    expect(await made.handle.result()).toBe('failed')
    const [failed] = await json('status=failed')
    expect(failed).toMatchObject({ id: made.id, errorMessage: expect.stringContaining('check') })
    await set(12)
    expect(await json('/retry', of(made))).toMatchObject({ status: 'pending', attempt: 2 })
    await vi.waitFor(async () => expect(await made.flag()).toMatchObject({ rolloutPercentage: 12 }), WITHIN)
  })

  scenario(scene, 'A flag is not what somebody expected', async ({ json }) => {
    const made = await make()
    await scene.product.call('PATCH', made.self, { scheduledAt: '2126-03-01T09:00:00Z' })
    const UNTIL = '2126-03-01T09:00:01Z'
    expect(await json('state?at=', { ...of(made), UNTIL })).toMatchObject({
      reasons: { enabled: { scheduleId: made.id } },
    })
    const { valid, conflicts } = await json('/preview', of(made))
    expect([valid, conflicts]).toMatchObject([true, [{ field: 'enabled' }]])
  })

  scenario(scene, 'A recurrence does not go on', async ({ run, json }) => {
    const { flagKey: FLAG } = await make()
    const { body: made } = await scene.product.call('POST', `flags/${FLAG}/recurrences`, {
      recurrence: { cron: '0 9 1 1 *', timeZone: 'Europe/Berlin' },
      updates: { enabled: true },
    })
    const variables = { FLAG, RECURRENCE: made.id as string }
    const look = () => json(/RECURRENCE$/, variables)
    await scene.product.call('POST', `flags/${FLAG}/recurrences/${made.id}/pause`)
    expect(await look()).toMatchObject({ status: 'paused', pendingScheduleId: null })
    expect(await json('recurrence-ended', variables)).toEqual([])
    expect(await json('/resume', variables)).toMatchObject({ status: 'active' })
    // Active without a pending schedule: deleted by hand.
    await scene.servers.sql(`DELETE FROM feature_flag_schedules WHERE recurrence_id = $1`, [made.id])
    expect(await look()).toMatchObject({ status: 'active', pendingScheduleId: null })
    await run('schedule trigger')
    await vi.waitFor(async () => expect((await look()).pendingScheduleId).not.toBeNull(), WITHIN)
  })
}
