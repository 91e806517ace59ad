import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, expect, inject, onTestFinished } from 'vitest'
import { createTestApp, type TestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'

/** The whole API with the built UI on a port, over a database of its own. */
export interface WebApp extends TestApp {
  databaseUrl: string
  /** `http://127.0.0.1:12345` */
  url: string
}

/** Starts the API with the UI. Ends when the file has ended. */
export async function startWebApp(settings: Record<string, string> = {}): Promise<WebApp> {
  const databaseUrl = await createTestDatabase()
  const app = await createTestApp(databaseUrl, { settings })
  const url = await app.app.listen({ port: 0, host: '127.0.0.1' })
  return { ...app, databaseUrl, url }
}

/** Opens pages of one browser. What a page complains of fails the test that calls `expectQuiet`. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = inject('services').chromiumPath
  if (!executablePath) throw new Error('There is no Chromium for this platform in a package: set CHROMIUM_PATH')
  // Not the package's own arguments: in a single process, closing one page's context never ends.
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
  const browser = await chromium.launch({ executablePath, args, headless: true, timeout: 20_000 })
  afterAll(() => browser.close())
  return browser
}

export interface OpenedPage {
  page: Page
  /** What the console and the Content-Security-Policy said, but for refusals of the API. */
  complaints: string[]
}

export interface Visit {
  /** `admin` when not given; null: nobody logs in. */
  role?: 'admin' | 'viewer' | null
  dark?: boolean
  width?: number
  height?: number
}

/** Opens `path` (`/admin/flags`) in a browser profile of its own, logged in, until the test has finished. */
export async function visit(
  browser: Browser,
  app: Pick<WebApp, 'url' | 'token'>,
  path: string,
  { role = 'admin', dark = false, width = 1280, height = 800 }: Visit = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
  })
  // With forty of them open, the browser did not close within a minute.
  onTestFinished(() => context.close())
  if (role) {
    const headers = { 'x-interlock-page': '1' }
    const answer = await context.request.post(`${app.url}/api/session`, {
      headers,
      data: { token: await app.token(role) },
    })
    expect(answer.status()).toBe(200)
  }
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // The browser's own word on answers of 400 and above, which pages show in theirs.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text())
  })
  await page.addInitScript(`document.addEventListener('securitypolicyviolation', (event) =>
    console.error('Content-Security-Policy: ' + event.violatedDirective + ' ' + event.blockedURI))`)
  await page.goto(`${app.url}${path}`)
  return { page, complaints }
}

/** Waits until everything on the page has been read. */
export async function settle(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.getByText('Loading', { exact: true }).first().waitFor({ state: 'detached' })
}

/** Checks a page with axe: nothing that is serious or critical. */
export async function expectAccessible(page: Page): Promise<void> {
  const axe = await readFile(join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js'), 'utf8')
  await page.evaluate(axe)
  const violations = (await page.evaluate(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => id + ': ' + nodes.map(({ html, any }) => html.slice(0, 200) + ' ' + (any[0]?.message ?? '')).join(' | ')))`)) as string[]
  expect(violations).toEqual([])
}
