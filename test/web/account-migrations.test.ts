import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import type { NoteDatabases } from '../../store/notes/roles.ts'
import { addAccounts, contentOfAccount, createNoteSettings, startMigration } from '../helpers/accounts.ts'
import { one } from '../helpers/database.ts'
import { startTestWorker } from '../helpers/worker.ts'
import { expectAccessible, openBrowser, startWebApp, visit } from './browser.ts'
import { act, confirm } from './clicks.ts'

const app = await startWebApp({
  ...(await createNoteSettings()),
  INTERLOCK_TEMPORAL_UI_URL: 'http://127.0.0.1:8233/namespaces/default',
})
const [browser] = await Promise.all([openBrowser(), startTestWorker(app, app.databaseUrl)])
const { call } = app
const databases = app.notes?.databases as NoteDatabases & { current: NonNullable<NoteDatabases['current']> }

const read = async (id: string) => (await call('GET', `account-migrations/${id}`)).body
const idOf = (page: Page) => new URL(page.url()).pathname.split('/').at(-1) as string
const account = (page: Page, id: string) =>
  page.getByRole('region', { name: 'Accounts', exact: true }).getByRole('row', { name: new RegExp(`^${id} `) })
const cohort = (page: Page, name: string) => page.getByRole('listitem').filter({ hasText: name })

/** A migration of one account that does not end while somebody looks at it. */
async function slow(prefix: string) {
  const accounts = await addAccounts(app, prefix, [200, 1])
  const cohorts = accounts.map((id) => ({ accounts: [id] }))
  return { accounts, migration: await startMigration(app, { name: prefix, cohorts, batchSize: 1, delayMs: 300 }) }
}

