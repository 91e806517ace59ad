import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { failRun } from '../../store/policy-run-control.ts'
import { importItems, items, makePolicy, POLICY, prepare, STRICTER } from '../helpers/catalog.ts'
import { asAlice } from '../helpers/database.ts'
import { startTestWorker } from '../helpers/worker.ts'
import { expectAccessible, openBrowser, settle, startWebApp, visit } from './browser.ts'

const app = await startWebApp({ INTERLOCK_TEMPORAL_UI_URL: 'http://127.0.0.1:8233/namespaces/default' })
await startTestWorker(app, app.databaseUrl)
const browser = await openBrowser()
const { call } = app

const ITEMS = 200

/** Ids of what the public sees. */
async function publicIds(): Promise<number[]> {
  const response = await app.app.inject({ url: '/api/catalog/items?limit=200' })
  return response.json().map(({ id }: { id: number }) => id)
}

async function confirm(page: Page, label: string, reason?: string): Promise<void> {
  const dialog = page.getByRole('dialog')
  if (reason) await dialog.getByLabel('Reason').fill(reason)
  await dialog.getByRole('button', { name: label, exact: true }).click()
}

function row(page: Page, table: 'Versions' | 'Runs', text: string) {
  return page.getByRole('region', { name: table, exact: true }).getByRole('row').filter({ hasText: text }).first()
}

it('teaches what a policy is, names what is wrong with a document by line, and creates the first version', async () => {
  const { page, complaints } = await visit(browser, app, '/admin/policies')
  await page.getByText('There is no policy yet').waitFor()
  await page.getByRole('link', { name: 'Write the first version' }).click()
  const editor = page.getByRole('textbox', { name: 'Document' })
  await page.getByText('The catalog is empty').waitFor()
  await importItems(app, items(ITEMS))

  await editor.fill('{"rules": [')
  await page.getByText('is not JSON').waitFor()
  const broken = structuredClone(POLICY)
  Object.assign(broken.rules[1] as object, { verdict: 'hidden' })
  const text = JSON.stringify(broken, null, 2)
  await editor.fill(text)
  const field = page.getByRole('button', { name: 'document.rules.1.verdict' })
  await field.waitFor()
  const line = text.split('\n').findIndex((each) => each.includes('hidden')) + 1
  await page.getByText(`(line ${line})`).waitFor()
  await field.click()
  const at = await editor.evaluate((area) => (area as unknown as { selectionStart: number }).selectionStart)
  expect(text.slice(at)).toMatch(/^"hidden"/)

  await page.getByLabel('Name').fill('Family')
  expect(await page.getByRole('button', { name: 'Create version' }).getAttribute('aria-disabled')).toBe('true')
  await editor.fill(JSON.stringify(POLICY, null, 2))
  await page.getByText('Beside no live version').waitFor()
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Create version' }).click()
  await page.getByText('nobody sees the version before it is prepared').waitFor()
  await confirm(page, 'Create version')
  await row(page, 'Versions', 'Family').getByText('Not prepared').waitFor()
  expect(complaints).toEqual([])
  await page.context().close()
})

