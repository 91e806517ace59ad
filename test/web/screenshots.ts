import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'vitest'
import { openBrowser, settle, startWebApp, visit } from './browser.ts'
import { PAGES, pathOf } from './pages.ts'
import { setScene } from './scene.ts'
import { readSceneIds } from './scene-ids.ts'

const DIRECTORY = process.env.SCREENSHOTS ?? join(import.meta.dirname, '../../docs/screenshots')
const LOOKS = [
  { suffix: '', dark: false, width: 1280 },
  { suffix: '-dark', dark: true, width: 1280 },
  { suffix: '-narrow', dark: false, width: 390 },
]

/** `npm run screenshots`: every page as it looks, for the documentation and for a look. */
it('takes a picture of every page', { timeout: 400_000 }, async () => {
  const app = await startWebApp({ INTERLOCK_TEMPORAL_UI_URL: 'http://127.0.0.1:8233/namespaces/default' })
  const browser = await openBrowser()
  await setScene(app)
  const ids = await readSceneIds(app)
  await mkdir(DIRECTORY, { recursive: true })
  const pages = [
    ...PAGES.map((page) => ({ name: page.name, path: pathOf(page, ids), role: 'admin' as const })),
    { name: 'login', path: '/admin', role: null },
  ]
  for (const { name, path, role } of pages) {
    for (const { suffix, dark, width } of LOOKS) {
      const { page } = await visit(browser, app, path, { role, dark, width })
      await settle(page)
      if (role) await page.getByRole('banner').getByText('Live', { exact: true }).waitFor()
      // What the stream said to read again.
      await page.waitForLoadState('networkidle', { timeout: 1_500 }).catch(() => {})
      await page.screenshot({ path: join(DIRECTORY, `${name}${suffix}.png`) })
      await page.context().close()
    }
  }
})
