import { expect, it } from 'vitest'
import { loadDemoAccounts } from '../../dev/demo-accounts.ts'
import { createNoteSettings } from '../helpers/accounts.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'

it('the demo makes a thousand accounts, one of them huge, once; they can be used at once', async () => {
  const url = await createTestDatabase()
  const settings = await createNoteSettings()
  const env = { DATABASE_URL: url, ...settings }
  const { call, db } = await createTestApp(url, { settings })
  const made = await loadDemoAccounts(env)
  expect(made).toEqual({ accounts: 1_000, notes: expect.any(Number) })
  expect(await loadDemoAccounts(env)).toBeUndefined()
  expect(await one(db, 'SELECT count(*) FROM accounts')).toEqual({ count: 1_000 })
  expect((await call('GET', '/api/accounts/huge/notes?limit=200')).body).toHaveLength(200)
  const created = await call('POST', '/api/accounts/account-20/notes', { title: 'x', body: 'y' })
  expect(created.status).toBe(201)
  await call('PATCH', 'accounts/account-20', { isMigrating: true })
  expect((await call('GET', '/api/accounts/account-20/notes')).body).toMatchObject([{ title: 'x' }])
})
