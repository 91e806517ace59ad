import { describe, expect, it } from 'vitest'
import { expectAccessible, openBrowser, startWebApp, visit } from './browser.ts'
import { berlin, choose, confirm } from './clicks.ts'

// No worker: what is scheduled stays pending.
const app = await startWebApp()
const browser = await openBrowser()
const { call } = app

async function openFlag(key: string, look: Parameters<typeof visit>[3] = {}) {
  expect((await call('POST', 'flags', { key })).status).toBe(201)
  const { page, complaints } = await visit(browser, app, `/admin/flags/${key}`, look)
  await page.getByRole('status').getByText('Live').waitFor()
  return { page, complaints, dialog: page.getByRole('dialog') }
}

/** Its day in next year's month, the night in which Berlin's clocks change. */
function lastSunday(month: 3 | 10): number {
  const last = new Date(Date.UTC(new Date().getUTCFullYear() + 1, month - 1, 31))
  return 31 - last.getUTCDay()
}

const ruleOf = async (key: string) => (await call('GET', `flags/${key}/recurrences`)).body[0]

describe('a recurrence', () => {
  it('is made with its next five occurrences seen before, by the clock of the user and UTC', async () => {
    const { page, complaints, dialog } = await openFlag('opening')
    await page.getByText('Nothing recurs').waitFor()
    await page.getByRole('button', { name: 'Make a change recur' }).click()
    await dialog.getByLabel('State').selectOption('On')
    await dialog.getByLabel('Repeats').selectOption('Every day at 09:00')
    await choose(page, dialog.getByRole('combobox', { name: 'By the clock of' }), 'Asia/Tokyo')
    const ahead = dialog.getByRole('region', { name: 'Its next occurrences' })
    await ahead
      .getByText(/^\w+, \d+ \w+ \d+, 0[12]:00:00 CES?T/)
      .first()
      .waitFor()
    expect(await ahead.getByRole('listitem').count()).toBe(5)
    expect(await ahead.getByRole('listitem').first().textContent()).toMatch(/ 00:00:00 UTC/)
    await dialog.getByLabel('Times (optional)').fill('2')
    await expect.poll(() => ahead.getByRole('listitem').count()).toBe(2)
    await dialog.getByLabel('Cron expression').fill('0 25 * * *')
    await ahead.getByRole('alert').getByText('recurrence.cron', { exact: true }).waitFor()
    await expectAccessible(page)
    await dialog.getByLabel('Cron expression').fill('30 18 * * fri')
    await expect.poll(() => ahead.getByRole('listitem').count()).toBe(2)
    await confirm(page, 'Make a change recur', 'opening hours')
    await page
      .getByLabel('Recurrences', { exact: true })
      .getByRole('row', { name: /30 18 \* \* fri/ })
      .waitFor()
    expect(await ruleOf('opening')).toMatchObject({
      recurrence: { cron: '30 18 * * fri', timeZone: 'Asia/Tokyo', count: 2, until: null },
      updates: { enabled: true },
      catchUp: 'latest',
    })
    expect(complaints).toEqual([])
  })

  it('says what a change of clocks does to it, as the two policies have it', async () => {
    const { page, dialog } = await openFlag('clocks', { dark: true, width: 390 })
    await page.getByRole('button', { name: 'Make a change recur' }).click()
    const ahead = dialog.getByRole('region', { name: 'Its next occurrences' })
    await dialog.getByLabel('Cron expression').fill(`30 2 ${lastSunday(3)} 3 *`)
    const remark = ahead.getByText('clocks go forward, shifted by 1 h')
    await remark.first().waitFor()
    await dialog.getByLabel('A time that clocks jump over').selectOption('Left out')
    await remark.first().waitFor({ state: 'detached' })
    await dialog.getByLabel('Cron expression').fill(`30 2 ${lastSunday(10)} 10 *`)
    await ahead.getByText('clocks go back, the first of two').first().waitFor()
    await dialog.getByLabel('A time that comes twice').selectOption('Both')
    await ahead.getByText('clocks go back, the second of two').first().waitFor()
    await expectAccessible(page)
  })

  it('is edited from here on, paused, resumed, skipped and ended, seen by a viewer', async () => {
    const { page, complaints, dialog } = await openFlag('hours')
    const rule = { cron: '0 9 * * *', timeZone: 'Europe/Berlin' }
    await call('POST', 'flags/hours/recurrences', { recurrence: rule, updates: { enabled: true } })
    const row = page.getByLabel('Recurrences', { exact: true }).getByRole('row', { name: /0 9|30 10/ })
    const viewer = await visit(browser, app, '/admin/flags/hours', { role: 'viewer' })
    const seen = viewer.page.getByLabel('Recurrences', { exact: true }).getByRole('row', { name: /0 9|30 10/ })

    await row.getByRole('button', { name: 'Edit' }).click()
    await dialog.getByLabel('Cron expression').fill('30 10 * * *')
    await dialog.getByLabel('Missed while paused or down').selectOption('None is made')
    await dialog.getByRole('row', { name: 'recurrence.cron 0 9 * * * 30 10 * * *' }).waitFor()
    await confirm(page, 'Edit')
    await seen.getByText('30 10 * * *').waitFor()
    expect(await ruleOf('hours')).toMatchObject({ recurrence: { cron: '30 10 * * *' }, catchUp: 'none' })

    const next = await row.getByRole('listitem').first().textContent()
    await row.getByRole('button', { name: 'Skip' }).click()
    await confirm(page, 'Skip')
    await expect.poll(() => row.getByRole('listitem').first().textContent()).not.toBe(next)
    await row.getByRole('button', { name: 'Pause' }).click()
    await confirm(page, 'Pause')
    await seen.getByText('Paused').waitFor()
    await row.getByRole('button', { name: 'Resume' }).click()
    await dialog.getByText('Those that were missed are left out.').waitFor()
    await confirm(page, 'Resume')
    await seen.getByText('Active').waitFor()
    expect(await seen.getByRole('button', { name: 'End' }).getAttribute('aria-description')).toContain('role admin')
    await row.getByRole('button', { name: 'End' }).click()
    await dialog.getByText('That cannot be taken back').waitFor()
    await confirm(page, 'End')
    await seen.getByText('Ended').waitFor()
    expect([...complaints, ...viewer.complaints]).toEqual([])
  })
})

