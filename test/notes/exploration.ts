import type { StoreName } from '../../domain/account.ts'
import type { Copy } from '../../domain/note-copies.ts'
import { Fenced } from '../../store/notes/note-store.ts'
import { answered, asked, beginMonitor, type Monitor } from './linearizability.ts'
import { type AnswerText, answerText, FENCED, type LocalState, LocalStates } from './local-states.ts'
import { createMemoryStore } from './memory-store.ts'
import {
  type AccountRow,
  accountOf,
  performOnAccount,
  type Request,
  referenceOf,
  type Scenario,
  type Variant,
} from './world.ts'

/** What a store holds, as data. */
interface Held {
  id: number
  epoch: number
  copies: Copy[]
}

/** All that decides what can follow. */
export interface State {
  id: number
  legacy: Held
  current: Held
  row: Named<AccountRow>
  actors: LocalState[]
  /** Who was ended where it stood; -1: nobody. */
  crashed: number
  monitor: Named<Monitor>
  followers: number[]
  /** How it was reached first: by which step of which state. */
  from: State | undefined
  by: Choice
}

/** `n` lets operation n go on, `~n` ends it where it stands. */
type Choice = number

interface Named<T> {
  id: number
  is: T
}

/** Statements of the last reader; a few dozen are enough for it. */
const LONGEST = 300

/** Something that has to be looked up, asynchronously, before a step can be taken. */
class Missing {
  readonly lookUp: () => Promise<void>
  constructor(lookUp: () => Promise<void>) {
    this.lookUp = lookUp
  }
}

export class Violation {
  readonly what: string
  /** Of the step that shows it. */
  readonly steps: string[]
  constructor(what: string, steps: string[]) {
    this.what = what
    this.steps = steps
  }
}

/** The states of one scenario and the steps between them; each thing that can be is kept once, under a number. */
export class Exploration {
  readonly #scenario: Scenario
  readonly #variant: Variant
  readonly #locals: LocalStates
  readonly #states = new Map<string, State>()
  readonly #held = new Map<string, Held>()
  readonly #named = new Map<string, Named<unknown>>()
  readonly #performed = new Map<string, { held: Held; answer: AnswerText }>()
  readonly #heard = new Map<string, Named<Monitor>>()
  readonly #read = new Set<string>()
  readonly #unlost = new Set<string>()
  #reader: LocalState | undefined
  /** Of the step that is being taken. */
  #steps: string[] = []

  constructor(scenario: Scenario, variant: Variant) {
    this.#scenario = scenario
    this.#variant = variant
    const context = { first: accountOf(scenario, 1), told: scenario.told ?? false, variant }
    this.#locals = new LocalStates([...scenario.operations, { kind: 'readAll' }], context)
  }

