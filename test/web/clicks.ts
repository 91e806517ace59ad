import type { Page } from 'playwright-core'

/** Confirms what the open dialog says with the button `action`, and waits until it is done. */
export async function confirm(page: Page, action: string, reason = ''): Promise<void> {
  const dialog = page.getByRole('dialog')
  if (reason) await dialog.getByLabel('Reason').fill(reason)
  await dialog.getByRole('button', { name: action, exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
}

/** Chooses from a list that is searched. */
export async function choose(page: Page, field: ReturnType<Page['getByRole']>, option: string): Promise<void> {
  await field.click()
  await field.fill(option)
  await page.getByRole('option', { name: option, exact: true }).click()
}

/** An instant as an `<input type="datetime-local">` of a browser in Berlin has it. */
export const berlin = (at: Date) => at.toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' }).replace(' ', 'T')

/** Clicks the button `action` and confirms what its dialog says. */
export async function act(page: Page, action: string, reason = ''): Promise<void> {
  await page.getByRole('button', { name: action, exact: true }).click()
  await confirm(page, action, reason)
}
