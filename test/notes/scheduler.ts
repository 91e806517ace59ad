import type { NoteStore } from '../../store/notes/note-store.ts'
import { answered, asked, beginMonitor, type Monitor } from './linearizability.ts'
import {
  type AccountRow,
  accountOf,
  type Port,
  performOnAccount,
  type Request,
  referenceOf,
  runOperation,
  type Scenario,
} from './world.ts'

/** An operation that stands still before each of its statements, until it is told to go on. */
interface Actor {
  status: 'new' | 'waiting' | 'done' | 'crashed'
  go: () => void
  moved: () => void
}

/**
 * One interleaving of a scenario over real stores, a crash included now and then, drawn by `random` (below the number given).
 * `epoch` is that of the account in both stores.
 *
 * @returns what a map could not have answered so, if there is such a thing
 */
export async function runOnce(
  scenario: Scenario,
  stores: { legacy: NoteStore; current: NoteStore },
  epoch: number,
  random: (below: number) => number,
): Promise<string | undefined> {
  const first = accountOf(scenario, epoch)
  let row: AccountRow = { account: first, next: null }
  let monitor: Monitor = beginMonitor(referenceOf(scenario))
  const history: string[] = []
  let crashed = false

  const perform = async (who: number, request: Request): Promise<unknown> => {
    if (request.at === 'account') {
      row = performOnAccount(row, request)
      return request.method === 'read' ? row : undefined
    }
    if (request.at === 'caller') {
      monitor =
        request.method === 'asks' ? asked(monitor, who, request.args[0]) : answered(monitor, who, request.args[0])
      history.push(`${who} ${request.method} ${JSON.stringify(request.args[0])}`)
      return undefined
    }
    const { at, method, args } = request
    return await (stores[at][method] as (...args: unknown[]) => Promise<unknown>)(...args)
  }

  const actors = scenario.operations.map((): Actor => ({ status: 'new', go: () => {}, moved: () => {} }))
  const run = (who: number, actor: Actor) => {
    const port: Port = {
      async send(request) {
        const isStep = request.at === 'legacy' || request.at === 'current' || request.method === 'publish'
        if (!isStep) return await perform(who, request)
        await new Promise<void>((go) => {
          Object.assign(actor, { go, status: 'waiting' })
          actor.moved()
        })
        return await perform(who, request)
      },
      forget: () => {},
    }
    const operation = scenario.operations[who] as Scenario['operations'][0]
    void runOperation(operation, port, { first, told: scenario.told ?? false, variant: {} })
      .catch((error: Error) => {
        history.push(`${who} failed: ${error.stack}`)
        monitor = []
      })
      .finally(() => {
        actor.status = 'done'
        actor.moved()
      })
  }
  const until = (actor: Actor, begin: () => void) =>
    new Promise<void>((resolve) => {
      actor.moved = resolve
      begin()
    })

  for (;;) {
    const able = actors.filter(({ status }) => status === 'new' || status === 'waiting')
    if (able.length === 0) break
    const actor = able[random(able.length)] as Actor
    // A crash is one choice among many steps.
    if (!crashed && actor.status === 'waiting' && random(12) === 0) {
      crashed = true
      actor.status = 'crashed'
      continue
    }
    if (actor.status === 'new') await until(actor, () => run(actors.indexOf(actor), actor))
    // The first statement is taken at once: an operation begins with it.
    if (actor.status === 'waiting') await until(actor, actor.go)
  }
  const reader = actors.length
  const direct: Port = { send: (request) => perform(reader, request), forget: () => {} }
  await runOperation({ kind: 'readAll' }, direct, { first, told: true, variant: {} })
  return monitor.length > 0 ? undefined : history.join('\n')
}
