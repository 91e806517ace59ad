import { expect, it } from 'vitest'
import { expectAccessible, openBrowser, startWebApp, visit } from './browser.ts'
import { confirm } from './clicks.ts'

const app = await startWebApp()
const browser = await openBrowser()
const { call } = app

async function open(path: string, look: Parameters<typeof visit>[3] = {}) {
  const { page, complaints } = await visit(browser, app, path, look)
  await page.getByRole('status').getByText('Live').waitFor()
  return { page, complaints, dialog: page.getByRole('dialog') }
}

it('a segment is created, edited, kept while a flag uses it, and deleted, seen by another browser', async () => {
  const { page, complaints, dialog } = await open('/admin/segments')
  const other = await open('/admin/segments', { dark: true, width: 390 })
  await page.getByText('There are no segments in production').waitFor()
  await page.getByRole('button', { name: 'Create a segment' }).click()
  await dialog.getByLabel('Key').fill('testers')
  await dialog.getByLabel('Description').fill('Who tests')
  await dialog.getByRole('button', { name: 'Add a constraint' }).click()
  await dialog.getByLabel('Field').fill('version')
  await dialog.getByLabel('Operator').selectOption('is at least version')
  await dialog.getByLabel('Version').fill('two')
  await dialog.getByRole('button', { name: 'Create a segment' }).click()
  await dialog.getByRole('alert').getByText('constraints.0.value', { exact: true }).waitFor()
  await dialog.getByLabel('Version').fill('2.0.0')
  await expectAccessible(page)
  await confirm(page, 'Create a segment')
  const row = page.getByRole('row', { name: /testers/ })
  await row.getByText('version is at least version 2.0.0').waitFor()
  await other.page.getByRole('row', { name: /testers/ }).waitFor()
  await expectAccessible(other.page)

  await row.getByRole('button', { name: 'Edit' }).click()
  await dialog.getByLabel('Operator').selectOption('is none of')
  for (const value of ['1.0.0', '1.1.0']) {
    await dialog.getByLabel('Values').fill(value)
    await page.keyboard.press('Enter')
  }
  await dialog.getByRole('row', { name: 'constraints.0.operator SEMVER_GTE NOT_IN' }).waitFor()
  await confirm(page, 'Edit', 'older ones are gone')
  await row.getByText('version is none of 1.0.0, 1.1.0').waitFor()

  await call('POST', 'flags', { key: 'shop' })
  const { body: strategy } = await call('POST', 'flags/shop/strategies', { name: 'default', segments: ['testers'] })
  await row.getByRole('button', { name: 'Delete' }).click()
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
  await dialog.getByRole('alert').getByText('of the strategies of shop use it').waitFor()
  await dialog.getByRole('button', { name: 'Leave it' }).click()
  await call('DELETE', `flags/shop/strategies/${strategy.id}`)
  await row.getByRole('button', { name: 'Delete' }).click()
  await confirm(page, 'Delete')
  await other.page.getByText('There are no segments in production').waitFor()
  const { body: events } = await call('GET', 'events?type=segment-updated')
  expect(events).toMatchObject([{ actor: 'alice', reason: 'older ones are gone' }])
  expect([...complaints, ...other.complaints]).toEqual([])
})

it('an API key is shown once, reads the flags of its environment, and is revoked', async () => {
  await call('POST', 'flags', { key: 'read', enabled: true })
  const { page, complaints, dialog } = await open('/admin/api-keys')
  await page.getByText('There are no keys of production').waitFor()
  await page.getByRole('button', { name: 'Make a key' }).click()
  await dialog.getByLabel('For').fill('shop')
  await dialog.getByLabel('Expires').fill('2020-01-01T00:00:00')
  await dialog.getByRole('button', { name: 'Make a key' }).click()
  await dialog.getByRole('alert').getByText('expiresAt', { exact: true }).waitFor()
  await dialog.getByLabel('Expires').fill('')
  await dialog.getByRole('button', { name: 'Make a key' }).click()
  await page.getByText('nobody can show it again').waitFor()
  const key = String(await dialog.locator('code').textContent())
  await expectAccessible(page)
  const ask = async () => {
    const headers = { 'x-api-key': key, 'content-type': 'application/json' }
    const body = JSON.stringify({ context: {} })
    return (await fetch(`${app.url}/ofrep/v1/evaluate/flags/read`, { method: 'POST', headers, body })).status
  }
  await expect.poll(ask).toBe(200)
  await dialog.getByRole('button', { name: 'I have it' }).click()
  const row = page.getByRole('row', { name: /shop/ })
  await row.getByText('Active').waitFor()
  expect(await page.content()).not.toContain(key)

  const viewer = await open('/admin/api-keys', { role: 'viewer' })
  const revoke = viewer.page.getByRole('button', { name: 'Revoke' })
  expect(await revoke.getAttribute('aria-description')).toContain('role admin')
  await row.getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('There is no way back but a new key.').waitFor()
  await confirm(page, 'Revoke', 'leaked')
  await viewer.page.getByRole('row', { name: /shop Revoked/ }).waitFor()
  await expect.poll(ask).toBe(401)
  expect(complaints).toEqual([])
})

it('an environment is made to ask for change requests, and then refuses what is direct', async () => {
  await call('POST', 'flags?environment=staging', { key: 'read' })
  const { page, complaints, dialog } = await open('/admin/environments')
  const row = page.getByRole('row', { name: /staging/ })
  await row.getByRole('button', { name: 'Edit' }).click()
  await dialog.getByLabel('Changes need a change request').check()
  await dialog.getByLabel('Approvals that a request needs').fill('2')
  await dialog.getByRole('row', { name: 'requiredApprovals 1 2' }).waitFor()
  await expectAccessible(page)
  await confirm(page, 'Edit')
  await row.getByText('On', { exact: true }).first().waitFor()
  expect((await call('PATCH', 'flags/read?environment=staging', { enabled: true })).body.type).toBe(
    '/problems/change-request-required',
  )
  expect(complaints).toEqual([])
})
