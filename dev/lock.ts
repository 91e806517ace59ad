import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { createWith, type DataDir } from './data-dir.ts'
import { identify } from './processes.ts'

/** Longer than it takes to remove a stale lock and to put back one that was not. */
const SETTLE_MS = 250

/**
 * Takes the data directory for this process. A lock whose process is gone (its id may belong to another one by now)
 * is taken over.
 * @returns what gives it back
 * @throws when another stack runs on it
 */
export async function lockDataDir(dataDir: DataDir): Promise<() => Promise<void>> {
  await mkdir(dataDir.path, { recursive: true })
  const mine = JSON.stringify({ pid: process.pid, identity: await identify(process.pid), nonce: randomUUID() })
  for (let tookOver = false; ; ) {
    if (await createWith(dataDir.lock, mine)) {
      // Another that found the same stale lock may be about to remove ours for it: whose is there in the end has won.
      if (tookOver) await delay(SETTLE_MS)
      if (!tookOver || (await holds(dataDir.lock, mine))) return () => release(dataDir.lock, mine)
      continue
    }
    const found = await readFile(dataDir.lock, 'utf8').catch(() => null)
    if (found === null) continue
    const holder = parse(found)
    if (holder && (await identify(holder.pid)) === holder.identity) {
      throw new Error(
        `Another npm start (process ${holder.pid}) runs on ${dataDir.path}. ` +
          'Stop it first, or give this one INTERLOCK_DATA_DIR and other ports.',
      )
    }
    tookOver = true
    await removeStale(dataDir.lock, found)
  }
}

/** Removes a lock that was found to be stale, unless another starter has replaced it since: theirs is put back. */
export async function removeStale(file: string, stale: string): Promise<void> {
  if (!(await holds(file, stale))) return
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
  if (await holds(file, mine)) await rm(file, { force: true })
}

async function holds(file: string, content: string): Promise<boolean> {
  return (await readFile(file, 'utf8').catch(() => null)) === content
}

function parse(text: string): { pid: number; identity: string } | null {
  try {
    const { pid, identity } = JSON.parse(text)
    return Number.isInteger(pid) && typeof identity === 'string' ? { pid, identity } : null
  } catch {
    return null
  }
}