  async begin(): Promise<State> {
    const { operations, legacy, current } = this.#scenario
    const actors: LocalState[] = []
    for (const who of operations.keys()) actors.push(await this.#locals.begin(who))
    this.#reader = await this.#locals.begin(operations.length)
    return this.#enter({
      legacy: this.#hold(1, legacy),
      current: this.#hold(1, current),
      row: this.#name({ account: accountOf(this.#scenario, 1), next: null }),
      actors,
      crashed: -1,
      monitor: this.#name(beginMonitor(referenceOf(this.#scenario))),
      from: undefined,
      by: 0,
    })
  }

  /** Does something again and again, until nothing has to be looked up for it. */
  async completed<T>(work: () => T): Promise<T> {
    for (;;) {
      try {
        return work()
      } catch (missing) {
        if (!(missing instanceof Missing)) throw missing
        await missing.lookUp()
      }
    }
  }

  /** Lets one operation take its next step: what it waits for, and on to where others may come between again. */
  step(state: State, who: number): State {
    const now = { ...state, from: state, by: who }
    now.actors = state.actors.with(who, this.#advance(now, state.actors[who] as LocalState))
    return this.#enter(now)
  }

  /** Ends one operation where it stands. */
  end(state: State, who: number): State {
    return this.#enter({ ...state, crashed: who, from: state, by: ~who })
  }

  /** When nothing moves any more, a process that has just begun reads everything. */
  readAll(state: State): void {
    const key = [state.legacy.id, state.current.id, state.row.id, state.monitor.id].join()
    if (this.#read.has(key)) return
    const now = { ...state }
    let reader = this.#reader as LocalState
    for (let steps = 0; reader.request; reader = this.#advance(now, reader)) {
      if (steps++ > LONGEST) throw new Violation('the last reader goes round and round', this.#steps)
    }
    this.#read.add(key)
  }

  /** The steps that lead to a state, and those of the one after it that shows the violation. */
  stepsTo(state: State, { steps }: Violation): string {
    const path: State[] = []
    for (let at = state; at.from; at = at.from) path.unshift(at)
    const lines = path.map(({ from, by }) => {
      if (by < 0) return `${~by} dies`
      this.#steps = []
      this.step(from as State, by)
      return this.#steps.join('\n')
    })
    return [...lines, ...steps].join('\n')
  }

  #advance(now: State, from: LocalState): LocalState {
    let actor = from
    this.#steps = []
    // An operation begins with its first statement; what comes between two statements comes with the one before.
    for (let stepped = false; actor.request; ) {
      const { request } = actor
      const isStep = this.#isStep(now, request)
      if (stepped && (isStep || (request.at === 'caller' && request.method === 'asks'))) break
      stepped ||= isStep
      const answer = this.#perform(now, actor, request)
      const next = this.#locals.known(actor, answer)
      if (!next) {
        const before = actor
        throw new Missing(() => this.#locals.lookUp(before, answer))
      }
      actor = next
      if (actor.failure) throw new Violation(`failed: ${actor.failure}`, this.#steps)
    }
    return actor
  }

  // What changes nothing, now or later, comes at any time: no step of its own.
  #isStep(now: State, request: Request): boolean {
    if (request.at === 'caller') return false
    if (request.at === 'account') return request.method === 'publish'
    return request.method !== 'raise' || now[request.at].epoch < (request.args[1] as number)
  }

  #perform(now: State, { who, text }: LocalState, request: Request): AnswerText {
    if (request.at === 'account') {
      now.row = this.#name(performOnAccount(now.row.is, request))
      return answerText(request.method === 'read' ? now.row.is : undefined)
    }
    if (request.at === 'caller') {
      const key = `${now.monitor.id}|${who}|${text}`
      let monitor = this.#heard.get(key)
      if (!monitor) {
        const { is } = now.monitor
        const after = request.method === 'asks' ? asked(is, who, request.args[0]) : answered(is, who, request.args[0])
        monitor = this.#name(after)
        this.#heard.set(key, monitor)
      }
      now.monitor = monitor
      if (monitor.is.length === 0) throw new Violation(`no map would have answered ${who} so: ${text}`, this.#steps)
      return answerText(undefined)
    }
    const { at } = request
    const before = now[at]
    const key = `${before.id}${at}${text}`
    const performed = this.#performed.get(key)
    if (!performed) {
      throw new Missing(async () => {
        this.#performed.set(key, await this.#performInStore(at, before, request))
      })
    }
    this.#steps.push(`${who} ${text} → ${performed.answer}`)
    if (performed.held !== before) {
      const other = now[at === 'legacy' ? 'current' : 'legacy']
      now[at] = performed.held
      this.#refuseLoss(before, performed.held, other)
    }
    return performed.answer
  }

  async #performInStore(
    name: StoreName,
    { epoch, copies }: Held,
    { method, args }: Extract<Request, { at: StoreName }>,
  ) {
    const memory = createMemoryStore()
    memory.epoch = epoch
    memory.copies = new Map(copies.map((copy) => [copy.id, copy]))
    const store = this.#variant.store?.(memory, name) ?? memory
    const call = store[method] as (...args: unknown[]) => Promise<unknown>
    const answer = await call(...args).then(answerText, (error) => {
      if (error instanceof Fenced) return FENCED
      throw error
    })
    return { held: this.#hold(memory.epoch, [...memory.copies.values()]), answer }
  }

  /** No step may lose a key or lower its version over both stores, but for a clean-up that forgets tombstones. */
  #refuseLoss(before: Held, after: Held, other: Held): void {
    const key = `${before.id},${after.id},${other.id}`
    if (this.#unlost.has(key) || this.#scenario.operations.some(({ kind }) => kind === 'cleanUp')) return
    const highest = (held: Held, of: string) =>
      Math.max(0, ...[...held.copies, ...other.copies].filter(({ id }) => id === of).map(({ version }) => version))
    for (const { id } of before.copies) {
      const version = highest(before, id)
      if (highest(after, id) < version)
        throw new Violation(`version ${version} of ${id} is in neither store`, this.#steps)
    }
    this.#unlost.add(key)
  }

  #enter(now: Omit<State, 'id' | 'followers'>): State {
    const { legacy, current, row, actors, crashed, monitor, from, by } = now
    let key = `${legacy.id},${current.id},${row.id},${monitor.id},${crashed}`
    for (const { who, id } of actors) key += who === crashed ? ',-' : `,${id}`
    const known = this.#states.get(key)
    if (known) return known
    const state = { id: this.#states.size, legacy, current, row, actors, crashed, monitor, followers: [], from, by }
    this.#states.set(key, state)
    return state
  }

  #hold(epoch: number, unordered: Copy[]): Held {
    const copies = [...unordered].sort((a, b) => (a.id < b.id ? -1 : 1))
    const key = JSON.stringify([epoch, copies])
    const known = this.#held.get(key) ?? { id: this.#held.size, epoch, copies }
    this.#held.set(key, known)
    return known
  }

  #name<T>(is: T): Named<T> {
    const key = JSON.stringify(is)
    const known = (this.#named.get(key) as Named<T> | undefined) ?? { id: this.#named.size, is }
    this.#named.set(key, known)
    return known
  }
}
