import { type AccountMode, type AccountState, rolesOf, type StoreName } from '../../domain/account.ts'
import { type Copy, newest } from '../../domain/note-copies.ts'
import { Problem } from '../../domain/problems.ts'
import { Fenced, type NoteStore, type NoteStores } from '../../store/notes/note-store.ts'
import { type AccountSource, NoteProxy } from '../../store/notes/proxy.ts'
import { sweepBatch } from '../../store/notes/sweep.ts'
import { summarize } from '../../store/notes/verify.ts'
import type { Answer, Call, Entry, Reference } from './linearizability.ts'
import type { MemoryStore } from './memory-store.ts'
import type { Actor, Gate, Schedule } from './scheduler.ts'

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

/** The stores, the account and the history of one run of a scenario. */
export class World {
  readonly history: Entry[] = []
  readonly initial: Reference
  account: AccountState
  next: AccountState | null = null
  readonly #stores: { legacy: NoteStore; current: NoteStore }
  readonly #variant: Variant
  readonly #first: AccountState
  #told: boolean

  constructor(scenario: Scenario, stores: { legacy: NoteStore; current: NoteStore }, variant: Variant, epoch = 1) {
    const { mode, legacy, current } = scenario
    this.#stores = stores
    this.#variant = variant
    this.#told = scenario.told ?? false
    this.account = this.#first = { accountId: 'acme', mode, isMigrating: mode === 'migrating', epoch }
    const keys = new Set([...legacy, ...current].map(({ id }) => id))
    const held = (copies: Copy[], id: string) => copies.find((copy) => copy.id === id) ?? null
    this.initial = new Map(
      [...keys].map((id) => {
        const copy = newest(held(legacy, id), held(current, id)) as Copy
        return [id, { value: copy.note?.title ?? null, version: copy.version }]
      }),
    )
  }

  actor(operation: Operation, schedule: () => Schedule): Actor {
    return {
      name: operation.kind,
      run: async (gate) => {
        const stores = this.#gated(gate)
        if (operation.kind === 'flip') return this.#flip(stores, operation.to, gate)
        if (operation.kind === 'sweep') return this.#sweep(stores, 1, gate)
        if (operation.kind === 'cleanUp') return this.#cleanUp(stores, gate)
        const proxy = this.#proxy(stores, gate)
        if (operation.kind === 'list') {
          for (let after: string | null | undefined; after !== null; ) {
            const call = { kind: 'page', after: after ?? null, limit: operation.limit } as const
            const answer = await this.#ask(proxy, call, schedule())
            after = answer.kind === 'page' ? answer.next : null
            gate.forget(`page after ${after}`)
          }
        } else await this.#ask(proxy, operation, schedule())
      },
    }
  }

  /** Reads everything when nothing moves any more, by a process that has just begun. */
  async readAll(clock: number): Promise<void> {
    const direct: Gate = { step: (_, statement) => statement(), forget: () => {} }
    this.#told = true
    const proxy = this.#proxy(this.#gated(direct), direct)
    const at = { clock: clock + 1 }
    for (const id of KEYS) await this.#ask(proxy, { kind: 'get', id }, at)
    for (let after: string | null | undefined; after !== null; ) {
      const answer = await this.#ask(proxy, { kind: 'page', after: after ?? null, limit: 1 }, at)
      after = answer.kind === 'page' ? answer.next : null
    }
  }

  /** What was answered when, as far as it matters for what comes: which entries had ended before which began. */
  order(): string {
    return this.history
      .map((entry) => {
        const before = this.history.flatMap((other, n) => (other.answer && other.answered < entry.asked ? [n] : []))
        return `${JSON.stringify(entry.call)}${JSON.stringify(entry.answer)}<${before}`
      })
      .sort()
      .join()
  }

  async #ask(proxy: NoteProxy, call: Call, schedule: { clock: number }): Promise<Answer> {
    const entry: Entry = { call, asked: schedule.clock, answered: Number.POSITIVE_INFINITY }
    this.history.push(entry)
    entry.answer = await answerTo(proxy, call)
    entry.answered = ++schedule.clock
    schedule.clock++
    return entry.answer
  }

  #gated(gate: Gate): { legacy: NoteStore; current: NoteStore } {
    const wrap = (name: StoreName) => {
      const store = this.#variant.store?.(this.#stores[name], name) ?? this.#stores[name]
      return new Proxy(store, {
        get:
          (_, method: keyof NoteStore) =>
          async (...args: unknown[]) => {
            const statement = () => (store[method] as (...args: unknown[]) => Promise<unknown>)(...args)
            // What changes nothing, now or later, comes at any time: no step of its own.
            if (method === 'raise' && this.#isRaised(name, args[1] as number)) return
            const result = await gate.step(`${name}.${method}`, statement)
            // It reads everything again.
            if (method === 'put' && result === false) gate.forget(`lost in epoch ${(args[0] as AccountState).epoch}`)
            return result
          },
      })
    }
    return { legacy: wrap('legacy'), current: wrap('current') }
  }

  #isRaised(name: StoreName, epoch: number): boolean {
    const { epoch: reached } = this.#stores[name] as Partial<MemoryStore>
    return reached !== undefined && reached >= epoch
  }

  #proxy(stores: NoteStores, gate: Gate): NoteProxy {
    const accounts: AccountSource = {
      load: async () => (this.#told ? this.account : this.#first),
      refresh: async () => {
        await this.#complete(stores, gate)
        gate.forget(`epoch ${this.account.epoch}`)
        return this.account
      },
    }
    return new (this.#variant.proxy ?? NoteProxy)(stores, accounts)
  }

  async #complete(stores: NoteStores, gate: Gate): Promise<void> {
    const { next } = this
    if (!next) return
    await stores.legacy.raise(next.accountId, next.epoch)
    await stores.current?.raise(next.accountId, next.epoch)
    if (this.next?.epoch !== next.epoch) return
    await gate.step('publish', async () => {
      if (this.next?.epoch !== next.epoch) return
      this.account = next
      this.next = null
    })
  }

  async #flip(stores: NoteStores, to: AccountMode, gate: Gate): Promise<void> {
    const from = this.account
    const { source } = rolesOf(from.mode)
    if (rolesOf(to).source === null && source !== null && to !== from.mode) {
      await this.#sweep(stores, 10, gate)
      const held = await summarize(stores, from).catch(() => null)
      if (!held) return
      const left = held[source]
      if (this.#variant.flip !== 'no-check' && left && left.notes + left.tombstones > 0) return
    }
    if (this.account.epoch !== from.epoch || this.next) return
    this.next = { accountId: from.accountId, mode: to, isMigrating: to === 'migrating', epoch: from.epoch + 1 }
    await this.#complete(stores, gate)
  }

  async #sweep(stores: NoteStores, limit: number, gate: Gate): Promise<void> {
    const sweep = this.#variant.sweep ?? sweepBatch
    try {
      for (let after: string | null | undefined; after !== null; ) {
        after = (await sweep(stores, this.#first, { after: after ?? null, limit })).after
        gate.forget(`swept to ${after}`)
      }
    } catch (error) {
      if (!(error instanceof Fenced)) throw error
    }
  }

  async #cleanUp(stores: NoteStores, gate: Gate): Promise<void> {
    if (this.#variant.cleanUp !== 'at-any-time') {
      if (rolesOf(this.account.mode).source !== null) return
      await this.#flip(stores, this.account.mode, gate)
    }
    const { destination } = rolesOf(this.account.mode)
    await stores[destination]?.dropTombstones(this.account, 10).catch((error) => {
      if (!(error instanceof Fenced)) throw error
    })
  }
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
