import { setTimeout as wait } from 'node:timers/promises'
import { type LoadResult, load } from '../../dev/load.ts'
import type { AccountMigration } from '../../domain/account-migration.ts'
import { makeAccounts } from '../../store/notes/import.ts'
import type { LossyProxy } from '../helpers/lossy-proxy.ts'
import type { AccountScene } from './account-scene.ts'
import { killAndRestart } from './strike.ts'
import { until } from './until.ts'

const ACCOUNTS = 8
const MOVE = { batchSize: 40, delayMs: 60, parallelism: 3 }

/** What can happen to accounts that move. */
export const ACCOUNT_STRIKES = [
  'API killed',
  'worker killed',
  'API asleep while accounts flip',
  'current store gone',
  'stop',
  'rollback',
] as const
export type AccountStrike = (typeof ACCOUNT_STRIKES)[number]

export interface AccountOutcome {
  acknowledged: number
  failed: number
  /** What an account that never moved would not hold, or what is missing of it. */
  broken: string[]
}

/**
 * Moves fresh accounts while they are written by way of both APIs, and has things happen at random moments; at the end all
 * go back. Then each must hold exactly what one that never moved holds after the same writes.
 */
export async function runAccountRound(
  scene: AccountScene & { current: LossyProxy },
  name: string,
  strikes: Iterable<AccountStrike>,
  random: () => number,
): Promise<AccountOutcome> {
  const { caller, urls, token, apis, workers, current } = scene
  const ids = Array.from({ length: ACCOUNTS }, (_, n) => `${name}-${n}`)
  const accounts = ids.map((id, n) => ({ id, notes: n === 0 ? 1_500 : 40 }))
  await makeAccounts(scene.db, scene.databases, accounts, 'chaos')
  const before = await contentsOf(scene, ids)
  const ending = new AbortController()
  const loading = load({ urls, token, accountIds: ids, clients: 4, signal: ending.signal })
  const one = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)] as T
  const begun: string[] = []
  const read = async (id: string) =>
    (await caller.call('GET', `/account-migrations/${id}`)).body as unknown as AccountMigration
  const becomes = (id: string, status: AccountMigration['status']) =>
    until(async () => {
      const { status: is, reason, lastError } = await read(id)
      if (is === status) return undefined
      return `the migration ${id} is ${is}, not ${status} (${reason ?? lastError})`
    }, 90_000)
  /** Begins to move those that have not arrived, if there are any. */
  const begin = async () => {
    const modes = await scene.servers.sql<{ id: string }>(
      `SELECT id FROM accounts WHERE id = ANY ($1) AND mode IN ('off', 'ready', 'migrating')`,
      [ids],
    )
    if (modes.length === 0) return
    const body = { cohorts: [{ accounts: modes.map(({ id }) => id) }], ...MOVE }
    const { status, body: migration } = await caller.call('POST', '/account-migrations', body)
    // Somebody may have arrived in between: then the next one is begun.
    if (status === 202) begun.push(migration.id as string)
  }
  const end = async (how: 'stop' | 'rollback') => {
    const id = begun.at(-1)
    if (id !== undefined) await caller.call('POST', `/account-migrations/${id}/${how}`)
    if (id !== undefined && how === 'rollback') await becomes(id, 'rolled-back')
    await begin()
  }
  const asleep = async () => {
    const api = one(apis)
    await api.pause()
    await wait(500 + random() * 1_500)
    await api.resume()
  }
  const gone = async () => {
    current.blackHole()
    await wait(500 + random() * 1_500)
    current.cut()
    current.open()
  }
  const happen: Record<AccountStrike, () => Promise<void>> = {
    'API killed': () => killAndRestart(one(apis), random() * 500),
    'worker killed': () => killAndRestart(one(workers), random() * 500),
    'API asleep while accounts flip': asleep,
    'current store gone': gone,
    stop: () => end('stop'),
    rollback: () => end('rollback'),
  }

  await begin()
  for (const strike of strikes) {
    await wait(random() * 1_200)
    await happen[strike]()
  }
  for (const id of begun.toReversed()) {
    await caller.call('POST', `/account-migrations/${id}/rollback`)
    await becomes(id, 'rolled-back')
  }
  ending.abort()
  const result = await loading
  const broken = [...compare(result, before, await contentsOf(scene, ids)), ...caller.outrages.splice(0)]
  return { acknowledged: result.acknowledged, failed: result.failed, broken }
}

type Contents = Map<string, { store: string; body: string }>

/** All live notes of accounts, by id, straight from both stores. */
async function contentsOf({ databases }: AccountScene, ids: string[]): Promise<Contents> {
  const found: Contents = new Map()
  for (const store of ['legacy', 'current'] as const) {
    const rows = await databases[store]?.pool.query<{ id: string; body: string }>(
      'SELECT id, body FROM notes WHERE account_id = ANY ($1)',
      [ids],
    )
    for (const { id, body } of rows?.rows ?? []) found.set(id, { store, body })
  }
  return found
}

function compare({ lost, wrong, notes, unanswered }: LoadResult, before: Contents, after: Contents): string[] {
  const broken: string[] = []
  if (lost + wrong > 0) broken.push(`read back: ${lost} lost, ${wrong} wrong`)
  for (const [id, { body }] of before)
    if (after.get(id)?.body !== body) broken.push(`${id}, which nobody wrote, changed`)
  for (const [id, { possible }] of notes) {
    const body = after.get(id)?.body ?? null
    if (!possible.includes(body)) broken.push(`${id} says ${body}, and not ${possible.join(' or ')}`)
  }
  for (const [id, { store, body }] of after) {
    if (store === 'current') broken.push(`${id} is left in the current store`)
    if (!before.has(id) && !notes.has(id) && !unanswered.has(body)) broken.push(`${id} was written by nobody`)
  }
  return broken
}
