import { describe, expect, it } from 'vitest'
import { changeRequests } from '../helpers/change-requests.ts'
import { milestones } from '../helpers/release-plans.ts'
import { startTestWorker } from '../helpers/worker.ts'
import { expectAccessible, openBrowser, startWebApp, visit } from './browser.ts'
import { act, choose, confirm } from './clicks.ts'

const app = await startWebApp()
const [browser] = await Promise.all([openBrowser(), startTestWorker(app, app.databaseUrl)])

const asBob = { ...app, token: (role: string | null) => app.token(role, 'bob') }

describe('a change request', () => {
  it('is made out of a refused change, approved by somebody else, and applied', async () => {
    const requests = await changeRequests(app)
    await requests.newFlag('search')
    const { page, complaints } = await visit(browser, app, `/admin/flags/search?env=${requests.environment}`)
    await page.getByRole('button', { name: 'Switch on' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Switch on' }).click()
    await dialog.getByText('The environment takes changes by change requests only').waitFor()
    await dialog.getByLabel('Title of the request').fill('Search for all')
    await expectAccessible(page)
    await dialog.getByRole('button', { name: 'Ask for it instead' }).click()

    await page.getByRole('heading', { name: 'Search for all', level: 1 }).waitFor()
    await page.getByRole('row', { name: 'enabled false true' }).waitFor()
    expect(await requests.flag('search')).toMatchObject({ enabled: false })
    await act(page, 'Submit')
    const other = await visit(browser, asBob, new URL(page.url()).pathname + new URL(page.url()).search)
    await act(other.page, 'Approve')
    await page.getByText('Approvals: 1 of 1').waitFor()
    await act(page, 'Apply')
    await other.page.getByText('Applied', { exact: true }).waitFor()
    expect(await requests.flag('search')).toMatchObject({ enabled: true })
    expect([...complaints, ...other.complaints]).toEqual([])
  })

  it('takes a refused deletion with its parameters into a draft that is there', async () => {
    const requests = await changeRequests(app)
    await requests.newFlag('export')
    const made = await requests.as('alice', 'POST', requests.base, { title: 'Spring cleaning' })
    const { page } = await visit(browser, app, `/admin/flags/export?env=${requests.environment}`)
    await page.getByRole('button', { name: 'Archive' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Archive' }).click()
    await dialog.getByLabel('Put it into').selectOption('the draft “Spring cleaning”')
    await dialog.getByRole('button', { name: 'Ask for it instead' }).click()
    await page.getByRole('heading', { name: 'Spring cleaning', level: 1 }).waitFor()
    await page.getByRole('heading', { name: 'Archive the flag export' }).waitFor()
    const { body } = await app.call('GET', `${requests.base}/${made.body.id}`)
    expect(body.changes).toMatchObject([{ action: 'archiveFlag', flagKey: 'export', payload: {} }])
  })

  it('takes a refused change of a milestone’s strategy, whose plan it does not name', async () => {
    const requests = await changeRequests(app)
    await requests.newFlag('stepwise')
    const { body: plan } = await requests.directly(() =>
      app.call('POST', `flags/stepwise/release-plans${requests.at}`, { name: 'Stepwise', milestones: milestones(1) }),
    )
    const address = `/admin/release-plans/stepwise/${plan.id}?env=${requests.environment}`
    const { page } = await visit(browser, app, address)
    await page.getByText('Strategies', { exact: true }).click()
    await page.getByRole('button', { name: 'Change', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Share').fill('15')
    await dialog.getByRole('button', { name: 'Change', exact: true }).click()
    await dialog.getByRole('button', { name: 'Ask for it instead' }).click()
    await page.getByRole('heading', { name: 'Change a strategy of stepwise', level: 3 }).waitFor()
    const { body: drafts } = await app.call('GET', requests.base)
    const { body } = await app.call('GET', `${requests.base}/${drafts[0].id}`)
    const strategyId = plan.milestones[0].strategies[0].id
    expect(body.changes).toMatchObject([
      { action: 'updateStrategy', payload: { strategyId, parameters: { rollout: '15' } } },
    ])
  })

  it('is written from nothing: changes are added, edited and taken out, its text is edited, and the draft deleted', async () => {
    const requests = await changeRequests(app)
    await requests.newFlag('player')
    const { page, complaints } = await visit(browser, app, `/admin/change-requests?env=${requests.environment}`)
    await page.getByText('There are no change requests in').waitFor()
    await page.getByRole('button', { name: 'Make a request' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Title').fill('The player')
    await confirm(page, 'Make a request')
    await page.getByText('It changes nothing yet').waitFor()

    const flag = dialog.getByRole('combobox', { name: 'Flag' })
    const add = async (what: string, fill: () => Promise<unknown>) => {
      await page.getByRole('button', { name: 'Add a change' }).click()
      await dialog.getByLabel('What', { exact: true }).selectOption(what)
      await fill()
      await confirm(page, 'Add a change')
    }
    await add('Change the flag …', async () => {
      await choose(page, flag, 'player')
      await dialog.getByLabel('State').selectOption('On')
      await dialog.getByLabel('Rollout').fill('25')
    })
    await page.getByRole('row', { name: 'rolloutPercentage 100 25' }).waitFor()
    await add('Add a strategy to …', async () => {
      await choose(page, flag, 'player')
      await dialog.getByLabel('Title').fill('Staff')
      await dialog.getByLabel('For', { exact: true }).selectOption('Users by id')
      await dialog.getByLabel('Ids').fill('17, 23')
      await expectAccessible(page)
    })
    await page.getByRole('row', { name: /userIds 17, 23/ }).waitFor()
    await add('Schedule a change of …', async () => {
      await choose(page, flag, 'player')
      await dialog.getByLabel('Due').fill('2099-03-01T09:00:00')
      await dialog.getByLabel('State').selectOption('Off')
    })
    await page.getByRole('heading', { name: '3 changes, applied together' }).waitFor()
    // What the API refuses of a change is said in the dialog, field by field.
    await page.getByRole('button', { name: 'Add a change' }).click()
    await dialog.getByLabel('What', { exact: true }).selectOption('Create a segment …')
    await dialog.getByLabel('Payload').fill('{"key": "no spaces please", "constraints": []}')
    await dialog.getByRole('button', { name: 'Add a change' }).click()
    await dialog.getByText('payload.key', { exact: true }).waitFor()
    await dialog.getByRole('button', { name: 'Leave it' }).click()

    const change = (name: string) => page.getByRole('region', { name })
    await change('updateFlag player').getByRole('button', { name: 'Edit' }).click()
    await dialog.getByLabel('Rollout').fill('50')
    await confirm(page, 'Edit')
    await page.getByRole('row', { name: 'rolloutPercentage 100 50' }).waitFor()
    await change('createSchedule player').getByRole('button', { name: 'Remove' }).click()
    await page.getByText('2 of its changes are left').waitFor()
    await confirm(page, 'Remove')
    await page.getByRole('heading', { name: '2 changes, applied together' }).waitFor()

    await page.getByRole('button', { name: 'Edit', exact: true }).first().click()
    await dialog.getByLabel('Description').fill('As agreed on Monday')
    await confirm(page, 'Edit')
    await page.getByText('As agreed on Monday').waitFor()
    const { body: drafts } = await app.call('GET', requests.base)
    const { body: draft } = await app.call('GET', `${requests.base}/${drafts[0].id}`)
    expect(draft.changes.map(({ action, payload }: { action: string; payload: object }) => [action, payload])).toEqual([
      ['updateFlag', { enabled: true, rolloutPercentage: 50 }],
      [
        'addStrategy',
        expect.objectContaining({ name: 'userWithId', title: 'Staff', parameters: { userIds: '17, 23' } }),
      ],
    ])
    await page.getByRole('button', { name: 'Delete the draft' }).click()
    await page.getByText('its 2 changes are gone').waitFor()
    await confirm(page, 'Delete the draft')
    await page.getByText('There are no change requests in').waitFor()
    expect(complaints).toEqual([])
  })
})
