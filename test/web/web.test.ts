import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { WEB_DIST } from '../../api/web.ts'
import { REPOSITORY } from '../../dev/data-dir.ts'
import { makeTypes, TYPES_FILE } from '../../dev/openapi-types.ts'
import { expectAccessible, openBrowser, settle, startWebApp, visit } from './browser.ts'
import { PAGES, pathOf } from './pages.ts'
import { setScene } from './scene.ts'
import { readSceneIds } from './scene-ids.ts'

const app = await startWebApp()
const browser = await openBrowser()
await setScene(app)
const ids = await readSceneIds(app)
const { call, url } = app

const MOST_JAVASCRIPT = 300_000

describe('every page', () => {
  it.each(PAGES)(
    '$name is accessible, light, dark and narrow, and keeps to its Content-Security-Policy',
    async (listed) => {
      const path = pathOf(listed, ids)
      for (const look of [{}, { dark: true }, { width: 390 }]) {
        const { page, complaints } = await visit(browser, app, path, look)
        await settle(page)
        await page.getByRole('status').getByText('Live').waitFor()
        await expectAccessible(page)
        expect(complaints).toEqual([])
        await page.context().close()
      }
    },
  )

  it('may run nothing but our own files, in no frame', async () => {
    const policy = String((await fetch(`${url}/admin/flags`)).headers.get('content-security-policy'))
    expect(policy).not.toMatch(/unsafe|\*/)
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    const nonces = [policy, String((await fetch(`${url}/admin`)).headers.get('content-security-policy'))]
    expect(nonces[0]).not.toBe(nonces[1])
  })
})

describe('what is served', () => {
  it('loads less than 300 kB of JavaScript at first, compressed', async () => {
    const html = await readFile(join(WEB_DIST, 'index.html'), 'utf8')
    const first = [...html.matchAll(/\/admin\/(assets\/[^"]+\.js)"/g)].map(([, file]) => file as string)
    expect(first.length).toBeGreaterThan(0)
    const sizes = await Promise.all(first.map(async (file) => gzipSync(await readFile(join(WEB_DIST, file))).length))
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(MOST_JAVASCRIPT)
  })

  it('is built for production: no help for developers, no path of the machine that built it', async () => {
    const scripts = (await readdir(join(WEB_DIST, 'assets'))).filter((name) => name.endsWith('.js'))
    const texts = await Promise.all(scripts.map((name) => readFile(join(WEB_DIST, 'assets', name), 'utf8')))
    expect(texts.filter((text) => text.includes('jsxDEV') || text.includes(REPOSITORY))).toEqual([])
  })

  it('is kept for ever where the name has a hash, and asked for again where not', async () => {
    const script = (await readdir(join(WEB_DIST, 'assets'))).find((name) => /^index-.*\.js$/.test(name))
    const asset = await fetch(`${url}/admin/assets/${script}`)
    expect(asset.headers.get('cache-control')).toContain('immutable')
    expect(asset.headers.get('content-encoding')).toMatch(/br|gzip/)
    expect((await fetch(`${url}/admin/flags/of/any/depth`)).headers.get('cache-control')).toBe('no-cache')
    const missing = await fetch(`${url}/admin/assets/gone.js`)
    expect([missing.status, missing.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
    expect((await fetch(`${url}/`)).url).toBe(`${url}/admin`)
  })

  it('has the types of this API: npm run web:types', async () => {
    expect((await readFile(TYPES_FILE, 'utf8')) === (await makeTypes())).toBe(true)
  })
})

describe('the login', () => {
  it('refuses a wrong token, takes a right one, and goes on to the page that was asked for', async () => {
    const { page } = await visit(browser, app, '/admin/flags', { role: null })
    await expectAccessible(page)
    await page.locator('input[type=password]').fill('nonsense')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('A valid token is needed').waitFor()
    await page.locator('input[type=password]').fill(await app.token('admin', 'olivia'))
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('heading', { name: 'Flags', level: 1 }).waitFor()
    expect(await page.evaluate('document.cookie')).toBe('')
    await page.getByRole('button', { name: 'olivia' }).click()
    await page.getByRole('menuitem', { name: 'Log out' }).click()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await page.context().close()
  })

  it('comes back when the token has expired, without a reload', async () => {
    const { page } = await visit(browser, app, '/admin/flags', { role: null })
    const secret = new TextEncoder().encode('a secret of the tests, which is long enough')
    const token = await new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('shorty')
      .setExpirationTime('5s')
      .sign(secret)
    await page.locator('input[type=password]').fill(token)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('button', { name: 'shorty' }).waitFor()
    await page.getByRole('button', { name: 'Log in' }).waitFor({ timeout: 20_000 })
    await page.context().close()
  })

  it('as a viewer shows everything and lets nothing be changed, and says why', async () => {
    const { page } = await visit(browser, app, '/admin/operations', { role: 'viewer' })
    const button = page.getByRole('button', { name: 'Send again' })
    await button.waitFor()
    expect(await button.getAttribute('aria-disabled')).toBe('true')
    await button.click({ force: true })
    expect(await page.getByRole('dialog').count()).toBe(0)
    await button.hover({ force: true })
    await page.getByText('This needs the role admin.').waitFor()
    await page.context().close()
  })
})

describe('an open page', () => {
  it('shows what is changed elsewhere, without a reload', async () => {
    const { page, complaints } = await visit(browser, app, '/admin/flags')
    await page.getByRole('status').getByText('Live').waitFor()
    await page.evaluate('window.opened = true')
    const row = page.getByRole('row', { name: /dark-mode/ })
    await row.getByText('Off').waitFor()
    await call('PATCH', 'flags/dark-mode', { enabled: true })
    await row.getByText('On').waitFor({ timeout: 4_000 })
    await call('POST', 'flags', { key: 'made-elsewhere' })
    await page.getByRole('row', { name: /made-elsewhere/ }).waitFor({ timeout: 4_000 })
    expect(await page.evaluate('window.opened')).toBe(true)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('searches, and keeps the search in its address', async () => {
    const { page } = await visit(browser, app, '/admin/flags')
    await page.getByRole('searchbox').fill('TYPOS')
    await page.getByRole('row', { name: /legacy-export/ }).waitFor({ state: 'detached' })
    await page.getByRole('row', { name: /search-v2/ }).waitFor()
    expect(await page.getByRole('row').count()).toBe(2)
    expect(page.url()).toContain('search=TYPOS')
    await page.context().close()
  })

  it('sends a dead letter again, after it has said what that does', async () => {
    const { page } = await visit(browser, app, '/admin/operations')
    await page.getByRole('button', { name: 'Send again' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('sending it twice does no harm').waitFor()
    await expectAccessible(page)
    await dialog.getByLabel('Reason').fill('namespace is back')
    await dialog.getByRole('button', { name: 'Send again' }).click()
    await page.getByText('No dead letters').waitFor()
    expect((await call('GET', 'events?type=outbox-requeued')).body).toMatchObject([
      { actor: 'alice', reason: 'namespace is back' },
    ])
    await page.context().close()
  })
})
