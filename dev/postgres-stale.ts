import { readdir, readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { commandLine, endProcess, isAlive } from './processes.ts'

/**
 * Clears the way for a postmaster: one that an earlier run left on this data directory is stopped, and a pid file
 * whose id now belongs to somebody else is removed (Postgres would take it for alive). A pid file whose process is
 * gone is left: Postgres finds in it the memory that orphaned backends may still use.
 * @throws when the old postmaster can't be stopped
 */
export async function clearStalePostmaster(dataDir: string): Promise<void> {
  const file = join(dataDir, 'postmaster.pid')
  const content = await readFile(file, 'utf8').catch(() => '')
  const pid = Number.parseInt(content, 10)
  if (!(pid > 1) || !(await isAlive(pid))) return
  if (!(await isPostmasterOf(pid, dataDir))) return rm(file, { force: true })
  const gone = await endProcess(pid, [
    ['SIGINT', 10_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ])
  if (!gone) throw new Error(`An earlier Postgres (process ${pid}) still runs on ${dataDir} and can't be stopped`)
}

/**
 * Ends the backends that outlived their postmaster; one in the middle of a long query would not notice for minutes.
 * They are known by their working directory, so only where /proc tells it; elsewhere they end by themselves.
 */
export async function endOrphanedBackends(dataDir: string): Promise<void> {
  if (process.platform !== 'linux') return
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    if ((await readlink(`/proc/${entry}/cwd`).catch(() => '')) !== dataDir) continue
    if (!(await commandLine(Number(entry)))?.startsWith('postgres: ')) continue
    await endProcess(Number(entry), [['SIGKILL', 2_000]])
  }
}

async function isPostmasterOf(pid: number, dataDir: string): Promise<boolean> {
  const line = await commandLine(pid)
  return line !== null && /(^|\/)postgres\s/.test(line) && line.includes(`-D ${dataDir} `)
}