it('goes the whole way by clicks: new version, prepare, progress, diff, promote, roll back', async () => {
  const [first] = (await call('GET', 'catalog-policies')).body
  const { runId } = await prepare({ call }, first.id)
  expect((await call('POST', `catalog-policy-runs/${runId}/promote`)).status).toBe(200)
  const before = await publicIds()

  const { page, complaints } = await visit(browser, app, '/admin/policies')
  await row(page, 'Versions', 'Family').getByText('Live').waitFor()
  await page.getByRole('link', { name: 'New version' }).click()
  await page.getByText('Begun with version 1, Family').waitFor()
  await page.getByLabel('Name').fill('Stricter')
  await page.getByRole('textbox', { name: 'Document' }).fill(JSON.stringify(STRICTER, null, 2))
  await page.getByText(/^Disappear: [1-9]/).click()
  await page
    .getByRole('row', { name: /Eligible.*Ineligible\s*bad/ })
    .first()
    .waitFor()
  await page.getByRole('button', { name: 'Create version' }).click()
  await page
    .getByRole('dialog')
    .getByRole('row', { name: /rules\.2/ })
    .waitFor()
  await confirm(page, 'Create version')

  const stricter = row(page, 'Versions', 'Stricter')
  await stricter.getByRole('button', { name: 'Prepare' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText(`All items (${ITEMS} at the last run)`).waitFor()
  await dialog.getByLabel('Items a batch').fill('10')
  await dialog.getByLabel('Pause (ms)').fill('2000')
  await confirm(page, 'Prepare', 'too much junk')
  await page.getByRole('heading', { name: 'Preparation of version 2', level: 1 }).waitFor()
  expect(await page.getByRole('combobox', { name: 'Environment' }).inputValue()).toBe('production')
  await page.getByText(/^[1-9]\d* \/ 200 items$/).waitFor()
  const promote = page.getByRole('button', { name: 'Promote', exact: true })
  expect(await promote.getAttribute('aria-disabled')).toBe('true')
  await promote.hover({ force: true })
  await page.getByRole('tooltip').getByText('the run is running, not a success').waitFor()
  expect(await page.getByRole('link', { name: 'Workflow' }).getAttribute('href')).toContain('reeval')

  await page.getByRole('button', { name: 'Pace' }).click()
  await dialog.getByLabel('Pause (ms)').fill('0')
  await confirm(page, 'Pace')
  await page.getByText(`${ITEMS} / ${ITEMS} items`).waitFor({ timeout: 15_000 })
  await page.getByText(`Of ${ITEMS} items`).waitFor()
  expect(await publicIds()).toEqual(before)
  await expectAccessible(page)

  await promote.click()
  await dialog.getByText(/Of 200 items, [1-9]\d* disappear and 0 appear/).waitFor()
  const going = Number(/, (\d+) disappear/.exec((await dialog.textContent()) ?? '')?.[1])
  await dialog.getByLabel('Items that may disappear at most').fill('1')
  await confirm(page, 'Promote')
  await dialog.getByText(`${going} items would disappear, more than 1`).first().waitFor()
  await dialog.getByLabel('Items that may disappear at most').fill(String(going))
  await confirm(page, 'Promote', 'agreed')
  await page.getByText('Promoted', { exact: true }).waitFor()
  const after = await publicIds()
  expect(after.length).toBe(before.length - going)

  await page.getByRole('link', { name: 'All policies' }).click()
  await stricter.getByText('Live').waitFor()
  const family = row(page, 'Versions', 'Family')
  await family.getByText('can be gone back to until').waitFor()
  await family.getByRole('button', { name: 'Roll back' }).click()
  await dialog.getByText(`${going} items appear again, 0 disappear.`).waitFor()
  await confirm(page, 'Roll back', 'too strict')
  await page.getByRole('heading', { name: 'Roll back to version 1', level: 1 }).waitFor()
  await page.getByText('Promoted', { exact: true }).waitFor()
  expect(await publicIds()).toEqual(before)
  expect((await call('GET', 'events?type=policy-promoted&limit=2')).body[1]).toMatchObject({ reason: 'agreed' })
  expect(complaints).toEqual([])
  await page.context().close()
})

it('cancels a run, resumes a failed one, and says why a run cannot be promoted', async () => {
  const { id } = await makePolicy(app)
  const slow = { batchSize: 10, delayMs: 5_000, parallelism: 1 }
  const { runId } = (await call('POST', `catalog-policies/${id}/prepare`, slow)).body
  const { page } = await visit(browser, app, `/admin/policies/runs/${runId}`)
  await page.getByRole('button', { name: 'Cancel', exact: true }).click()
  await page.getByText('It ends for good').waitFor()
  await confirm(page, 'Cancel')
  await page.getByText('Cancelled', { exact: true }).waitFor()
  expect(await page.getByRole('button', { name: 'Promote', exact: true }).count()).toBe(0)

  const again = (await call('POST', `catalog-policies/${id}/prepare`, slow)).body.runId
  await page.goto(`${app.url}/admin/policies/runs/${again}`)
  await page.getByRole('button', { name: 'Pace' }).waitFor()
  await asAlice(app.db, (tx) => failRun(tx, again, 'nothing was committed for five minutes'))
  await page.getByText('nothing was committed for five minutes').waitFor()
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByText(/It goes on with the \d+ items that are left/).waitFor()
  await confirm(page, 'Resume')
  await page.getByRole('button', { name: 'Pace' }).click()
  await page.getByRole('dialog').getByLabel('Pause (ms)').fill('0')
  await page.getByRole('dialog').getByLabel('Items a batch').fill('500')
  await confirm(page, 'Pace')
  await page.getByRole('button', { name: 'Promote', exact: true }).and(page.locator(':not([aria-disabled])')).waitFor()
  await prepare({ call }, id)
  await page.getByText('a newer run of this policy exists').waitFor()
  await page.context().close()
})

it('shows a viewer everything, and lets nothing be changed', async () => {
  expect((await call('POST', 'catalog-policies', { name: 'Looked at', document: STRICTER })).status).toBe(201)
  const { page } = await visit(browser, app, '/admin/policies', { role: 'viewer' })
  const button = row(page, 'Versions', 'Looked at').getByRole('button', { name: 'Prepare' })
  await button.waitFor()
  expect(await button.getAttribute('aria-disabled')).toBe('true')
  await page.getByRole('link', { name: 'Looked at' }).click()
  await settle(page)
  expect(await page.getByRole('textbox', { name: 'Document' }).inputValue()).toContain('"bad"')
  await page.getByText('No preview').waitFor()
  await page.context().close()
})
