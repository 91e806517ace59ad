import { describe, expect, it } from 'vitest'
import { expectAccessible, openBrowser, startWebApp, visit } from './browser.ts'
import { berlin, choose, confirm } from './clicks.ts'

const app = await startWebApp()
const browser = await openBrowser()
const { call } = app

async function made(path: string, body: object) {
  const answer = await call('POST', path, body)
  expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  return answer.body
}

const strategiesOf = async (flagKey: string) => (await call('GET', `flags/${flagKey}/strategies`)).body

async function open(path: string, look: Parameters<typeof visit>[3] = {}) {
  const { page, complaints } = await visit(browser, app, path, look)
  await page.getByRole('status').getByText('Live').waitFor()
  return { page, complaints, dialog: page.getByRole('dialog') }
}

describe('a flag', () => {
  it('is created, and edited with variants and what it depends on', async () => {
    await made('flags', { key: 'accounts', enabled: true })
    const { page, complaints, dialog } = await open('/admin/flags')
    await page.getByRole('button', { name: 'Create a flag' }).click()
    await dialog.getByLabel('Key').fill('not a key')
    await dialog.getByRole('button', { name: 'Create a flag' }).click()
    await dialog.getByRole('alert').getByText('key', { exact: true }).waitFor()
    await dialog.getByLabel('Key').fill('checkout')
    await dialog.getByLabel('Description').fill('One page')
    await dialog.getByLabel('On from the start').check()
    await confirm(page, 'Create a flag', 'as planned')
    await page.getByRole('heading', { name: 'checkout', level: 1 }).waitFor()

    await page.getByRole('button', { name: 'Edit', exact: true }).click()
    await dialog.getByLabel('Description').fill('One page instead of three')
    await dialog.getByRole('button', { name: 'Add a variant' }).click()
    await dialog.getByLabel('Name', { exact: true }).fill('blue')
    await dialog.getByLabel('Value', { exact: true }).selectOption('Number')
    await dialog.getByLabel('What it is').fill('12')
    await dialog.getByRole('button', { name: 'Add a variant' }).click()
    const second = dialog.getByRole('group', { name: 'variant 2' })
    await second.getByLabel('Name', { exact: true }).fill('green')
    await second.getByLabel(/^Weight/).fill('300')
    await second.getByText('75 %').waitFor()
    await dialog.getByRole('button', { name: 'Add a dependency' }).click()
    await choose(page, dialog.getByRole('combobox', { name: 'Flag' }), 'accounts')
    await dialog.getByText('Of 20 users, 20 get something else: on for 20 before, 20 after').waitFor()
    await dialog.getByRole('row', { name: /description One page One page instead of three/ }).waitFor()
    await expectAccessible(page)
    await confirm(page, 'Edit')
    expect((await call('GET', 'flags/checkout')).body).toMatchObject({
      description: 'One page instead of three',
      enabled: true,
      variants: [
        { name: 'blue', weight: 100, payload: { type: 'number', value: '12' } },
        { name: 'green', weight: 300 },
      ],
      dependencies: [{ flagKey: 'accounts', enabled: true }],
    })
    await page.getByLabel('What it is now').getByText('accounts on').waitFor()
    expect(complaints).toEqual([])
  })
})

