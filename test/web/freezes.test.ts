import { describe, expect, it } from 'vitest'
import { expectAccessible, openBrowser, startWebApp, visit } from './browser.ts'
import { act, berlin, confirm } from './clicks.ts'

const app = await startWebApp()
const browser = await openBrowser()
const { call } = app

const HOUR = 3_600_000
const inHours = (hours: number) => new Date(Math.floor(Date.now() / 60_000) * 60_000 + hours * HOUR)

describe('a freeze', () => {
  it('says what is due inside, puts it off, is seen by others at once, is edited and lifted', async () => {
    await call('POST', 'flags', { key: 'search' })
    const due = inHours(3)
    const { body: schedule } = await call('POST', 'flags/search/schedule', {
      scheduledAt: due.toISOString(),
      updates: { enabled: true },
    })
    const viewer = await visit(browser, app, '/admin/freezes', { role: 'viewer', dark: true, width: 390 })
    await viewer.page.getByText('production was never frozen').waitFor()
    const { page, complaints } = await visit(browser, app, '/admin/freezes')
    await page.getByRole('button', { name: 'Freeze', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Why it is frozen').fill('Black Friday')
    await dialog.getByLabel('From').fill(berlin(inHours(2)))
    await dialog.getByLabel('Until').fill(berlin(inHours(5)))
    await dialog.getByText('1 pending schedule: left as planned, and applied').waitFor()
    await dialog.getByLabel('Put it off to its end').check()
    await dialog.getByText('1 pending schedule: put off to its end').waitFor()
    await expectAccessible(page)
    await confirm(page, 'Freeze')
    const row = page.getByRole('row', { name: /Black Friday To come/ })
    await row.waitFor()
    await viewer.page.getByRole('row', { name: /Black Friday/ }).waitFor()
    const at = async () => (await call('GET', `flags/search/schedule/${schedule.id}`)).body.scheduledAt
    expect(await at()).toBe(inHours(5).toISOString())

    const lift = viewer.page.getByRole('button', { name: 'Lift' })
    expect(await lift.getAttribute('aria-description')).toContain('role admin')
    await expectAccessible(viewer.page)

    await row.getByRole('button', { name: 'Edit' }).click()
    await dialog.getByLabel('Until').fill(berlin(inHours(6)))
    await dialog.getByText('1 pending schedule: put off to its end').waitFor()
    await confirm(page, 'Edit', 'until Monday')
    await expect.poll(at).toBe(inHours(6).toISOString())
    await act(page, 'Lift', 'over early')
    await viewer.page.getByText('production was never frozen').waitFor()
    const { body: events } = await call('GET', 'events?type=freeze-updated,freeze-deleted')
    expect(events).toMatchObject([{ reason: 'over early' }, { reason: 'until Monday' }])
    expect([...complaints, ...viewer.complaints]).toEqual([])
  })

  it('that is asked for with an end before its beginning is refused, with the field', async () => {
    const { page } = await visit(browser, app, '/admin/freezes')
    await page.getByRole('button', { name: 'Freeze', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Why it is frozen').fill('Holidays')
    await dialog.getByLabel('From').fill(berlin(inHours(5)))
    await dialog.getByLabel('Until').fill(berlin(inHours(2)))
    await dialog.getByRole('button', { name: 'Freeze', exact: true }).click()
    await dialog.getByRole('listitem').getByText('must be after from').waitFor()
    expect((await call('GET', 'freezes')).body).toEqual([])
  })
})
