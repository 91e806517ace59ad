import type { Locator, Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { sweepDue } from '../../store/sweep.ts'
import { one } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'
import { expectAccessible, openBrowser, settle, startWebApp, type Visit, visit } from './browser.ts'
import { berlin, choose, confirm } from './clicks.ts'
import { makeWaitingPlan } from './plans-and-requests.ts'

// No worker runs here: schedules stay pending until the test sweeps.
const app = await startWebApp()
const browser = await openBrowser()
const { call, db } = app

const QUARTER = 15 * 60_000
/** So many quarters of an hour from now, on the clock. */
const quarters = (n: number) => new Date((Math.floor(Date.now() / QUARTER) + n) * QUARTER).toISOString()

/** Schedules in an environment of their own, each of the flag that is named or of `feature`. */
async function scene(...schedules: { key?: string; at: string; updates: object }[]) {
  const environment = `now-${crypto.randomUUID().slice(0, 8)}`
  const made = []
  for (const { key = 'feature', at, updates } of schedules) {
    await call('POST', `flags?environment=${environment}`, { key })
    const body = { scheduledAt: at, updates }
    const answer = await call('POST', `flags/${key}/schedule?environment=${environment}`, body)
    expect(answer.status, JSON.stringify(answer.body)).toBe(201)
    made.push(answer.body)
  }
  const dueOf = async ({ id, flagKey }: { id: string; flagKey: string }) =>
    (await call('GET', `flags/${flagKey}/schedule/${id}?environment=${environment}`)).body.scheduledAt
  const open = async (look: Visit = {}, query = '') => {
    const opened = await visit(browser, app, `/admin?env=${environment}${query}`, look)
    await settle(opened.page)
    await opened.page.getByRole('status').getByText('Live').waitFor()
    return opened
  }
  return { environment, made, dueOf, open }
}

/** What a schedule is called at a time, as a browser in Berlin shows it. */
function named(what: string, at: string): RegExp {
  const clock = new Date(at).toLocaleTimeString('en-GB', { timeZone: 'Europe/Berlin' })
  return new RegExp(`^${what} .*${clock}`)
}

const lane = (page: Page, name = 'Schedules') =>
  page.getByRole('region', { name: 'Timeline' }).getByRole('list', { name })
const trouble = (page: Page) => page.getByRole('list', { name: 'Late, failed or blocked' })

async function dragTo(page: Page, mark: Locator, target: Locator): Promise<void> {
  const [from, to] = [await mark.boundingBox(), await target.boundingBox()]
  if (!from || !to) throw new Error('Nothing to drag, or nowhere to go')
  await page.mouse.move(from.x + 10, from.y + 10)
  await page.mouse.down()
  await page.mouse.move(to.x + 10, from.y + 10, { steps: 5 })
  await page.mouse.up()
}

describe('a pending schedule', () => {
  it('is dragged to another time: conflicts are named, it is confirmed, and another browser sees it move', async () => {
    const [early, late] = [quarters(8), quarters(20)]
    const { made, dueOf, open } = await scene(
      { at: early, updates: { enabled: true } },
      { at: late, updates: { enabled: false } },
    )
    const { page, complaints } = await open()
    const other = await open()
    await other.page.evaluate('window.opened = true')
    await lane(other.page)
      .getByRole('link', { name: named('feature On', early) })
      .waitFor()

    const mark = lane(page).getByRole('link', { name: named('feature On', early) })
    await dragTo(page, mark, lane(page).getByRole('link', { name: named('feature Off', late) }))
    const dialog = page.getByRole('dialog')
    await dialog.getByText(/Due at the same instant: the last one, .* wins/).waitFor()
    await dialog
      .getByText(`${late.slice(0, 19).replace('T', ' ')} UTC`)
      .first()
      .waitFor()
    expect(await dueOf(made[0])).toBe(early)
    await expectAccessible(page)
    await confirm(page, 'Move it', 'after lunch')
    expect(await dueOf(made[0])).toBe(late)
    await lane(page)
      .getByRole('link', { name: named('feature On', late) })
      .waitFor()
    await lane(other.page)
      .getByRole('link', { name: named('feature On', late) })
      .waitFor({ timeout: 4_000 })
    expect(await other.page.evaluate('window.opened')).toBe(true)
    expect((await call('GET', `events?scheduleId=${made[0].id}&type=schedule-updated`)).body).toMatchObject([
      { actor: 'alice', reason: 'after lunch' },
    ])
    expect([...complaints, ...other.complaints]).toEqual([])
    await Promise.all([page.context().close(), other.page.context().close()])
  })

  it('stays where it was when the drag is given up, by Escape or in the dialog', async () => {
    const [at, far] = [quarters(8), quarters(24)]
    const { made, dueOf, open } = await scene(
      { at, updates: { enabled: true } },
      { key: 'target', at: far, updates: { enabled: true } },
    )
    const { page } = await open()
    const mark = lane(page).getByRole('link', { name: named('feature On', at) })
    await dragTo(page, mark, lane(page).getByRole('link', { name: /^target/ }))
    await page.getByRole('button', { name: 'Leave it' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await mark.waitFor()
    await settle(page)
    const box = await mark.boundingBox()
    await mark.press('ArrowRight')
    await page.getByRole('status').getByText('Escape gives up').waitFor()
    expect((await mark.or(lane(page).locator('[data-moved]')).first().boundingBox())?.x).toBeGreaterThan(box?.x ?? 0)
    await page.keyboard.press('Escape')
    await mark.waitFor()
    expect((await mark.boundingBox())?.x).toBe(box?.x)
    expect(await page.getByRole('dialog').count()).toBe(0)
    expect(await dueOf(made[0])).toBe(at)
    // It is a link all the same.
    await mark.press('Enter')
    await page.getByRole('heading', { name: 'feature', level: 1 }).waitFor()
    await page.context().close()
  })

  it('is moved by arrow keys and Enter, a quarter of an hour at a time, but never to what is over', async () => {
    const at = quarters(2)
    const { made, dueOf, open } = await scene({ at, updates: { rolloutPercentage: 30 } })
    const { page } = await open()
    await lane(page)
      .getByRole('link', { name: named('feature 30 %', at) })
      .focus()
    await page
      .getByRole('tooltip')
      .getByText(`${at.slice(0, 19).replace('T', ' ')} UTC`)
      .waitFor()
    for (let n = 0; n < 9; n++) await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').getByRole('row', { name: 'rolloutPercentage 100 30' }).waitFor()
    await confirm(page, 'Move it')
    // To the left it came no further than the next quarter; then two to the right.
    const ahead = Date.parse(await dueOf(made[0])) - Date.now()
    expect(ahead).toBeGreaterThan(2 * QUARTER - 15_000)
    expect(ahead).toBeLessThanOrEqual(3 * QUARTER)
    expect(Date.parse(await dueOf(made[0])) % QUARTER).toBe(0)
    await page.context().close()
  })

  it('is moved by nobody who only looks', async () => {
    const [at, far] = [quarters(8), quarters(24)]
    const { environment, made, dueOf, open } = await scene(
      { at, updates: { enabled: true } },
      { key: 'target', at: far, updates: { enabled: true } },
    )
    const { page } = await open({ role: 'viewer' })
    const mark = lane(page).getByRole('link', { name: named('feature On', at) })
    await dragTo(page, mark, lane(page).getByRole('link', { name: /^target/ }))
    await mark.focus()
    await page.getByRole('tooltip').getByText('By alice').waitFor()
    expect(await page.getByText('to move it').count()).toBe(0)
    await page.keyboard.press('ArrowRight')
    // Enter is what it is on any link.
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'feature', level: 1 }).waitFor()
    expect(page.url()).toContain(`/admin/flags/feature?env=${environment}`)
    expect(await page.getByRole('dialog').count()).toBe(0)
    expect(await dueOf(made[0])).toBe(at)
    await page.context().close()
  })
})

describe('the red lane', () => {
  it('has what is late and what failed, with why; a failed schedule is retried there', async () => {
    const { environment, made, open } = await scene(
      { key: 'slow', at: inMs(-30_000), updates: { enabled: true } },
      { key: 'broken', at: inMs(3_600_000), updates: { enabled: true } },
    )
    await one(
      db,
      `UPDATE feature_flag_schedules SET status = 'failed', error_message = 'a trigger said no', scheduled_at = date_trunc('milliseconds', now() - interval '1 minute') WHERE id = $1`,
      [made[1].id],
    )
    const { page, complaints } = await open()
    const late = trouble(page).getByRole('listitem').filter({ hasText: 'slow: On' })
    await late.getByText('Due and not applied yet').waitFor()
    await lane(page)
      .getByRole('link', { name: /^slow On Late/ })
      .waitFor()
    const failed = trouble(page).getByRole('listitem').filter({ hasText: 'a trigger said no' })
    await failed.getByRole('button', { name: 'Retry' }).click()
    await confirm(page, 'Retry', 'the trigger is gone')
    await failed.waitFor({ state: 'detached' })
    await sweepDue(db)
    await page.getByText('Nothing is late, nothing has failed').waitFor()
    await lane(page)
      .getByRole('link', { name: /^slow On Applied/ })
      .waitFor()
    expect((await call('GET', `flags/broken?environment=${environment}`)).body.enabled).toBe(true)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('has a plan that waits for an approval, and approves it there', async () => {
    const plan = await makeWaitingPlan(app, 'careful')
    const { page } = await visit(browser, app, '/admin?flag=careful')
    const waits = trouble(page).getByRole('listitem').filter({ hasText: 'At “A tenth”, waits for an approval.' })
    await waits.getByRole('button', { name: 'Approve' }).click()
    await confirm(page, 'Approve', 'looks good')
    await waits.waitFor({ state: 'detached' })
    await lane(page, 'Release plans')
      .getByRole('link', { name: /^careful A tenth Running/ })
      .waitFor()
    const [active] = (await call('GET', `flags/careful/release-plans/${plan.id}`)).body.milestones
    expect(active).toMatchObject({ name: 'A tenth', approvedBy: 'alice' })
    await page.context().close()
  })
})

describe('the timeline', () => {
  it('shows one flag when one is chosen, and keeps it, the zoom and the time in its address', async () => {
    const { open } = await scene(
      { key: 'mine', at: quarters(8), updates: { enabled: true } },
      { key: 'theirs', at: quarters(9), updates: { enabled: true } },
    )
    const { page } = await open()
    await lane(page)
      .getByRole('link', { name: /^theirs/ })
      .waitFor()
    await lane(page, 'Policy runs').waitFor()
    await choose(page, page.getByRole('combobox', { name: 'Flag', exact: true }), 'mine')
    await lane(page)
      .getByRole('link', { name: /^theirs/ })
      .waitFor({ state: 'detached' })
    await lane(page).getByRole('link', { name: /^mine/ }).waitFor()
    // A run is about no flag.
    expect(await lane(page, 'Policy runs').count()).toBe(0)
    expect(new URL(page.url()).searchParams.get('flag')).toBe('mine')

    await page.getByRole('radiogroup', { name: 'How much time' }).getByText('Hour').click()
    await lane(page).getByRole('link', { name: /^mine/ }).waitFor({ state: 'detached' })
    for (let n = 0; n < 4; n++) await page.getByRole('button', { name: 'Later' }).click()
    await lane(page).getByRole('link', { name: /^mine/ }).waitFor()
    await page.reload()
    await lane(page).getByRole('link', { name: /^mine/ }).waitFor()
    await page.getByRole('button', { name: 'Back to now' }).click()
    await lane(page).getByRole('link', { name: /^mine/ }).waitFor({ state: 'detached' })
    await page.context().close()
  })

  it('draws a thousand schedules as one mark, which opens a list from which one is moved', async () => {
    const { environment, open } = await scene({ at: quarters(12), updates: { enabled: true } })
    const items = Array.from({ length: 1_000 }, (_, n) => {
      const scheduledAt = new Date(Date.parse(quarters(12)) + (n % 60) * 1_000).toISOString()
      return { environment, flagKey: 'feature', scheduledAt, updates: { rolloutPercentage: n % 100 } }
    })
    expect((await call('POST', 'schedules/bulk', { mode: 'all', items })).status).toBe(200)
    const { page, complaints } = await open()
    const crowd = lane(page).getByRole('button', { name: '1,001 schedules' })
    await crowd.waitFor()
    expect(await lane(page).getByRole('listitem').count()).toBe(1)
    await crowd.click()
    const list = page.getByRole('dialog', { name: '1,001 schedules' })
    await list.getByText('And 801 more').waitFor()
    await expectAccessible(page)
    await list.getByRole('button', { name: 'Move' }).first().click()
    await page
      .getByRole('dialog', { name: 'Move the schedule of feature?' })
      .getByText('number 1 of its pending schedules')
      .waitFor()
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('is a list where there is no room, with freezes in it, and things are moved from there', async () => {
    const at = quarters(8)
    const { environment, made, dueOf, open } = await scene({ at, updates: { enabled: true } })
    const [from, to] = [inMs(10 * 3_600_000), inMs(12 * 3_600_000)]
    const freeze = { environment, from, to, reason: 'Holidays', mode: 'refuse' }
    expect((await call('POST', 'freezes', freeze)).status).toBe(201)
    const { page } = await open({ width: 390 })
    const next = page.getByRole('list', { name: 'Now and next' })
    await next.getByRole('link', { name: 'Holidays, refuses schedules' }).waitFor()
    await next.getByRole('button', { name: 'Move' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('To', { exact: true }).fill(berlin(new Date(inMs(11 * 3_600_000))))
    await dialog.getByText('is frozen until').waitFor()
    const free = quarters(16)
    await dialog.getByLabel('To', { exact: true }).fill(berlin(new Date(free)))
    await dialog.getByText('is frozen until').waitFor({ state: 'detached' })
    await confirm(page, 'Move it')
    expect(await dueOf(made[0])).toBe(free)
    await page.context().close()
  })
})