it('a schedule is moved and changed, with what that does seen before', async () => {
  const { page, complaints, dialog } = await openFlag('moved')
  const due = new Date(Math.ceil(Date.now() / 60_000) * 60_000 + 3_600_000)
  const later = new Date(due.getTime() + 3_600_000)
  await call('POST', 'flags/moved/schedule', { scheduledAt: due.toISOString(), updates: { enabled: true } })
  const row = page.getByLabel('Schedules, in the order').getByRole('row', { name: /On/ })
  await row.getByRole('button', { name: 'Edit' }).click()
  await dialog.getByLabel('Due').fill(berlin(later))
  await dialog.getByLabel('Rollout').fill('20')
  await dialog.getByRole('row', { name: 'updates.rolloutPercentage 20' }).waitFor()
  await dialog.getByRole('row', { name: 'enabled false true', exact: true }).waitFor()
  await expectAccessible(page)
  await confirm(page, 'Edit', 'not before the launch')
  await row.getByText('On, 20 %').waitFor()
  const { body } = await call('GET', 'flags/moved/schedule?status=pending')
  expect(body).toMatchObject([{ scheduledAt: later.toISOString(), updates: { enabled: true, rolloutPercentage: 20 } }])
  // What was moved meanwhile is not moved back.
  await row.getByRole('button', { name: 'Edit' }).click()
  await dialog.getByLabel('Comment').fill('mine')
  await call('PATCH', `flags/moved/schedule/${body[0].id}`, { comment: 'theirs' })
  await dialog.getByText('It was changed meanwhile').waitFor()
  await dialog.getByRole('button', { name: 'Edit', exact: true }).click()
  await dialog.getByText('Look at what it is now, and decide again.').waitFor()
  expect((await call('GET', `flags/moved/schedule/${body[0].id}`)).body.comment).toBe('theirs')
  expect(complaints).toEqual([])
})