describe('its strategies', () => {
  it('are added with typed constraints, segments and variants, and say whom that lets in', async () => {
    await made('flags', { key: 'search', enabled: true })
    await made('segments', { key: 'testers', constraints: [] })
    const { page, complaints, dialog } = await open('/admin/flags/search')
    await page.getByText('No strategies', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Add a strategy' }).click()
    await dialog.getByLabel('Title').fill('Half of the staff')
    await dialog.getByLabel('Share', { exact: true }).fill('50')
    await dialog.getByText(/Of 20 users, \d+ get something else: on for 20 before, \d+ after/).waitFor()
    await dialog.getByRole('combobox', { name: 'Segments' }).click()
    await page.getByRole('option', { name: 'testers' }).click()
    await page.keyboard.press('Tab')

    const constraint = (n: number) => dialog.getByRole('group', { name: `constraint ${n}` })
    await dialog.getByRole('button', { name: 'Add a constraint' }).click()
    await constraint(1).getByLabel('Field').fill('email')
    await constraint(1).getByLabel('Operator').selectOption('ends with')
    await constraint(1).getByLabel('Values').fill('@example.com')
    await page.keyboard.press('Enter')
    await dialog.getByRole('button', { name: 'Add a constraint' }).click()
    await constraint(2).getByLabel('Field').fill('age')
    await constraint(2).getByLabel('Operator').selectOption('≥')
    await constraint(2).getByLabel('Number').fill('18')
    await dialog.getByRole('button', { name: 'Add a constraint' }).click()
    await constraint(3).getByLabel('Field').fill('currentTime')
    await constraint(3).getByLabel('Operator').selectOption('is after')
    await constraint(3).getByLabel('Time').fill('2026-01-01T09:00:00')
    await constraint(3).getByText('2026-01-01 08:00:00 UTC').waitFor()
    await dialog.getByRole('button', { name: 'Add a variant' }).click()
    await dialog.getByLabel('Name', { exact: true }).fill('blue')

    await dialog.getByLabel('The users, one a line').fill('userId=a, email=a@example.com, age=20\nuserId=b')
    await dialog.getByText(/^Of 2 users/).waitFor()
    await expectAccessible(page)
    await confirm(page, 'Add a strategy', 'staff first')
    await page.getByRole('row', { name: /Half of the staff/ }).waitFor()
    expect(await strategiesOf('search')).toMatchObject([
      {
        title: 'Half of the staff',
        parameters: { rollout: '50', stickiness: 'default' },
        segments: ['testers'],
        constraints: [
          { contextName: 'email', operator: 'STR_ENDS_WITH', values: ['@example.com'] },
          { contextName: 'age', operator: 'NUM_GTE', value: '18' },
          { contextName: 'currentTime', operator: 'DATE_AFTER', value: '2026-01-01T08:00:00.000Z' },
        ],
        variants: [{ name: 'blue', weight: 100 }],
      },
    ])
    expect(complaints).toEqual([])
  })

  it('are edited, ordered and removed, seen live by another browser, and refused to who has not seen them', async () => {
    await made('flags', { key: 'ordered', enabled: true })
    await made('flags/ordered/strategies', { name: 'userWithId', title: 'Friends', parameters: { userIds: 'user-1' } })
    await made('flags/ordered/strategies', { name: 'flexibleRollout', title: 'Some', parameters: { rollout: 0 } })
    const { page, complaints, dialog } = await open('/admin/flags/ordered')
    const other = await open('/admin/flags/ordered')
    const row = (of: typeof page, name: RegExp) => of.getByLabel('Strategies, in the order').getByRole('row', { name })

    await row(page, /Friends/)
      .getByRole('button', { name: 'Edit' })
      .click()
    await dialog.getByLabel('Ids').fill('user-1, user-2')
    await dialog.getByRole('row', { name: 'parameters.userIds user-1 user-1, user-2' }).waitFor()
    await dialog.getByText('Of 20 users, 1 gets something else: on for 1 before, 2 after').waitFor()
    await dialog.getByRole('row', { name: 'userId=user-2 Off On' }).waitFor()
    await confirm(page, 'Edit')
    await row(other.page, /user-1, user-2/).waitFor()

    await row(page, /Friends/)
      .getByRole('button', { name: 'Move down' })
      .click()
    await dialog.getByText('Some, then Friends').waitFor()
    await dialog.getByText('nobody gets something else').waitFor()
    await confirm(page, 'Move down')
    await expect
      .poll(async () => (await strategiesOf('ordered')).map(({ title }: { title: string }) => title))
      .toEqual(['Some', 'Friends'])
    const down = row(page, /Friends/).getByRole('button', { name: 'Move down' })
    await expect.poll(() => down.getAttribute('aria-description')).toContain('asked last already')

    // Both look at the same strategy; who is later has not seen what the first has made of it.
    await row(page, /Some/).getByRole('button', { name: 'Remove' }).click()
    await dialog.getByText('Whom only this one matches does not get it any more.').waitFor()
    await row(other.page, /Some/).getByRole('button', { name: 'Edit' }).click()
    await other.dialog.getByLabel('Share', { exact: true }).fill('10')
    await confirm(other.page, 'Edit')
    await dialog.getByText('It was changed meanwhile').waitFor()
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click()
    await dialog.getByText('Look at what it is now, and decide again.').waitFor()
    expect(await strategiesOf('ordered')).toHaveLength(2)
    await dialog.getByRole('button', { name: 'Leave it' }).click()
    await row(page, /Some/).getByRole('button', { name: 'Remove' }).click()
    await confirm(page, 'Remove')
    await row(other.page, /Some/).waitFor({ state: 'detached' })
    expect(await strategiesOf('ordered')).toMatchObject([{ title: 'Friends' }])
    expect([...complaints, ...other.complaints]).toEqual([])
  })

  it('where a change request is asked for are refused in place; a viewer is told why they cannot', async () => {
    const at = '?environment=gated'
    await made(`flags${at}`, { key: 'asked' })
    await call('PATCH', 'environments/gated', { changeRequests: true })
    const { page, dialog } = await open('/admin/flags/asked?env=gated', { width: 390, dark: true })
    await page.getByRole('button', { name: 'Add a strategy' }).click()
    await dialog.getByRole('button', { name: 'Add a strategy' }).click()
    await dialog.getByRole('alert').getByText('The environment "gated" takes changes by change requests only').waitFor()
    await expectAccessible(page)
    expect((await call('GET', `flags/asked/strategies${at}`)).body).toEqual([])
    const viewer = await open('/admin/flags/asked?env=gated', { role: 'viewer' })
    const button = viewer.page.getByRole('button', { name: 'Add a strategy' })
    expect(await button.getAttribute('aria-description')).toContain('role admin')
  })
})

describe('what a user would see', () => {
  it('is answered to a viewer, for now, for the past and for what is to come', async () => {
    await made('flags', { key: 'asked-of', enabled: true })
    const { createdAt } = (await call('GET', 'flags/asked-of')).body
    await call('PATCH', 'flags/asked-of', { enabled: false })
    const due = new Date(Date.now() + 86_400_000)
    const updates = { enabled: true }
    await made('flags/asked-of/schedule', { scheduledAt: due.toISOString(), updates })
    const { page, complaints } = await open('/admin/flags/asked-of', { role: 'viewer' })
    const section = page.getByRole('region', { name: 'What would this user see?' })
    await section.getByLabel('Value of userId').fill('alice')
    const ask = section.getByRole('button', { name: 'Ask' })
    await ask.click()
    await section.getByText('The flag is off.').waitFor()
    // By the second, as the field is: the next one after it was there, when it still was on or just was switched off.
    await section.getByLabel('At (now when empty)').fill(berlin(new Date(due.getTime() + 1_000)))
    await ask.click()
    await section.getByText('as pending schedules and recurrences will have made it').waitFor()
    await section.getByText('It is on, and has no strategies').waitFor()
    await section.getByLabel('At (now when empty)').fill(berlin(new Date(Date.parse(createdAt) - 86_400_000)))
    await ask.click()
    await section.getByText(/was created at/).waitFor()
    expect(complaints).toEqual([])
  })

  it('in the past is what it was then', async () => {
    await made('flags', { key: 'once', enabled: true })
    const { createdAt } = (await call('GET', 'flags/once')).body
    const next = new Date(Math.ceil(Date.parse(createdAt) / 1_000) * 1_000)
    await expect.poll(() => Date.now(), { timeout: 3_000 }).toBeGreaterThan(next.getTime() + 50)
    await call('PATCH', 'flags/once', { enabled: false })
    const { page } = await open('/admin/flags/once')
    const section = page.getByRole('region', { name: 'What would this user see?' })
    await section.getByLabel('At (now when empty)').fill(berlin(next))
    await section.getByRole('button', { name: 'Ask' }).click()
    await section.getByText('what it was, by the audit trail').waitFor()
    await section.getByText('It is on, and has no strategies').waitFor()
  })
})

it('history is filtered by what happened, page after page', async () => {
  await made('flags', { key: 'long' })
  for (let i = 1; i <= 22; i++) await call('PATCH', 'flags/long', { rolloutPercentage: i })
  await made('flags/long/strategies', { name: 'default' })
  const { page } = await open('/admin/flags/long')
  const history = page.getByRole('region', { name: 'History' }).first()
  await history.getByText('The first 20').waitFor()
  await history.getByRole('button', { name: 'Show more' }).click()
  await history.getByText('24 in all').waitFor()
  await history.getByLabel('Which events').selectOption('Strategies')
  await history.getByText('1 in all').waitFor()
  await history.getByRole('row', { name: /Strategy added/ }).waitFor()
  expect(page.url()).toContain('history=strategies')
  await history.getByLabel('Which events').selectOption('The flag itself')
  await history.getByText('The first 20').waitFor()
  await history.getByRole('button', { name: 'Show more' }).click()
  await history.getByText('23 in all').waitFor()
})
