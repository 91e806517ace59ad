import {
  CancellationScope,
  condition,
  isCancellation,
  patched,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type { CommandResult, UntilRow } from '../domain/until.ts'
import { carryOut, type Inbox, unlessCommanded } from './inbox.ts'
import { DUE_AT, ENVIRONMENT, FLAG_KEY } from './search-attributes.ts'

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
      const due = row.dueAt && `, due ${row.dueAt}`
      setCurrentDetails([`**${row.status}**${due}`, row.summary, lastCommand].filter(Boolean).join('\n\n'))
      if (row.final) return row.status
      if (!inbox.hasNews && workflowInfo().continueAsNewSuggested) await startOver()
      const woken = inbox.hasNews || (await wokenBefore(inbox, row))
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
    if (!result.accepted) return (await CancellationScope.nonCancellable(read)).status
    // Taken up again meanwhile: who did that was told that it goes on.
    if (inbox.hasNews && patched('taken-up-again')) {
      const { final, dueInMs } = await CancellationScope.nonCancellable(read)
      if (!final && dueInMs !== null) await startOver()
    }
    throw error
  }
}

/** Has operators find the workflow by what its row says now. */
export function showInSearch({ flagKey, environment, dueAt }: UntilRow): void {
  const shown = workflowInfo().typedSearchAttributes
  const due = dueAt ? new Date(dueAt) : null
  if ((shown.get(FLAG_KEY) ?? '') === flagKey && shown.get(DUE_AT)?.getTime() === due?.getTime()) return
  upsertSearchAttributes([
    { key: FLAG_KEY, value: flagKey || null },
    { key: ENVIRONMENT, value: environment },
    { key: DUE_AT, value: due },
  ])
}

/** Waits for the due time. Returns true when news came first. */
async function wokenBefore(inbox: Inbox, { dueInMs, dueAt }: UntilRow): Promise<boolean> {
  if (dueInMs === null) {
    await condition(() => inbox.hasNews)
    return true
  }
  const armInMs = Math.min(dueInMs - ARM_EARLY_MS, LONGEST_TIMER_MS)
  const summary = `until one second before ${dueAt}`
  return armInMs > 0 && (await condition(() => inbox.hasNews, armInMs, { summary }))
}
