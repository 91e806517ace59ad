import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { createWith, type DataDir } from './data-dir.ts'
import { identify } from './processes.ts'

/**
 * Takes the data directory for this process. A lock whose process is gone (its id may belong to another one by now)
 * is taken over.
 * @returns what gives it back
 * @throws when another stack runs on it
 */
export async function lockDataDir(dataDir: DataDir): Promise<() => Promise<void>> {
  await mkdir(dataDir.path, { recursive: true })
  const mine = JSON.stringify({ pid: process.pid, identity: await identify(process.pid), at: new Date() })
  for (;;) {
    if (await createWith(dataDir.lock, mine)) return () => release(dataDir.lock, mine)
    const found = await readFile(dataDir.lock, 'utf8').catch(() => null)
    if (found === null) continue
    const holder = parse(found)
    if (holder && (await identify(holder.pid)) === holder.identity) {
      throw new Error(
        `Another npm start (process ${holder.pid}) runs on ${dataDir.path}. ` +
          'Stop it first, or give this one INTERLOCK_DATA_DIR and other ports.',
      )
    }
    await removeStale(dataDir.lock, found)
  }
}

/** Removes a lock that was found to be stale, unless another starter has replaced it since: theirs is put back. */
export async function removeStale(file: string, stale: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`
  try {
    await rename(file, aside)
    if ((await readFile(aside, 'utf8')) !== stale) await link(aside, file)
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await rm(aside, { force: true })
  }
}

async function release(file: string, mine: string): Promise<void> {
  if ((await readFile(file, 'utf8').catch(() => null)) === mine) await rm(file, { force: true })
}

function parse(text: string): { pid: number; identity: string } | null {
  try {
    const { pid, identity } = JSON.parse(text)
    return Number.isInteger(pid) && typeof identity === 'string' ? { pid, identity } : null
  } catch {
    return null
  }
}
