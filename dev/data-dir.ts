import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The directory of package.json, without a slash at its end. */
export const REPOSITORY = resolve(fileURLToPath(new URL('..', import.meta.url)))

/** Where the local stack keeps what it has; all paths are absolute. */
export interface DataDir {
  path: string
  postgres: string
  temporal: string
  temporalProfile: string
  logs: string
  jwtSecret: string
  lock: string
  pids: string
  demoLoaded: string
}

/** Reads `INTERLOCK_DATA_DIR` (default `.interlock`), which is relative to the repository, wherever one stands. */
export function dataDirFrom(env: NodeJS.ProcessEnv, root = REPOSITORY): DataDir {
  const path = resolve(root, env.INTERLOCK_DATA_DIR || '.interlock')
  return {
    path,
    postgres: join(path, 'postgres'),
    temporal: join(path, 'temporal.db'),
    temporalProfile: join(path, 'temporal.toml'),
    logs: join(path, 'logs'),
    jwtSecret: join(path, 'jwt-secret'),
    lock: join(path, 'lock.json'),
    pids: join(path, 'pids.json'),
    demoLoaded: join(path, 'demo-loaded'),
  }
}

/** Returns the key that tokens of this data directory are signed with; makes it on first use, readable by us only. */
export async function ensureJwtSecret(dataDir: DataDir): Promise<string> {
  if (!existsSync(dataDir.jwtSecret)) {
    await mkdir(dataDir.path, { recursive: true })
    await createWith(dataDir.jwtSecret, `${randomBytes(32).toString('base64url')}\n`)
  }
  return (await readFile(dataDir.jwtSecret, 'utf8')).trim()
}

/**
 * Creates a file with its content in one step: nobody ever reads half of it.
 * @returns false when the file exists already; it is left as it is
 */
export async function createWith(file: string, content: string): Promise<boolean> {
  const temporary = `${file}.${randomUUID()}`
  await writeFile(temporary, content, { mode: 0o600 })
  try {
    await link(temporary, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  } finally {
    await rm(temporary, { force: true })
  }
}
