import { expect, it } from 'vitest'
import { startTestWorker } from '../helpers/worker.ts'
import { expectAccessible, openBrowser, startWebApp, visit } from './browser.ts'
import { berlin, choose, confirm } from './clicks.ts'

const app = await startWebApp()
const [browser] = await Promise.all([openBrowser(), startTestWorker(app, app.databaseUrl)])
const { call } = app

const inSeconds = (seconds: number) => new Date(Math.ceil(Date.now() / 1_000) * 1_000 + seconds * 1_000)

async function open(path: string, look: Parameters<typeof visit>[3] = {}) {
  const { page, complaints } = await visit(browser, app, path, look)
  await page.getByRole('status').getByText('Live').waitFor()
  return { page, complaints, dialog: page.getByRole('dialog') }
}

it('several flags are released at one instant, which two browsers see', async () => {
  for (const key of ['cart', 'checkout']) await call('POST', 'flags', { key })
  const { page, complaints, dialog } = await open('/admin/releases')
  const other = await open('/admin/releases', { role: 'viewer', dark: true, width: 390 })
  await page.getByText('There are no releases').waitFor()
  await page.getByRole('button', { name: 'Create a release' }).click()
  const change = (n: number) => dialog.getByRole('group', { name: `change ${n}` })
  await choose(page, change(1).getByRole('combobox', { name: 'Flag' }), 'cart')
  await change(1).getByLabel('State').selectOption('On')
  await choose(page, change(2).getByRole('combobox', { name: 'Flag' }), 'checkout')
  await change(2).getByLabel('Rollout').fill('25')
  await dialog.getByLabel('Due').fill('2020-01-01T00:00:00')
  await dialog.getByRole('button', { name: 'Create a release' }).click()
  await dialog.getByRole('alert').getByText('scheduledAt', { exact: true }).waitFor()
  await dialog.getByLabel('Due').fill(berlin(inSeconds(3_600)))
  await change(1).getByRole('row', { name: 'enabled false true' }).waitFor()
  await change(2).getByRole('row', { name: 'rolloutPercentage 100 25' }).waitFor()
  await dialog.getByText('cart On; checkout 25 %. If one cannot be changed, none is.').waitFor()
  await expectAccessible(page)
  await confirm(page, 'Create a release', 'the new shop')
  await page.getByRole('heading', { name: 'Release of 2 flags', level: 1 }).waitFor()
  await other.page.getByRole('row', { name: /cart On; checkout 25 %/ }).waitFor()
  const blocked = other.page.getByRole('button', { name: 'Cancel' })
  expect(await blocked.getAttribute('aria-description')).toContain('role admin')
  await expectAccessible(other.page)

  await page.getByRole('button', { name: 'Move' }).click()
  await dialog.getByLabel('Due').fill(berlin(inSeconds(4)))
  await dialog.getByRole('row', { name: /^scheduledAt/ }).waitFor()
  await confirm(page, 'Move')
  await page.getByText(/, as revision \d+/).waitFor()
  await other.page.getByRole('row', { name: /Applied/ }).waitFor()
  const flags = (await call('GET', 'flags')).body
  expect(flags).toMatchObject([
    { key: 'cart', enabled: true },
    { key: 'checkout', rolloutPercentage: 25 },
  ])
  expect(flags[0].revision).toBe(flags[1].revision)
  await page.getByRole('link', { name: 'cart' }).click()
  await page.getByRole('heading', { name: 'cart', level: 1 }).waitFor()
  expect([...complaints, ...other.complaints]).toEqual([])
})

it('a release is cancelled as a whole, not flag by flag', async () => {
  for (const key of ['one', 'two']) await call('POST', 'flags', { key })
  const scheduledAt = inSeconds(3_600).toISOString()
  const changes = ['one', 'two'].map((flagKey) => ({ flagKey, updates: { enabled: true } }))
  const { body } = await call('POST', 'releases', { scheduledAt, changes, comment: 'Both or none' })
  const flag = await open('/admin/flags/one')
  for (const name of ['Edit', 'Cancel']) {
    const part = flag.page.getByLabel('Schedules, in the order').getByRole('button', { name })
    expect(await part.getAttribute('aria-description')).toContain('a release of several flags')
  }
  const { page } = await open('/admin/releases?status=pending')
  const row = page.getByRole('row', { name: /Both or none/ })
  await row.getByRole('button', { name: 'Cancel' }).click()
  await page.getByText('Its changes of 2 flags (one On; two On)').waitFor()
  await confirm(page, 'Cancel', 'not this week')
  await page.getByText('None is pending').waitFor()
  await flag.page.getByText('No change is scheduled').waitFor()
  expect((await call('GET', `releases/${body.id}`)).body.status).toBe('cancelled')
})
