import { ActivityFailure, CancellationScope, condition, isCancellation } from '@temporalio/workflow'
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
