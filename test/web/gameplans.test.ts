import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { startTestWorker } from '../helpers/worker.ts'
import { expectAccessible, openBrowser, settle, startWebApp, visit } from './browser.ts'
import { act, confirm } from './clicks.ts'
import { makeGameplan, makeRunningGameplan, streamedExport } from './gameplans.ts'

const app = await startWebApp({ INTERLOCK_TEMPORAL_UI_URL: 'http://127.0.0.1:8233/namespaces/default' })
await startTestWorker(app, app.databaseUrl)
const browser = await openBrowser()
const { call } = app

const flagOf = async (key: string) => (await call('GET', `flags/${key}`)).body

const node = (page: Page, id: string) => page.getByRole('button', { name: new RegExp(`^Patch ${id} `) })
const card = (page: Page, id: string) => page.getByRole('region', { name: `Patch ${id}`, exact: true })
const flagCard = (page: Page) => page.getByRole('region', { name: 'Flag', exact: true })

/** A patch in the graph, once it is what it should be. */
async function waitForState(page: Page, id: string, state: RegExp): Promise<void> {
  await page.getByRole('button', { name: new RegExp(`^Patch ${id} .*${state.source}`) }).waitFor()
}

async function merge(page: Page, id: string): Promise<void> {
  await node(page, id).click()
  await card(page, id).waitFor()
  await act(page, 'Mark as merged')
  await waitForState(page, id, /Merged/)
}

it('teaches what a gameplan is, judges a document as it is written, and keeps it once it can be run', async () => {
  const { page, complaints } = await visit(browser, app, '/admin/gameplans')
  await page.getByText('A gameplan is a Markdown document').waitFor()
  await page.getByRole('link', { name: 'Write one, beginning with the template' }).click()
  const editor = page.getByRole('textbox', { name: 'Markdown' })
  const findings = page.getByRole('region', { name: 'Findings', exact: true })
  const create = page.getByRole('button', { name: 'Create', exact: true })
  await findings.getByText('it cannot be run: placeholder').waitFor()
  expect(await findings.getByRole('button').count()).toBe(
    await findings.getByRole('button').filter({ hasText: 'placeholder' }).count(),
  )

  const markdown = await streamedExport()
  const broken = markdown.replace('- Patch 6 [BEHAVIOR] -> [5]', '- Patch 6 [BEHAVIOR] -> [5, 77]')
  await editor.fill(broken.replace('5 of 7 patches', '4 of 7 patches'))
  const unknown = findings.getByRole('button', { name: /graph-dependency-unknown/ })
  await unknown.waitFor()
  await findings.getByRole('button', { name: /insight-count/ }).waitFor()
  const line = broken.split('\n').findIndex((each) => each.includes('[5, 77]')) + 1
  expect(await page.locator('[data-severity="error"][data-line]').first().getAttribute('data-line')).toBe(String(line))
  await unknown.click()
  const selected = await editor.evaluate((area) => {
    const { value, selectionStart, selectionEnd } = area as unknown as Record<
      'selectionStart' | 'selectionEnd',
      number
    > & { value: string }
    return value.slice(selectionStart, selectionEnd)
  })
  expect(selected).toBe('77')
  expect(await create.getAttribute('aria-disabled')).toBe('true')
  await create.hover({ force: true })
  await page.getByRole('tooltip').getByText('graph-dependency-unknown').waitFor()

  await editor.fill(markdown)
  await findings.getByText('Nothing to object to').waitFor()
  await node(page, '3a').waitFor()
  await page.getByText('safe to ship: 5 of 7').waitFor()
  await expectAccessible(page)
  await create.click()
  await page.getByRole('dialog').getByText('as a draft, with 7 patches').waitFor()
  await confirm(page, 'Create')
  await page.getByRole('heading', { name: 'streamed-export', level: 1 }).waitFor()
  await page.getByText('Nothing happens before it is started.').waitFor()
  await node(page, '1').click()
  expect(await card(page, '1').getByRole('button', { name: 'Mark as merged' }).getAttribute('aria-disabled')).toBe(
    'true',
  )
  expect(complaints).toEqual([])
  await page.context().close()
})

