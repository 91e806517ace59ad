import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { one } from '../helpers/database.ts'
import { startTestWorker } from '../helpers/worker.ts'
import { expectAccessible, openBrowser, startWebApp, visit } from './browser.ts'
import { berlin, confirm } from './clicks.ts'

const app = await startWebApp({ INTERLOCK_TEMPORAL_UI_URL: 'http://temporal.example/namespaces/default' })
await startTestWorker(app, app.databaseUrl)
const browser = await openBrowser()
const { call, db } = app

/** Makes a flag and opens its page. */
async function openFlag(key: string, more: object = {}, look: Parameters<typeof visit>[3] = {}) {
  expect((await call('POST', 'flags', { key, description: `About ${key}`, ...more })).status).toBe(201)
  const { page, complaints } = await visit(browser, app, `/admin/flags/${key}`, look)
  await page.getByRole('status').getByText('Live').waitFor()
  return { page, complaints, flag: async () => (await call('GET', `flags/${key}`)).body }
}

const facts = (page: Page) => page.getByLabel('What it is now')
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000)

describe('the page of a flag', () => {
  it('switches, edits, archives and brings back; its history says what, who and why', async () => {
    const { page, complaints, flag } = await openFlag('edited')
    await page.getByRole('button', { name: 'Switch on' }).click()
    await confirm(page, 'Switch on', 'launch')
    await facts(page).getByText('On', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Edit' }).click()
    await page.getByRole('dialog').getByRole('textbox', { name: 'Rollout' }).fill('40')
    await page.getByRole('dialog').getByRole('row', { name: 'rolloutPercentage 100 40' }).waitFor()
    await expectAccessible(page)
    await confirm(page, 'Edit')
    await facts(page).getByText('40 %').waitFor()
    expect(await flag()).toMatchObject({ enabled: true, rolloutPercentage: 40, description: 'About edited' })

    const first = page.getByLabel('History').getByRole('row').filter({ hasText: 'launch' })
    await first.locator('summary').click()
    await first.getByRole('row', { name: 'enabled false true' }).waitFor()

    await page.getByRole('button', { name: 'Archive' }).click()
    await page.getByText('Cancels its pending schedules (0)').waitFor()
    await confirm(page, 'Archive')
    await page.getByRole('button', { name: 'Bring back' }).click()
    await confirm(page, 'Bring back')
    await page.getByRole('button', { name: 'Switch off' }).waitFor()
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('does not decide about what somebody changed while the dialog was open', async () => {
    const { page, flag } = await openFlag('raced')
    await page.getByRole('button', { name: 'Switch on' }).click()
    await page.getByRole('dialog').getByText('At once it is on').waitFor()
    await call('PATCH', 'flags/raced', { enabled: true })
    const dialog = page.getByRole('dialog')
    await dialog.getByText('It was changed meanwhile').waitFor()
    await dialog.getByRole('button', { name: /^Switch/ }).click()
    await dialog.getByText('Look at what it is now, and decide again.').waitFor()
    expect((await flag()).enabled).toBe(true)
    await page.context().close()
  })

  it('explains what a user sees, and again when the flag is changed', async () => {
    await call('POST', 'flags', { key: 'explained', enabled: true })
    await call('POST', 'flags/explained/strategies', {
      name: 'flexibleRollout',
      title: 'Staff',
      parameters: { rollout: 100, stickiness: 'userId' },
      constraints: [{ contextName: 'email', operator: 'STR_ENDS_WITH', values: ['@example.com'] }],
    })
    const { page, complaints } = await visit(browser, app, '/admin/flags/explained')
    await page.getByLabel('Value of userId').fill('alice')
    await page.getByRole('button', { name: 'Ask' }).click()
    await page.getByText('email ends with @example.com; the context does not have it').waitFor()
    await page.getByText('None of its strategies matches.').waitFor()

    await page.getByRole('button', { name: 'Add a field' }).click()
    await page.getByLabel('Field 2', { exact: true }).fill('email')
    await page.getByLabel('Value of email').fill('alice@example.com')
    await page.getByRole('button', { name: 'Ask' }).click()
    await page.getByText('Staff, which decides').waitFor()
    await page.getByText(/100 % by userId: alice is in bucket \d+ of 100/).waitFor()
    await expectAccessible(page)

    await call('PATCH', 'flags/explained', { enabled: false })
    await page.getByText('The flag is off.').waitFor()
    expect(complaints).toEqual([])
    await page.context().close()
  })
})

describe('its schedules', () => {
  it('are previewed, made by the clock of the user, and seen switching live', async () => {
    const { page, complaints } = await openFlag('scheduled')
    await call('POST', 'flags/scheduled/schedule', {
      scheduledAt: inSeconds(3_600).toISOString(),
      updates: { rolloutPercentage: 10 },
    })
    await page.getByRole('row', { name: /10 %/ }).waitFor()
    await page.getByRole('button', { name: 'Schedule a change' }).click()
    const dialog = page.getByRole('dialog')

    // The night in which Berlin's clocks jump from 2 to 3.
    await dialog.getByLabel('Due').fill('2027-03-28T02:30:00')
    await dialog.getByText('Clocks jump over this time in Europe/Berlin: it is 03:30:00.').waitFor()
    await dialog.getByText('2027-03-28 01:30:00 UTC').waitFor()
    await dialog.getByLabel('Rollout').fill('50')
    await dialog.getByText('Replaces rolloutPercentage = 10 of alice').waitFor()
    await dialog.getByRole('row', { name: 'rolloutPercentage 10 50' }).waitFor()
    await dialog.getByLabel('Due').fill('2027-10-31T02:30:00')
    await dialog.getByText('Clocks in Europe/Berlin show this time twice: the first one is meant.').waitFor()
    await dialog.getByText('2027-10-31 00:30:00 UTC').waitFor()
    await dialog.getByLabel('Due').fill('2020-01-01T00:00:00')
    await dialog.getByText('It would be refused').waitFor()
    await expectAccessible(page)

    await dialog.getByLabel('Due').fill(berlin(inSeconds(4)))
    await dialog.getByLabel('State').selectOption('On')
    await dialog.getByRole('row', { name: 'enabled false true' }).waitFor()
    await confirm(page, 'Schedule a change', 'launch')
    await facts(page).getByText('On', { exact: true }).waitFor()
    await facts(page).getByText('50 %').waitFor()
    await page.getByText('Applied', { exact: true }).click()
    await page.getByRole('row', { name: /On, 50 % Applied at revision/ }).waitFor()
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('are cancelled and retried, and lead to their workflows', async () => {
    await call('POST', 'flags', { key: 'retried' })
    const due = inSeconds(3_600).toISOString()
    const { body: schedule } = await call('POST', 'flags/retried/schedule', {
      scheduledAt: due,
      updates: { enabled: true },
    })
    const { body: other } = await call('POST', 'flags/retried/schedule', {
      scheduledAt: due,
      updates: { rolloutPercentage: 5 },
    })
    await one(db, `UPDATE feature_flag_schedules SET status = 'failed', error_message = 'a trigger' WHERE id = $1`, [
      schedule.id,
    ])
    const { page } = await visit(browser, app, '/admin/flags/retried')
    const row = page.getByRole('row', { name: /5 %/ })
    expect(await row.getByRole('link', { name: 'Workflow' }).getAttribute('href')).toBe(
      `http://temporal.example/namespaces/default/workflows/${encodeURIComponent(other.workflowId)}`,
    )
    await row.getByRole('button', { name: 'Cancel' }).click()
    await confirm(page, 'Cancel', 'not now')
    await page.getByText('No change is scheduled').waitFor()
    await page.getByText('Failed', { exact: true }).click()
    await page.getByText('a trigger').waitFor()
    await page.getByRole('button', { name: 'Retry' }).click()
    await confirm(page, 'Retry')
    await facts(page).getByText('On', { exact: true }).waitFor()
    expect((await call('GET', `flags/retried/schedule/${other.id}`)).body.status).toBe('cancelled')
    await page.context().close()
  })

  it('of a recurrence are listed by the clock of the user and UTC, and one is skipped', async () => {
    await call('POST', 'flags', { key: 'recurring' })
    const { body: recurrence } = await call('POST', 'flags/recurring/recurrences', {
      recurrence: { cron: '0 9 1 1 *', timeZone: 'Asia/Tokyo' },
      updates: { enabled: true },
    })
    const { page } = await visit(browser, app, '/admin/flags/recurring')
    const row = page.getByLabel('Recurrences', { exact: true }).getByRole('row', { name: /0 9 1 1/ })
    await row
      .getByText(/1 Jan \d+, 01:00:00 CET/)
      .first()
      .waitFor()
    const first = await row.getByRole('listitem').first().textContent()
    expect(first).toMatch(/-01-01 00:00:00 UTC/)
    await row.getByRole('button', { name: 'Skip' }).click()
    await confirm(page, 'Skip')
    await expect.poll(() => row.getByRole('listitem').first().textContent()).not.toBe(first)
    expect((await call('GET', `flags/recurring/recurrences/${recurrence.id}`)).body.made).toBe(2)
    await page.context().close()
  })
})

it('shows a viewer everything, and lets them change nothing', async () => {
  const { page } = await openFlag('viewed', {}, { role: 'viewer' })
  for (const name of ['Switch on', 'Edit', 'Archive', 'Schedule a change', 'Make a change recur', 'Add a strategy']) {
    const button = page.getByRole('button', { name, exact: true })
    await button.waitFor()
    expect(await button.isDisabled()).toBe(true)
  }
  await page.context().close()
})
