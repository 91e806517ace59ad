import { CancellationScope, isCancellation, setCurrentDetails, workflowInfo } from '@temporalio/workflow'
import type { CommandResult } from '../domain/until.ts'
import { carryOut, type Inbox, unlessCommanded } from './inbox.ts'

/** What a workflow needs to know of the run that it works for. */
export interface RunState {
  /** Nothing is left to do, unless somebody resumes it. */
  final: boolean
  status: string
  /** For people, as Markdown. */
  details: string
}

export interface Run {
  /** Reads the row. */
  read(): Promise<RunState>
  /** Works for a few seconds, and hands back. */
  slice(): Promise<void>
  /** Ends the row because the workflow was cancelled. Not accepted: it was too late. */
  cancel(): Promise<CommandResult>
  /** Continues as new, with the same input. */
  startOver(): Promise<never>
}

/**
 * The shape *run*: works slice by slice until the row says that it is done; carries out commands meanwhile, also those that
 * come to a run that has ended. Cancelling the workflow cancels the row.
 *
 * @returns the row's final status
 */
export async function run(inbox: Inbox, { read, slice, cancel, startOver }: Run): Promise<string> {
  let lastCommand = ''
  try {
    for (;;) {
      for (let command = inbox.take(); command; command = inbox.take()) {
        const message = await carryOut(command)
        if (message) lastCommand = message
      }
      inbox.heard()
      const { final, status, details } = await read()
      setCurrentDetails([details, lastCommand].filter(Boolean).join('\n\n'))
      if (inbox.hasNews) continue
      if (final) return status
      const { continueAsNewSuggested, targetWorkerDeploymentVersionChanged } = workflowInfo()
      if (continueAsNewSuggested || targetWorkerDeploymentVersionChanged) await startOver()
      await unlessCommanded(inbox, slice)
    }
  } catch (error) {
    if (!isCancellation(error)) throw error
    const result = await CancellationScope.nonCancellable(cancel)
    setCurrentDetails(result.message)
    if (result.accepted) throw error
    return (await CancellationScope.nonCancellable(read)).status
  }
}
