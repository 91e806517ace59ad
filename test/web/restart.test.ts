import { expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { openBrowser, startWebApp, visit } from './browser.ts'

const web = await startWebApp()
const browser = await openBrowser()

it('goes on when the server is restarted under an open page, without a reload', { timeout: 60_000 }, async () => {
  await web.call('POST', 'flags', { key: 'restarted' })
  const { page } = await visit(browser, web, '/admin/flags')
  const mark = page.getByRole('status')
  await mark.getByText('Live').waitFor()
  await page.evaluate('window.opened = true')
  const row = page.getByRole('row', { name: /restarted/ })
  await row.getByText('Off').waitFor()

  await web.app.close()
  await mark.getByText('Every 5 s').waitFor()
  await page.getByText('The API does not answer').waitFor({ timeout: 30_000 })
  // What was read stays.
  await row.getByText('Off').waitFor()

  const again = await createTestApp(web.databaseUrl)
  await again.call('PATCH', 'flags/restarted', { enabled: true })
  await again.app.listen({ port: Number(new URL(web.url).port), host: '127.0.0.1' })
  await mark.getByText('Live').waitFor({ timeout: 20_000 })
  await row.getByText('On').waitFor()
  await page.getByText('The API does not answer').waitFor({ state: 'detached' })
  await again.call('PATCH', 'flags/restarted', { enabled: false })
  await row.getByText('Off').waitFor({ timeout: 4_000 })
  expect(await page.evaluate('window.opened')).toBe(true)
  await page.context().close()
})

it('reads what is shown again every 5 s while only the stream is down', { timeout: 60_000 }, async () => {
  const other = await startWebApp()
  await other.call('POST', 'flags', { key: 'polled' })
  const { page } = await visit(browser, other, '/admin/operations')
  await page.route('**/api/admin/stream', (route) => route.abort())
  await page.goto(`${other.url}/admin/flags`)
  await page.getByRole('status').getByText('Every 5 s').waitFor()
  const row = page.getByRole('row', { name: /polled/ })
  await row.getByText('Off').waitFor()
  await other.call('PATCH', 'flags/polled', { enabled: true })
  await row.getByText('On').waitFor()
  await page.getByRole('status').getByText('Every 5 s').waitFor()
  await page.context().close()
})
