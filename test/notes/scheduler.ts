/**
 * Runs several actors one step at a time, in an order that the caller chooses: an actor stands still before each of its
 * statements until it is told to go on. The actors are the product's own code; only their stores wait at the gate.
 */
export interface Actor {
  name: string
  /** Its statements must go through `gate`. */
  run(gate: Gate): Promise<void>
}

export interface Gate {
  /** Waits until the actor may take its next step, then takes it. What it was answered is part of the state of the whole. */
  step<T>(label: string, statement: () => Promise<T>): Promise<T>
  /** The actor has forgotten all that it was answered, but for this. */
  forget(but: string): void
}

interface Slot {
  status: Status
  /** All that it was answered. */
  seen: string
  go: () => void
  moved: () => void
}

type Status = 'new' | 'waiting' | 'done' | 'crashed'

export class Schedule {
  readonly #actors: Actor[]
  readonly #slots: Slot[]
  /** Steps taken so far: the time of the whole. */
  clock = 0
  crashes = 0
  failure: unknown

  constructor(actors: Actor[]) {
    this.#actors = actors
    this.#slots = actors.map(() => ({ status: 'new', seen: '', go: () => {}, moved: () => {} }))
  }

  /** Steps that can be taken now: `n` lets actor n go on, `~n` ends it where it stands. */
  choices(mayCrash: boolean): number[] {
    const able = this.#slots.flatMap(({ status }, n) => (status === 'new' || status === 'waiting' ? [n] : []))
    const crashes =
      mayCrash && this.crashes === 0 ? able.filter((n) => this.#slots[n]?.status === 'waiting').map((n) => ~n) : []
    return [...able, ...crashes]
  }

  async take(choice: number): Promise<void> {
    this.clock++
    const n = choice < 0 ? ~choice : choice
    const slot = this.#slots[n] as Slot
    if (choice < 0) {
      this.crashes++
      slot.status = 'crashed'
      slot.seen = ''
      return
    }
    if (slot.status === 'new') await this.#until(slot, () => this.#start(n))
    // The first statement is taken at once: an operation begins with it.
    if ((slot.status as Status) === 'waiting') await this.#until(slot, slot.go)
  }

  /** What each actor knows, by all that it was answered, and whether it has ended. */
  state(): string {
    return this.#slots.map(({ status, seen }) => `${status[0]}${seen}`).join('|')
  }

  #until(slot: Slot, begin: () => void): Promise<void> {
    return new Promise((resolve) => {
      slot.moved = resolve
      begin()
    })
  }

  #start(n: number): void {
    const slot = this.#slots[n] as Slot
    const step: Gate['step'] = async (label, statement) => {
      await new Promise<void>((resolve) => {
        slot.go = resolve
        slot.status = 'waiting'
        slot.moved()
      })
      try {
        const result = await statement()
        slot.seen += `;${label}=${JSON.stringify(result)}`
        return result
      } catch (error) {
        slot.seen += `;${label}!${(error as Error).name}`
        throw error
      }
    }
    const end = () => {
      slot.status = 'done'
      slot.seen = ''
      slot.moved()
    }
    this.#actors[n]?.run({ step, forget: (but) => (slot.seen = but) }).then(end, (error) => {
      this.failure ??= error
      end()
    })
  }
}
