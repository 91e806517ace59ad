import { randomUUID } from 'node:crypto'
import { glob, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WEB_DIST } from '../api/web.ts'
import { REPOSITORY as root } from './data-dir.ts'

const SOURCES = ['web/index.html', 'web/vite.config.ts', 'web/tsconfig.json', 'web/src/**', 'package-lock.json']

/**
 * Builds the admin UI when its sources are newer than what was built.
 * @returns seconds that it took; undefined when there was nothing to do
 * @throws when the sources are broken
 */
export async function buildWebIfStale(): Promise<number | undefined> {
  if ((await newest()) <= (await modified(join(WEB_DIST, 'index.html')))) return undefined
  const begun = Date.now()
  const { build } = await import('vite')
  // Beside the place of the last one, so that a page is never served half, whoever else builds at the same time.
  const made = `${WEB_DIST}-${randomUUID()}`
  const old = `${made}-old`
  const { NODE_ENV } = process.env
  // Under a test runner it is "test", and Vite would build React for development, with the paths of this machine in it.
  process.env.NODE_ENV = 'production'
  try {
    await build({ configFile: join(root, 'web/vite.config.ts'), logLevel: 'error', build: { outDir: made } })
    await rename(WEB_DIST, old).catch(() => {})
    await rename(made, WEB_DIST)
  } finally {
    if (NODE_ENV === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = NODE_ENV
    await Promise.all([made, old].map((directory) => rm(directory, { recursive: true, force: true })))
  }
  return (Date.now() - begun) / 1_000
}

async function newest(): Promise<number> {
  let latest = 0
  for await (const file of glob(SOURCES, { cwd: root })) latest = Math.max(latest, await modified(join(root, file)))
  return latest
}

async function modified(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.mtimeMs ?? 0
}

if (import.meta.main) {
  const seconds = await buildWebIfStale()
  process.stdout.write(
    seconds === undefined ? 'The admin UI is up to date.\n' : `The admin UI is built (${seconds} s).\n`,
  )
}
