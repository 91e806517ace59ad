import { expect, it } from 'vitest'
import { expectAccessible, openBrowser, startWebApp, visit } from './browser.ts'
import { act, choose, confirm } from './clicks.ts'

const app = await startWebApp()
const browser = await openBrowser()
const { call } = app

it('a template is written, made into a plan, edited and archived, by clicks', async () => {
  await call('POST', 'flags', { key: 'search', enabled: true })
  const { page, complaints } = await visit(browser, app, '/admin/release-plan-templates')
  await page.getByText('There is no template yet').waitFor()
  await page.getByRole('link', { name: 'Write a template' }).click()
  const create = page.getByRole('button', { name: 'Create the template' })
  expect(await create.getAttribute('aria-description')).toContain('needs a name')
  await page.getByLabel('Name', { exact: true }).fill('Careful')
  await page.getByLabel('Milestone 1').fill('A fifth')
  const first = page.getByRole('listitem').filter({ has: page.getByLabel('Milestone 1') })
  await first.getByText('10 % of users').click()
  await first.getByLabel('Share').fill('20')
  await first.getByText('20 % of users').waitFor()
  await first.getByLabel('Goes on after').fill('2')
  await page.getByRole('button', { name: 'Add a milestone' }).click()
  await page.getByLabel('Milestone 4').fill('For good')
  await expectAccessible(page)
  await act(page, 'Create the template')
  await page.getByRole('heading', { name: 'Careful', level: 1 }).waitFor()
  const [template] = (await call('GET', 'release-plan-templates')).body
  expect(template).toMatchObject({
    name: 'Careful',
    milestones: [
      {
        name: 'A fifth',
        strategies: [{ name: 'flexibleRollout', parameters: { rollout: '20' } }],
        progression: { afterSeconds: 7200, approval: true },
      },
      { name: 'Half', progression: { afterSeconds: 86_400, approval: false } },
      { name: 'Everybody', progression: null },
      { name: 'For good', progression: null },
    ],
  })

  await page.getByRole('link', { name: 'Release plans', exact: true }).click()
  await page.getByRole('button', { name: 'Create a plan' }).click()
  const dialog = page.getByRole('dialog')
  await choose(page, dialog.getByRole('combobox', { name: 'Flag' }), 'search')
  await dialog.getByRole('listitem').filter({ hasText: 'Half' }).getByText('Starts after 2 h and an approval').waitFor()
  await dialog.getByLabel('Times count from').selectOption('actual')
  await expectAccessible(page)
  await confirm(page, 'Create a plan')
  await page.getByText('Nothing has changed for users.').waitFor()

  // Of another one, nobody overwrites what they have not seen.
  const other = await visit(browser, app, `/admin/release-plan-templates/${template.id}`)
  await other.page.getByLabel('Name', { exact: true }).fill('Very careful')
  await other.page.getByRole('button', { name: 'Save' }).click()
  await call('PUT', `release-plan-templates/${template.id}`, { name: 'Careful', milestones: template.milestones })
  await other.page.getByText('It was changed meanwhile').waitFor()
  await other.page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await other.page.getByText('Look at what it is now, and decide again.', { exact: true }).waitFor()
  await other.page.getByRole('button', { name: 'Leave it' }).click()
  await act(other.page, 'Save', 'more careful')
  await other.page.getByRole('heading', { name: 'Very careful', level: 1 }).waitFor()
  await act(other.page, 'Archive')
  await other.page.getByText('It makes no plans any more').waitFor()
  expect((await call('GET', 'release-plan-templates')).body).toEqual([])
  expect([...complaints, ...other.complaints]).toEqual([])
})

it('a plan’s milestones and strategies are edited, and what watches it is added and removed', async () => {
  await call('POST', 'flags', { key: 'player', enabled: true })
  const milestones = [
    { name: 'A tenth', strategies: [{ name: 'flexibleRollout', parameters: { rollout: '10' } }] },
    { name: 'Everybody', strategies: [{ name: 'default' }] },
  ]
  const { body: plan } = await call('POST', 'flags/player/release-plans', { name: 'Player', milestones })
  const { page, complaints } = await visit(browser, app, `/admin/release-plans/player/${plan.id}`)
  const step = (name: string) => page.getByRole('listitem').filter({ hasText: name }).first()
  await step('A tenth').getByRole('button', { name: 'Edit' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('A few')
  await dialog.getByLabel('and an approval').check()
  await confirm(page, 'Edit')
  await step('Everybody').getByText('Starts after an approval').waitFor()

  await step('A few').getByText('Strategies').click()
  await step('A few').getByRole('button', { name: 'Change' }).click()
  await dialog.getByLabel('Share').fill('15')
  await dialog.getByText('nobody sees a difference until it starts').waitFor()
  await confirm(page, 'Change')
  await step('A few').getByRole('button', { name: 'Add a strategy' }).click()
  await dialog.getByLabel('For', { exact: true }).selectOption('Users by id')
  await dialog.getByLabel('Ids').fill('17')
  await confirm(page, 'Add a strategy')
  await step('A few').getByText('1 user id').first().waitFor()
  await step('A few').getByRole('button', { name: 'Remove' }).first().click()
  await confirm(page, 'Remove')
  await step('A few').getByText('15 % of users').first().waitFor({ state: 'detached' })
  expect((await call('GET', `flags/player/release-plans/${plan.id}`)).body.milestones[0]).toMatchObject({
    name: 'A few',
    progression: { approval: true },
    strategies: [{ name: 'userWithId', parameters: { userIds: '17' } }],
  })

  await page.getByRole('button', { name: 'Add a safeguard' }).click()
  await dialog.getByLabel('Metric').fill('errors')
  await dialog.getByLabel('Threshold').fill('0.02')
  await expectAccessible(page)
  await confirm(page, 'Add a safeguard')
  const safeguard = page.getByRole('row', { name: /errors > 0\.02 pauses the plan/ })
  await safeguard.getByRole('button', { name: 'Remove' }).click()
  await confirm(page, 'Remove')
  await page.getByText('Nothing watches this plan').waitFor()
  expect(complaints).toEqual([])
})
