import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { PostgresLaunch } from './postgres-launch.ts'

const run = promisify(execFile)

/** The superuser of the embedded cluster; it listens on 127.0.0.1 only, so this is no secret. */
export const USER = 'interlock'
export const PASSWORD = 'interlock'

const MAJOR_VERSION = '18'

/**
 * Makes sure that a directory holds a complete cluster. `initdb` runs in a directory beside it that is renamed when
 * it is complete, so that a run that was killed half-way leaves nothing that looks like a cluster.
 * @param unsafe don't wait for the disk (tests)
 * @throws when the directory holds something else, or a cluster of another major version
 */
export async function ensureCluster(dataDir: string, launch: PostgresLaunch, unsafe = false): Promise<void> {
  const entries = await readdir(dataDir).catch(() => [])
  if (entries.length > 0) return checkCluster(dataDir, entries)

  const parent = dirname(dataDir)
  const prefix = `${basename(dataDir)}.initdb-`
  for (const leftOver of (await readdir(parent)).filter((name) => name.startsWith(prefix))) {
    await rm(join(parent, leftOver), { recursive: true, force: true })
  }
  const unfinished = join(parent, `${prefix}${process.pid}`)
  const passwordFile = join(unfinished, 'password')
  const cluster = join(unfinished, 'cluster')
  await mkdir(cluster, { recursive: true })
  await writeFile(passwordFile, `${PASSWORD}\n`)
  for (const path of [unfinished, passwordFile, cluster]) await launch.own(path)

  const args = [`--pgdata=${cluster}`, `--username=${USER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  // Postgres' own C.UTF-8: the same order of texts everywhere, whatever locales the machine has.
  args.push('--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8')
  if (unsafe) args.push('--no-sync')
  const [command, ...rest] = launch.command('initdb', args)
  try {
    await run(command as string, rest, { ...launch.identity, env: launch.env, cwd: unfinished })
    await rm(dataDir, { recursive: true, force: true })
    await rename(cluster, dataDir)
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string }
    throw new Error(`Postgres could not be set up in ${dataDir}: ${stderr?.trim() || message}`)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

async function checkCluster(dataDir: string, entries: readonly string[]): Promise<void> {
  if (!entries.includes('PG_VERSION') || !entries.includes('global')) {
    throw new Error(`${dataDir} is not empty and holds no Postgres cluster. Move it away, or choose another directory.`)
  }
  const version = (await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).trim()
  if (version !== MAJOR_VERSION) {
    throw new Error(`${dataDir} was made by Postgres ${version}, this is ${MAJOR_VERSION}. Move it away to begin anew.`)
  }
}