it('goes the whole way by clicks: start, merge in order, the flag follows, revert, pause, resume, criteria, completed', async () => {
  const key = 'whole-way'
  const id = await makeGameplan(app, key)
  const { page, complaints } = await visit(browser, app, `/admin/gameplans/${id}`)
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText(`The flag ${key} is created, off, when Patch 1 is merged`).waitFor()
  await confirm(page, 'Start', 'agreed on Monday')
  await page.getByText('Patches 1, 2 and 3 can be merged.').waitFor()
  expect(await page.getByRole('link', { name: 'Workflow' }).getAttribute('href')).toContain('gameplan')

  await waitForState(page, '3a', /Waits for Patches 1, 2 and 3/)
  await node(page, '3a').click()
  const blocked = card(page, '3a').getByRole('button', { name: 'Mark as merged' })
  expect(await blocked.getAttribute('aria-disabled')).toBe('true')
  await blocked.hover({ force: true })
  await page.getByRole('tooltip').getByText('It waits for Patches 1, 2 and 3.').waitFor()

  await merge(page, '1')
  await flagCard(page).getByText('Created, off', { exact: true }).waitFor()
  expect((await flagOf(key)).enabled).toBe(false)
  for (const patch of ['2', '3', '3a', '4']) await merge(page, patch)
  await node(page, '5').click()
  await card(page, '5').getByRole('button', { name: 'Mark as merged' }).click()
  await dialog.getByText(`The flag ${key} is switched on at once.`).waitFor()
  await confirm(page, 'Mark as merged')
  await flagCard(page).getByText('Switched on', { exact: true }).waitFor()
  expect((await flagOf(key)).enabled).toBe(true)

  await card(page, '5').getByRole('button', { name: 'Revert' }).click()
  await dialog.getByText('the flag is switched off').waitFor()
  await confirm(page, 'Revert', 'exports broke')
  await flagCard(page).getByText('Created, off', { exact: true }).waitFor()
  await card(page, '5').getByText('exports broke').waitFor()
  expect((await flagOf(key)).enabled).toBe(false)

  await act(page, 'Pause', 'until the proxy is mended')
  await page.getByText('until the proxy is mended').first().waitFor()
  await merge(page, '5')
  expect((await flagOf(key)).enabled).toBe(false)
  await act(page, 'Resume')
  await flagCard(page).getByText('Switched on', { exact: true }).waitFor()

  await node(page, '6').click()
  await act(page, 'Skip')
  await page.getByText('It waits for 3 criteria and questions.').waitFor()
  for (const name of ['The first byte is sent', 'A client that goes away', 'answered with 410']) {
    const box = page.getByRole('checkbox', { name: new RegExp(name) })
    await box.click()
    await page.getByRole('checkbox', { name: new RegExp(name), checked: true }).waitFor()
  }
  await page.getByText('Completed', { exact: true }).waitFor()
  await page.getByRole('region', { name: 'History', exact: true }).getByText('Gameplan completed').waitFor()
  expect(await page.getByRole('button', { name: 'Pause', exact: true }).count()).toBe(0)
  await expectAccessible(page)
  expect(complaints).toEqual([])
  await page.context().close()
}, 60_000)