describe('a migration', () => {
  it('is refused with the names of older instances, then moves, is verified and goes back, by clicks', async () => {
    const [first = '', second = ''] = await addAccounts(app, 'shop', [40, 20])
    await one(
      app.db,
      `INSERT INTO note_instances (id, kind, host, build, protocol, role, lease_until)
       VALUES (uuidv7(), 'api', 'old-host', 'build-7', 0, 'older', now() + interval '1 hour')`,
    )
    const { page, complaints } = await visit(browser, app, '/admin/account-migrations')
    await page.getByText('No account has been moved').waitFor()
    await page.getByRole('row', { name: /api old-host .* build-7/ }).waitFor()
    await page.getByRole('button', { name: 'Start a migration' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('The shops')
    await dialog.getByRole('button', { name: 'Remove cohort 3' }).click()
    for (const [place, id] of [first, second].entries()) {
      await dialog.getByLabel(`Cohort ${place + 1} is`).selectOption('Accounts by name')
      await dialog.getByLabel(`Accounts of cohort ${place + 1}`).fill(id)
    }
    await dialog.getByLabel('Minutes between').fill('0')
    await expectAccessible(page)
    await dialog.getByRole('button', { name: 'Start a migration' }).click()
    await dialog.getByText('api old-host, build build-7').waitFor()
    await dialog.getByText('wait until its lease is over').waitFor()
    await one(app.db, `DELETE FROM note_instances WHERE host = 'old-host'`)
    await dialog.getByRole('button', { name: 'Start a migration' }).click()

    // The worker moves it, not the click.
    await page.getByRole('heading', { name: 'The shops', level: 1 }).waitFor()
    await page.evaluate('window.opened = true')
    await page.getByText('Done', { exact: true }).waitFor({ timeout: 20_000 })
    await cohort(page, '2. 1 account by name').getByText('Moved').waitFor()
    await account(page, first).getByText('40 of 40').waitFor()
    await page.getByText(/Can be rolled back until/).waitFor()
    await page.getByRole('cell', { name: 'Account migration done' }).waitFor()
    expect(await page.getByRole('link', { name: 'Workflow' }).getAttribute('href')).toContain(
      encodeURIComponent((await read(idOf(page))).workflowId),
    )
    await act(page, 'Verify')
    await page.getByText('2 accounts compared, no difference').waitFor()

    const viewer = await visit(browser, app, new URL(page.url()).pathname, { role: 'viewer', dark: true, width: 390 })
    await viewer.page.getByText('Done', { exact: true }).waitFor()
    const refused = viewer.page.getByRole('button', { name: 'Roll back' })
    expect(await refused.getAttribute('aria-description')).toContain('role admin')
    await page.getByRole('button', { name: 'Roll back' }).click()
    await dialog.getByText('2 accounts with 60 notes go back to the legacy store').waitFor()
    await confirm(page, 'Roll back', 'too slow')
    await viewer.page.getByText('Rolled back', { exact: true }).waitFor({ timeout: 20_000 })
    await page.getByText('Taken back', { exact: true }).first().waitFor()
    await expectAccessible(viewer.page)
    expect((await contentOfAccount(databases, first)).legacy).toHaveLength(40)
    const { body: events } = await call('GET', `events?runId=${idOf(page)}&type=account-migration-rollback`)
    expect(events).toMatchObject([{ actor: 'alice', reason: 'too slow' }])

    await account(page, first).getByRole('link').click()
    await page.getByText('All notes are in the legacy store, as if there were one').waitFor()
    await page.getByRole('row').filter({ hasText: 'mode migrating → done' }).first().waitFor()
    expect(await page.evaluate('window.opened')).toBe(true)
    expect([...complaints, ...viewer.complaints]).toEqual([])
  })

  it('is paced, paused, resumed and stopped, and shows of which status its accounts are', async () => {
    const { accounts, migration } = await slow('bank')
    const { page } = await visit(browser, app, `/admin/account-migrations/${migration.id}`)
    await account(page, accounts[0] as string)
      .getByText('Moving')
      .waitFor()
    await page.getByRole('button', { name: 'Pace', exact: true }).click()
    await page.getByRole('dialog').getByLabel('Notes a batch').fill('2')
    await confirm(page, 'Pace')
    await page.getByText('batches of 2, 300 ms of pause').waitFor()
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await page.getByText('1 account under way stays between the stores').waitFor()
    await confirm(page, 'Pause', 'lunch')
    await page.getByRole('alert').filter({ hasText: 'lunch' }).waitFor()
    await cohort(page, '1. 1 account by name').getByText('Paused here').waitFor()
    await page.getByRole('radiogroup', { name: 'Which accounts' }).getByText('Not begun').click()
    await account(page, accounts[0] as string).waitFor({ state: 'detached' })
    await account(page, accounts[1] as string).waitFor()
    expect(page.url()).toContain('accounts=pending')
    await act(page, 'Resume')
    await page.getByText('Running', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.getByText('1 account is never begun').waitFor()
    await confirm(page, 'Stop', 'not today')
    await page.getByText('Stopped here').waitFor()
    expect(await read(migration.id)).toMatchObject({ status: 'stopped', reason: 'not today' })
    for (const command of ['rollback', 'stop']) await call('POST', `account-migrations/${migration.id}/${command}`)
    await page.getByText('Stopped on its way back').waitFor()
    await page.getByRole('button', { name: 'Roll back' }).click()
    await confirm(page, 'Roll back', 'after all')
    await page.getByText('Rolled back', { exact: true }).waitFor({ timeout: 20_000 })
  })

  it('that halts names what differs, and goes on when that is mended', async () => {
    const [id = ''] = await addAccounts(app, 'planted', [20])
    const [note] = (await contentOfAccount(databases, id)).legacy[7]?.split(' ') ?? []
    const plant = `INSERT INTO notes (account_id, id, title, body) VALUES ($1, $2, 'planted', '')`
    await databases.current.pool.query(plant, [id, note])
    const migration = await startMigration(app, { name: 'Planted', cohorts: [{ accounts: [id] }] })
    const { page } = await visit(browser, app, '/admin/account-migrations')
    await page
      .getByRole('row', { name: /Planted/ })
      .getByText('Halted')
      .waitFor()
    await page.getByRole('link', { name: 'Planted' }).click()
    const differs = new RegExp(`${id} ${note} the stores hold different things of one version 1 1`)
    await page.getByRole('region', { name: 'What it halted with' }).getByRole('row', { name: differs }).waitFor()
    await act(page, 'Verify')
    await page.getByRole('region', { name: 'Differences' }).getByRole('row', { name: differs }).waitFor()
    await databases.current.pool.query('DELETE FROM notes WHERE account_id = $1 AND id = $2', [id, note])
    await databases.current.pool.query('DELETE FROM note_tombstones WHERE account_id = $1 AND id = $2', [id, note])
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByText('swept anew from their beginning').waitFor()
    await confirm(page, 'Resume')
    await page.getByText('Done', { exact: true }).waitFor({ timeout: 20_000 })
    expect((await read(migration.id)).findings).toEqual([])
  })
})

it('an account is created, renamed, and led through its modes by hand; what the API refuses is said in place', async () => {
  const { page, complaints } = await visit(browser, app, '/admin/accounts')
  await page.getByRole('button', { name: 'Create an account' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Account').fill('lone')
  await dialog.getByLabel('Name').fill('Lone Star')
  await dialog.getByRole('button', { name: 'Create an account' }).click()
  await page.getByRole('heading', { name: 'lone', level: 1 }).waitFor()
  await page.getByRole('row', { name: /Account created alice/ }).waitFor()

  await page.getByRole('button', { name: 'Rename' }).click()
  await dialog.getByLabel('Name').fill('Lone Star Inc.')
  await confirm(page, 'Rename')
  await page.getByText('Lone Star Inc.').first().waitFor()
  await act(page, 'Make ready')
  await act(page, 'Begin to move', 'needs it today')
  await page
    .getByRole('row', { name: /needs it today/ })
    .filter({ hasText: 'mode ready → migrating' })
    .waitFor()
  await databases.legacy.pool.query(
    `INSERT INTO notes (account_id, id, title, body) VALUES ('lone', gen_random_uuid(), 'late', '')`,
  )
  await page.getByRole('button', { name: 'Set to done' }).click()
  await dialog.getByRole('button', { name: 'Set to done' }).click()
  await dialog.getByRole('alert').getByText('legacy').first().waitFor()
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Leave it' }).click()
  await act(page, 'Take back')
  await act(page, 'Set to off')
  await page.getByText('All notes are in the legacy store, as if there were one').waitFor()
  const { body: events } = await call('GET', 'events?accountId=lone')
  expect(events.map(({ type, data }: { type: string; data: { after: object } }) => [type, data.after])).toEqual([
    ['account-mode-changed', { mode: 'off' }],
    ['account-mode-changed', { mode: 'rollback' }],
    ['account-mode-changed', { mode: 'migrating' }],
    ['account-mode-changed', { mode: 'ready' }],
    ['account-updated', { name: 'Lone Star Inc.' }],
    ['account-created', { name: 'Lone Star' }],
  ])
  await page.getByRole('link', { name: 'Accounts', exact: true }).click()
  await page.getByRole('radiogroup', { name: 'In which mode' }).getByText('off', { exact: true }).click()
  await page.getByRole('row', { name: /lone Lone Star Inc\. off/ }).waitFor()
  expect(complaints).toEqual([])
})
