import type { AccountState } from '../../domain/account.ts'
import { Fenced } from '../../store/notes/note-store.ts'
import { type Operation, type Port, type Request, runOperation, type Variant } from './world.ts'

/** What an operation was answered, as text: `v` and the value, or `fenced`. */
export type AnswerText = string

/** Where an operation stands: what it was answered so far decides what it asks for next. */
export interface LocalState {
  /** Of the operation, among those of the scenario. */
  who: number
  id: number
  /** Nothing was asked for yet. */
  isNew: boolean
  /** What it waits for; undefined: it has ended. */
  request: Request | undefined
  /** `request` as text. */
  text: string
  failure: string | undefined
}

export const answerText = (value: unknown): AnswerText => `v${JSON.stringify(value) ?? ''}`
export const FENCED: AnswerText = 'fenced'

/**
 * The product's operations as automata. Each is run anew, from its beginning, with the answers that lead to a state; what it
 * asks for then is remembered. It can do so because an operation hears of the world by answers alone.
 */
export class LocalStates {
  readonly #operations: (Operation | { kind: 'readAll' })[]
  readonly #context: { first: AccountState; told: boolean; variant: Variant }
  readonly #byKey = new Map<string, LocalState>()
  readonly #answers = new Map<LocalState, AnswerText[]>()
  readonly #next = new Map<string, LocalState>()

  constructor(
    operations: (Operation | { kind: 'readAll' })[],
    context: { first: AccountState; told: boolean; variant: Variant },
  ) {
    this.#operations = operations
    this.#context = context
  }

  begin(who: number): Promise<LocalState> {
    return this.#reach(who, [])
  }

  /** The state after an answer, if it was looked up already. */
  known(state: LocalState, answer: AnswerText): LocalState | undefined {
    return this.#next.get(`${state.id}>${answer}`)
  }

  async lookUp(state: LocalState, answer: AnswerText): Promise<void> {
    const next = await this.#reach(state.who, [...(this.#answers.get(state) ?? []), answer])
    this.#next.set(`${state.id}>${answer}`, next)
  }

  async #reach(who: number, answers: AnswerText[]): Promise<LocalState> {
    const operation = this.#operations[who] as Operation
    let at = 0
    let call = ''
    // What it can still know: two runs that can know the same are in the same state.
    let seen = ''
    let request: Request | undefined
    let failure: string | undefined
    await new Promise<void>((resolve) => {
      const port: Port = {
        async send(asked) {
          const answer = answers[at++]
          if (answer === undefined) {
            request = asked
            resolve()
            return await new Promise(() => {})
          }
          if (asked.at === 'caller') {
            call = asked.method === 'asks' ? JSON.stringify(asked.args) : ''
            seen = ''
          } else seen += `;${asked.at}.${asked.method}=${answer}`
          if (answer === FENCED) throw new Fenced('another epoch')
          return answer === 'v' ? undefined : JSON.parse(answer.slice(1))
        },
        forget: (but) => {
          seen = but
        },
      }
      const { told } = this.#context
      runOperation(operation, port, {
        ...this.#context,
        told: told || (operation as { kind: string }).kind === 'readAll',
      })
        .catch((error: Error) => {
          failure = error.stack
        })
        .finally(resolve)
    })
    const text = request ? JSON.stringify(request) : ''
    const key = request ? `${who}|${call}|${seen}|${text}` : `${who}|ended|${failure ?? ''}`
    const known = this.#byKey.get(key)
    if (known) return known
    const state = { who, id: this.#byKey.size, isNew: answers.length === 0, request, text, failure }
    this.#byKey.set(key, state)
    this.#answers.set(state, answers)
    return state
  }
}
