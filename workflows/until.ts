import {
  ActivityFailure,
  CancellationScope,
  condition,
  isCancellation,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow'
import type { CommandResult, UntilRow } from '../domain/until.ts'

/**
 * Timers end this long before the due time; the activity that follows waits the rest in its own process. A bare timer
 * fired 28 ms late at the median and 80 ms at p90, one armed a second early 2 ms and 3 ms.
 */
const ARM_EARLY_MS = 1_000
/** The server's durations end at 292 years; one event a year costs nothing. */
const LONGEST_TIMER_MS = 365 * 86_400_000

export interface Until {
  /** Reads the row. */
  read(): Promise<UntilRow>
  /** Does what is due; returns the row's status when that is final, null when it is not due yet, or not any more. */
  fire(): Promise<string | null>
  /** Ends the row because the workflow was cancelled. Not accepted: it was too late. */
  cancel(): Promise<CommandResult>
  /** Continues as new, with the same input. */
  startOver(): Promise<never>
}

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

/**
 * The shape *until*: waits for the due time of a row, which may move, and then fires; carries out commands meanwhile, also
 * while it fires; returns the row's status once it is final. Everything lasting is in the row, so it may be started
 * again at any time.
 */
export async function until(inbox: Inbox, { read, fire, cancel, startOver }: Until): Promise<string> {
  let lastCommand = ''
  try {
    for (;;) {
      inbox.heard()
      const row = await read()
      setCurrentDetails([`**${row.status}**, due ${row.dueAt}`, row.summary, lastCommand].filter(Boolean).join('\n\n'))
      if (row.final) return row.status
      if (!inbox.hasNews && workflowInfo().continueAsNewSuggested) await startOver()
      const armInMs = Math.min(row.dueInMs - ARM_EARLY_MS, LONGEST_TIMER_MS)
      const summary = `until one second before ${row.dueAt}`
      const woken = inbox.hasNews || (armInMs > 0 && (await condition(() => inbox.hasNews, armInMs, { summary })))
      const status = woken ? null : await unlessCommanded(inbox, fire)
      if (status) {
        setCurrentDetails(`**${status}**, was due ${row.dueAt}\n\n${row.summary}`)
        return status
      }
      for (let command = inbox.take(); command; command = inbox.take()) {
        const message = await carryOut(command)
        if (message) lastCommand = message
      }
    }
  } catch (error) {
    if (!isCancellation(error)) throw error
    const result = await CancellationScope.nonCancellable(cancel)
    setCurrentDetails(result.message)
    if (result.accepted) throw error
    return (await CancellationScope.nonCancellable(read)).status
  }
}

/** Fires, and lets go of it when a command arrives: the row's lock decides between the two. */
async function unlessCommanded(inbox: Inbox, fire: () => Promise<string | null>): Promise<string | null> {
  const scope = new CancellationScope()
  const firing = scope.run(fire)
  await Promise.race([firing, condition(() => inbox.hasNews)])
  if (inbox.hasNews) scope.cancel()
  return await firing.catch((error) => {
    if (!isCancellation(error) || !inbox.hasNews) throw error
    return null
  })
}

/** A command that cannot be carried out must not end or block what it was meant for. Returns what people are told. */
async function carryOut(command: () => Promise<CommandResult>): Promise<string> {
  try {
    const { accepted, message } = await command()
    return message && `${accepted ? 'Done' : 'Refused'}: ${message}`
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error
    return `Failed: ${error.cause?.message ?? error.message}`
  }
}
