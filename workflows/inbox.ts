import {
  ActivityFailure,
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  setHandler,
} from '@temporalio/workflow'
import type { CommandResult } from '../domain/until.ts'

/** What signals leave for the workflow. Their handlers only note it, so that they cannot fail. */
export class Inbox {
  readonly #commands: (() => Promise<CommandResult>)[] = []
  #nudged = false

  /** Commands are carried out in the order of their arrival. */
  push(command: () => Promise<CommandResult>): void {
    this.#commands.push(command)
  }

  take(): (() => Promise<CommandResult>) | undefined {
    return this.#commands.shift()
  }

  /** "Read your row again": whatever was waited for may have changed. */
  nudge(): void {
    this.#nudged = true
  }

  /** The row is about to be read: nudges up to now are heard. (Every workflow starts with one.) */
  heard(): void {
    this.#nudged = false
  }

  get hasNews(): boolean {
    return this.#nudged || this.#commands.length > 0
  }
}

/** The activity that carries out a signal of an operator, and what people read of it in the Web UI and the CLI. */
type CommandSignal = [
  activity: (id: string, command: unknown, nth: number) => Promise<CommandResult>,
  description: string,
  /** Nothing to carry out without input; others may come bare. */
  needs?: 'input',
]

/** The inbox of the workflow of row `id`, open for the signal `nudge` and for `commands`, by the names of their signals. */
export function openInbox(id: string, commands: Record<string, CommandSignal>): Inbox {
  const inbox = new Inbox()
  setHandler(defineSignal('nudge'), () => inbox.nudge(), {
    description: 'Read the row again; sent after every change of it.',
  })
  for (const [name, [activity, description, needs]] of Object.entries(commands)) {
    // The n-th of its name: the history says who sent it, should the command not.
    let sent = 0
    setHandler(
      defineSignal<[unknown?]>(name),
      (command) => {
        const nth = sent++
        inbox.push(() => activity(id, command ?? (needs ? undefined : {}), nth))
      },
      { description },
    )
  }
  return inbox
}

/** Does `work`, and lets go of it when news arrive (then null): the row's lock decides between the two. */
export async function unlessCommanded<T>(inbox: Inbox, work: () => Promise<T>): Promise<T | null> {
  const scope = new CancellationScope()
  const working = scope.run(work)
  await Promise.race([working, condition(() => inbox.hasNews)])
  if (inbox.hasNews) scope.cancel()
  return await working.catch((error) => {
    if (!isCancellation(error) || !inbox.hasNews) throw error
    return null
  })
}

/** A command that cannot be carried out must not end or block what it was meant for. Returns what people are told. */
export async function carryOut(command: () => Promise<CommandResult>): Promise<string> {
  try {
    const { accepted, message } = await command()
    return message && `${accepted ? 'Done' : 'Refused'}: ${message}`
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error
    return `Failed: ${error.cause?.message ?? error.message}`
  }
}
