import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { changeRequests } from '../helpers/change-requests.ts'
import { rollout } from '../helpers/release-plans.ts'
import { startTestWorker } from '../helpers/worker.ts'
import { expectAccessible, openBrowser, settle, startWebApp, visit } from './browser.ts'
import { act } from './clicks.ts'
import { makeWaitingPlan } from './plans-and-requests.ts'

const app = await startWebApp()
const [browser] = await Promise.all([openBrowser(), startTestWorker(app, app.databaseUrl)])
const { call } = app

const milestone = (page: Page, name: string) => page.getByRole('listitem').filter({ hasText: name }).first()

describe('a release plan', () => {
  it('goes on when it is approved, pauses, resumes and goes back, without a reload', async () => {
    const plan = await makeWaitingPlan(app, 'new-search')
    const { page, complaints } = await visit(browser, app, '/admin/release-plans')
    const row = page.getByRole('row', { name: /new-search/ })
    await row.getByText('A tenth').waitFor()
    await row.getByText('an approval').waitFor()
    await row.getByRole('link').click()
    await page.getByText('the next milestone waits for an approval').waitFor()
    await page.evaluate('window.opened = true')

    await act(page, 'Approve', 'looks good')
    // The worker starts it, not the click.
    await milestone(page, 'Half').getByText('Running').waitFor()
    await milestone(page, 'A tenth').getByText('approved by alice').waitFor()
    await milestone(page, 'Three quarters').getByText('Will start').waitFor()

    await act(page, 'Pause', 'lunch')
    await page.getByText('lunch').waitFor()
    await act(page, 'Resume')
    await page.getByText('the next milestone waits for its time').waitFor()
    await milestone(page, 'A tenth').getByRole('button', { name: 'Go back to it' }).click()
    await page.getByText('approvals of all later milestones are forgotten').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Go back to it' }).click()
    await page.getByText('Users have “A tenth”').waitFor()

    const { body: events } = await call('GET', 'events?flagKey=new-search&type=milestone-approved')
    expect(events).toMatchObject([{ actor: 'alice', reason: 'looks good' }])
    const { body: strategies } = await call('GET', 'flags/new-search/strategies')
    expect(strategies).toMatchObject([{ parameters: { rollout: '10' }, milestoneId: expect.any(String) }])
    expect((await call('GET', `flags/new-search/release-plans/${plan.id}`)).body.status).toBe('running')
    expect(await page.evaluate('window.opened')).toBe(true)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('is made from a template, and says why a safeguard paused it', async () => {
    await call('POST', 'flags', { key: 'recommendations' })
    const { page } = await visit(browser, app, '/admin/release-plans')
    await page.getByRole('button', { name: 'Create a plan' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('combobox', { name: 'Flag' }).fill('recomm')
    await page.getByRole('option', { name: 'recommendations' }).click()
    await dialog.getByRole('listitem').filter({ hasText: 'Half' }).getByText('Starts after an approval').waitFor()
    await expectAccessible(page)
    await dialog.getByRole('button', { name: 'Create a plan' }).click()
    await page.getByText('Nothing has changed for users.').waitFor()
    await page.getByText('The flag is off').waitFor()
    await milestone(page, 'A tenth').getByRole('button', { name: 'Start it' }).click()
    await dialog.getByLabel('Switch the flag on as well').check()
    await dialog.getByRole('button', { name: 'Start it' }).click()
    await page.getByText('Users have “A tenth”').waitFor()
    await page.getByText('The flag is off').waitFor({ state: 'detached' })

    const path = new URL(page.url()).pathname.replace(
      '/admin/release-plans/recommendations',
      'flags/recommendations/release-plans',
    )
    const guard = { metric: 'errors', operator: '>', threshold: 0.02, action: 'pause', freshSeconds: 3600 }
    expect((await call('POST', `${path}/safeguards`, guard)).status).toBe(201)
    await call('POST', 'environments/production/metrics', [{ metric: 'errors', value: 0.07 }])
    await page.getByText('Paused here').waitFor()
    await page.getByRole('alert').filter({ hasText: 'errors' }).waitFor()
    await page.getByRole('cell', { name: '0.07' }).waitFor()
    await expectAccessible(page)
    const other = await visit(browser, app, new URL(page.url()).pathname, { dark: true, width: 390 })
    await other.page.getByText('Paused here').waitFor()
    await settle(other.page)
    await expectAccessible(other.page)
    expect(other.complaints).toEqual([])
    await other.page.context().close()
    await page.context().close()
  })
})

describe('a change request', () => {
  it('is approved by a second person and applied, by clicks, with its conflict named', async () => {
    const requests = await changeRequests(app)
    await requests.newFlag('search', { description: 'Typos are forgiven' })
    const request = await requests.request(
      [
        { action: 'updateFlag', flagKey: 'search', payload: { enabled: true, rolloutPercentage: 25 } },
        { action: 'addStrategy', flagKey: 'search', payload: rollout(25) },
      ],
      { title: 'Search for a quarter' },
    )
    const list = `/admin/change-requests?env=${requests.environment}`
    const detail = `/admin/change-requests/${request.id}?env=${requests.environment}`

    const author = await visit(browser, app, detail)
    const own = author.page.getByRole('button', { name: 'Approve', exact: true })
    await author.page.getByText('Search for a quarter').first().waitFor()
    await expect.poll(() => own.getAttribute('aria-description')).toContain('You had a hand in it')

    const { page, complaints } = await visit(browser, { ...app, token: () => app.token('admin', 'bob') }, list)
    await page.getByRole('link', { name: 'Search for a quarter' }).click()
    await page.getByRole('row', { name: /rolloutPercentage 100 25/ }).waitFor()
    await page.getByRole('row', { name: /parameters\.rollout 25/ }).waitFor()
    await act(page, 'Approve', 'read it')
    await page.getByRole('row', { name: /bob .* read it yes/ }).waitFor()
    await author.page.getByText('Approvals: 1 of 1').waitFor()

    await requests.directly(() => call('PATCH', `flags/search${requests.at}`, { rolloutPercentage: 40 }))
    const conflict = page
      .getByRole('alert')
      .filter({ hasText: 'rolloutPercentage of flag search was changed by alice' })
    await conflict.getByText('It was 100, is 40, and would become 25').waitFor()
    await expectAccessible(page)
    await act(page, 'Rebase')
    await page.getByText('Approvals: 0 of 1').waitFor()
    await page.getByRole('row', { name: /bob .* no: what was approved was changed/ }).waitFor()
    await act(page, 'Approve')
    await act(page, 'Apply')
    await page.getByText(/as configuration revision/).waitFor()
    await author.page.getByText('Applied', { exact: true }).waitFor()
    expect(await requests.flag('search')).toMatchObject({ enabled: true, rolloutPercentage: 25 })
    expect([...complaints, ...author.complaints]).toEqual([])
    await author.page.context().close()
    await page.context().close()
  })

  it('is scheduled, rejected and seen by a viewer who can do none of it', async () => {
    const requests = await changeRequests(app)
    await requests.newFlag('export')
    const change = { action: 'archiveFlag', flagKey: 'export', payload: {} }
    const request = await requests.request([change], { title: 'Export is over' })
    await request.approve()
    const detail = `/admin/change-requests/${request.id}?env=${requests.environment}`
    const { page } = await visit(browser, app, detail)
    await page.getByRole('button', { name: 'Schedule', exact: true }).click()
    await page.getByLabel('When').fill('2099-03-01T09:00')
    await page.getByRole('dialog').getByText('2099-03-01 08:00:00 UTC').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Schedule', exact: true }).click()
    await page.getByText('Scheduled', { exact: true }).waitFor()
    expect((await request.read()).scheduledAt).toBe('2099-03-01T08:00:00.000Z')

    const viewer = await visit(browser, app, detail, { role: 'viewer', dark: true, width: 390 })
    await viewer.page.getByText('Scheduled', { exact: true }).waitFor()
    for (const name of ['Approve', 'Apply', 'Schedule anew', 'Reject', 'Cancel the request']) {
      const button = viewer.page.getByRole('button', { name, exact: true })
      expect(await button.getAttribute('aria-description')).toContain('role admin')
    }
    await expectAccessible(viewer.page)
    // Nobody decides about what they have not seen.
    await page.getByRole('button', { name: 'Reject', exact: true }).click()
    await requests.as('carol', 'PATCH', request.path, { description: 'Nobody has used it for a year' })
    await page.getByText('It was changed meanwhile').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Reject', exact: true }).click()
    await page.getByText('Look at what it is now, and decide again.', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Leave it' }).click()
    await page.getByText('In review', { exact: true }).waitFor()
    await act(page, 'Reject', 'still in use')
    await viewer.page.getByText('still in use').waitFor()
    await viewer.page.context().close()
    await page.context().close()
  })
})
