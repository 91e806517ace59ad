import { type AccountMode, type AccountState, rolesOf, type StoreName } from '../../domain/account.ts'
import { type Copy, newest } from '../../domain/note-copies.ts'
import { Problem } from '../../domain/problems.ts'
import { Fenced, type NoteStore, type NoteStores } from '../../store/notes/note-store.ts'
import { NoteProxy } from '../../store/notes/proxy.ts'
import { sweepBatch } from '../../store/notes/sweep.ts'
import type { Answer, Call, Reference } from './linearizability.ts'
import { summarize } from './summarize.ts'

export const KEYS = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`) as [string, string, string]
export const [K1, K2, K3] = KEYS
const AT = '2026-01-01T00:00:00+00:00'

export const content = (value: string) => ({ title: value, body: '', createdAt: AT, updatedAt: AT })
export const note = (id: string, version: number, value = `v${version}`): Copy => ({
  id,
  version,
  note: content(value),
})
export const tombstone = (id: string, version: number): Copy => ({ id, version, note: null })

export type Operation =
  | Exclude<Call, { kind: 'page' }>
  | { kind: 'list'; limit: number }
  | { kind: 'sweep' }
  /** Raises the epoch in both stores, then publishes; to a mode without a source only when nothing is left there. */
  | { kind: 'flip'; to: AccountMode }
  | { kind: 'cleanUp' }

/** The product's code with one thing changed, by name; `{}` is the product. */
export interface Variant {
  proxy?: typeof NoteProxy
  store?: (inner: NoteStore, name: StoreName) => NoteStore
  sweep?: typeof sweepBatch
  /** A flip that does not look whether something is left at the source. */
  flip?: 'no-check'
  /** Clean-up under the same epoch, in any mode. */
  cleanUp?: 'at-any-time'
}

export interface Scenario {
  mode: AccountMode
  legacy: Copy[]
  current: Copy[]
  operations: Operation[]
  /** Each process is told of a change of mode at once; else none is, and stores have to. */
  told?: boolean
}

/** What an operation asks of the world. */
export type Request =
  /** A statement in a store. */
  | { at: StoreName; method: keyof NoteStore; args: unknown[] }
  /** A statement in the product's own database: the account, and the change that is under way. */
  | { at: 'account'; method: 'read' }
  | { at: 'account'; method: 'intend' | 'publish'; args: [AccountState] }
  /** Whoever asked for the operation, and hears what came of it. */
  | { at: 'caller'; method: 'asks'; args: [Call] }
  | { at: 'caller'; method: 'hears'; args: [Answer] }

/** The account's row. */
export interface AccountRow {
  account: AccountState
  next: AccountState | null
}

/** The road of an operation to the world; it sends one request at a time. */
export interface Port {
  send(request: Request): Promise<unknown>
  /** The operation has forgotten all that it was answered, but for this. */
  forget(but: string): void
}

/** What the account's row says after a request, and what it answers. */
export function performOnAccount(row: AccountRow, request: Extract<Request, { at: 'account' }>): AccountRow {
  if (request.method === 'read') return row
  const [state] = request.args
  if (request.method === 'intend') return { ...row, next: state }
  // Only the first publishes.
  return row.next?.epoch === state.epoch ? { account: state, next: null } : row
}

/** What the account is at the beginning. */
export const accountOf = ({ mode }: Scenario, epoch: number): AccountState => ({
  accountId: 'acme',
  mode,
  isMigrating: mode === 'migrating',
  epoch,
})

/** What a map holds that holds the same. */
export function referenceOf({ legacy, current }: Scenario): Reference {
  const held = (copies: Copy[], id: string) => copies.find((copy) => copy.id === id) ?? null
  return KEYS.flatMap((id) => {
    const copy = newest(held(legacy, id), held(current, id))
    return copy ? [{ id, value: copy.note?.title ?? null, version: copy.version }] : []
  })
}

/** Runs one operation of the product to its end. `first` is what its process believes of the account. */
export async function runOperation(
  operation: Operation | { kind: 'readAll' },
  port: Port,
  { first, told, variant }: { first: AccountState; told: boolean; variant: Variant },
): Promise<void> {
  const stores = { legacy: storeThrough(port, 'legacy'), current: storeThrough(port, 'current') }
  if (operation.kind === 'flip') return flip(stores, operation.to, port, first, variant)
  if (operation.kind === 'sweep') return sweep(stores, 1, port, first, variant)
  if (operation.kind === 'cleanUp') return cleanUp(stores, port, first, variant)
  const proxy = new (variant.proxy ?? NoteProxy)(stores, {
    load: async () => (told ? (await readRow(port)).account : first),
    refresh: () => completeFlip(stores, port),
  })
  const ask = async (call: Call) => {
    await port.send({ at: 'caller', method: 'asks', args: [call] })
    const answer = await answerTo(proxy, call)
    await port.send({ at: 'caller', method: 'hears', args: [answer] })
    return answer
  }
  const list = async (limit: number) => {
    for (let after: string | null | undefined; after !== null; ) {
      const answer = await ask({ kind: 'page', after: after ?? null, limit })
      after = answer.kind === 'page' ? answer.next : null
      port.forget(`page after ${after}`)
    }
  }
  if (operation.kind === 'list') await list(operation.limit)
  else if (operation.kind === 'readAll') {
    for (const id of KEYS) await ask({ kind: 'get', id })
    await list(1)
  } else await ask(operation)
}

const readRow = (port: Port) => port.send({ at: 'account', method: 'read' }) as Promise<AccountRow>

function storeThrough(port: Port, at: StoreName): NoteStore {
  const get =
    (_: object, method: keyof NoteStore) =>
    async (...args: unknown[]) => {
      const result = await port.send({ at, method, args })
      // It reads everything again.
      if (method === 'put' && result === false) port.forget(`lost in epoch ${(args[0] as AccountState).epoch}`)
      return result
    }
  return new Proxy({}, { get }) as NoteStore
}

async function completeFlip(stores: NoteStores, port: Port): Promise<AccountState> {
  const { next } = await readRow(port)
  if (next) {
    await stores.legacy.raise(next.accountId, next.epoch)
    await stores.current?.raise(next.accountId, next.epoch)
    if ((await readRow(port)).next?.epoch === next.epoch) {
      await port.send({ at: 'account', method: 'publish', args: [next] })
    }
  }
  const { account } = await readRow(port)
  port.forget(`the account is ${JSON.stringify(account)}`)
  return account
}

async function flip(stores: NoteStores, to: AccountMode, port: Port, first: AccountState, variant: Variant) {
  const { account: from } = await readRow(port)
  const { source } = rolesOf(from.mode)
  if (rolesOf(to).source === null && source !== null && to !== from.mode) {
    await sweep(stores, 10, port, first, variant)
    const held = await summarize(stores, from).catch(() => null)
    if (!held) return
    const left = held[source]
    if (variant.flip !== 'no-check' && left && left.notes + left.tombstones > 0) return
  }
  const { account, next } = await readRow(port)
  if (account.epoch !== from.epoch || next) return
  const intended = { accountId: from.accountId, mode: to, isMigrating: to === 'migrating', epoch: from.epoch + 1 }
  await port.send({ at: 'account', method: 'intend', args: [intended] })
  await completeFlip(stores, port)
}

async function sweep(stores: NoteStores, limit: number, port: Port, account: AccountState, variant: Variant) {
  try {
    for (let after: string | null | undefined; after !== null; ) {
      after = (await (variant.sweep ?? sweepBatch)(stores, account, { after: after ?? null, limit })).after
      port.forget(`swept to ${after}`)
    }
  } catch (error) {
    if (!(error instanceof Fenced)) throw error
  }
}

async function cleanUp(stores: NoteStores, port: Port, first: AccountState, variant: Variant): Promise<void> {
  const { account } = await readRow(port)
  if (variant.cleanUp !== 'at-any-time') {
    if (rolesOf(account.mode).source !== null) return
    await flip(stores, account.mode, port, first, variant)
  }
  const { account: now } = await readRow(port)
  const { destination } = rolesOf(now.mode)
  await stores[destination]?.dropTombstones(now, 10, 0).catch((error) => {
    if (!(error instanceof Fenced)) throw error
  })
}

async function answerTo(proxy: NoteProxy, call: Call): Promise<Answer> {
  if (call.kind === 'page') {
    const { notes, next } = await proxy.list('acme', call.after, call.limit)
    return {
      kind: 'page',
      items: notes.map(({ id, version, note }) => ({ id, value: note?.title ?? '', version })),
      next,
    }
  }
  if (call.kind === 'get') {
    const copy = await proxy.get('acme', call.id)
    return copy?.note ? { kind: 'note', value: copy.note.title, version: copy.version } : { kind: 'absent' }
  }
  try {
    const copy = await proxy.write('acme', call.id, (now) => {
      if ((call.kind === 'create') === Boolean(now?.note)) throw new Problem('note-not-found', 'refused')
      return call.kind === 'delete' ? null : content(call.value)
    })
    return { kind: 'note', value: copy.note?.title ?? '', version: copy.version }
  } catch (error) {
    if (error instanceof Problem && error.code === 'note-not-found') return { kind: 'refused' }
    throw error
  }
}