it('has questions answered in place, and shows all to a viewer as it happens, who can change nothing', async () => {
  const open = (await streamedExport()).replace(
    '- [x] Do we keep the checksum at the end? Yes, as a trailer.',
    '- [ ] Do we keep the checksum at the end?',
  )
  const id = await makeRunningGameplan(app, 'looked-at', open)
  const { page } = await visit(browser, app, `/admin/gameplans/${id}`)
  const viewer = (await visit(browser, app, `/admin/gameplans/${id}`, { role: 'viewer', dark: true })).page
  await viewer.getByRole('status').getByText('Live').waitFor()
  await waitForState(viewer, '3', /Ready/)

  const answer = page.getByRole('textbox', { name: /Do we keep the checksum/ })
  await answer.fill('Yes, as a trailer')
  await page.getByRole('button', { name: /^Answer: Do we keep/ }).click()
  await viewer.getByText('Yes, as a trailer ·').waitFor()
  await merge(page, '3')
  await waitForState(viewer, '3', /Merged/)
  await waitForState(viewer, '3a', /Ready/)

  await node(viewer, '3a').click()
  const button = card(viewer, '3a').getByRole('button', { name: 'Mark as merged' })
  expect(await button.getAttribute('aria-disabled')).toBe('true')
  await button.hover({ force: true })
  await viewer.getByText('This needs the role admin.').waitFor()
  await viewer.getByRole('checkbox', { name: /The first byte/ }).click({ force: true })
  await expectAccessible(viewer)
  expect((await call('GET', `gameplans/${id}`)).body.criteria[1]).toMatchObject({ done: false })
  await page.context().close()
  await viewer.context().close()
})

it('revises the document while it runs: says what changes, and names what contradicts what is merged', async () => {
  const id = await makeRunningGameplan(app, 'revised')
  const { page } = await visit(browser, app, `/admin/gameplans/${id}`)
  await page.getByRole('link', { name: 'Revise', exact: true }).click()
  const editor = page.getByRole('textbox', { name: 'Markdown' })
  const markdown = await editor.inputValue()
  const changes = page.getByRole('region', { name: 'What changes' })
  await editor.fill(markdown.replaceAll('Patch 1 [INFRA]', 'Patch 1 [GATED]'))
  await changes.getByRole('row', { name: /Patch 1\.class\s*INFRA\s*GATED/ }).waitFor()
  const keep = page.getByRole('button', { name: 'Keep the revision' }).and(page.locator(':not([aria-disabled])'))
  await keep.click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Keep the revision' }).click()
  await dialog.getByRole('list', { name: 'Contradictions' }).getByText('was merged as [INFRA]').waitFor()
  await dialog.getByRole('button', { name: 'Leave it' }).click()

  await editor.fill(
    markdown.replace('- Patch 6 [BEHAVIOR] -> [5]', '- Patch 6 [BEHAVIOR] -> [4]').replace('5 of 7', '4 of 7'),
  )
  await changes.getByRole('row', { name: /Patch 6\.waitsFor\s*5\s*4/ }).waitFor()
  await keep.click()
  await dialog.getByRole('button', { name: 'Keep the revision' }).click()
  await page.getByText('revision 2 of its document').waitFor()
  await waitForState(page, '6', /Waits for Patch 4/)
  await waitForState(page, '1', /Merged/)

  // What is wrong with it is said where it is, read or as text.
  const text = page.getByRole('region', { name: 'Text of the document' })
  await text.getByText('The sentence says 4 of 7').waitFor()
  await page.getByText('Text', { exact: true }).click()
  const line = markdown.split('\n').findIndex((each) => each.includes('5 of 7')) + 1
  await text.locator(`[data-line="${line}"][data-severity="error"]`).getByText('The sentence says 4 of 7').waitFor()
  await expectAccessible(page)
  await page.context().close()
})

it('is a list where there is no room for a graph, and is found by status and flag', async () => {
  const id = await makeRunningGameplan(app, 'in-the-list')
  const { page } = await visit(browser, app, '/admin/gameplans?status=running')
  await page.getByLabel('Flag', { exact: true }).fill('in-the-list')
  await page.getByText('1 in all').waitFor()
  await page.getByRole('region', { name: 'Gameplans' }).getByText('2 of 7 patches').waitFor()
  await page.context().close()

  const narrow = (await visit(browser, app, `/admin/gameplans/${id}`, { width: 390 })).page
  await settle(narrow)
  expect(await narrow.getByRole('region', { name: 'Dependency graph' }).isVisible()).toBe(false)
  await narrow.getByRole('button', { name: /^3a Read with a cursor/ }).click()
  await card(narrow, '3a').getByText('Waits for Patch 3').waitFor()
  await expectAccessible(narrow)
  await narrow.context().close()
})
