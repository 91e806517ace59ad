import { activityInfo } from '@temporalio/activity'
import type { Client } from '@temporalio/client'
import { z } from 'zod'
import type { Origin } from '../domain/event.ts'
import { Text } from '../domain/flag.ts'
import { Problem } from '../domain/problems.ts'
import type { CommandResult } from '../domain/until.ts'
import type { Database } from '../store/database.ts'
import { type Transaction, transaction } from '../store/transaction.ts'
import { identityOf } from '../temporal/identity.ts'

/** What every signal of an operator may say. */
export const Command = z.object({ by: Text.max(200).optional(), reason: Text.optional() })

/** How activities carry out what operators ask of a workflow, by a signal or by cancelling it. */
export function createCommands({ db, client }: { db: Database; client: Client }) {
  return { carryOut, whenCancelled }

  /** Checks a signal's input and runs the store function behind it, with who and why for the event. */
  async function carryOut<Input extends z.infer<typeof Command>>(
    signal: { name: string; nth: number },
    shape: z.ZodType<Input>,
    input: unknown,
    work: (tx: Transaction, input: Input) => Promise<string>,
  ): Promise<CommandResult> {
    const parsed = shape.safeParse(input)
    if (!parsed.success) {
      const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`)
      return { accepted: false, message: `${signal.name}: ${issues.join('; ')}` }
    }
    const { by, reason } = parsed.data
    const actor = by ?? (await identityOf(client, activityInfo(), signal)).identity
    return await decide({ actor, door: 'signal', reason }, (tx) => work(tx, parsed.data))
  }

  /** Runs the store function behind the cancelling of a workflow, in the Web UI or by the CLI, in the name of who did it. */
  async function whenCancelled(
    work: (tx: Transaction, by: { identity: string; reason?: string }) => Promise<string>,
  ): Promise<CommandResult> {
    const by = await identityOf(client, activityInfo())
    return await decide({ actor: by.identity, door: 'temporal', reason: by.reason }, (tx) => work(tx, by))
  }

  /**
   * A refusal is an answer, not a failure: the workflow shows it and goes on. A repeated attempt, after one whose end was
   * lost, gets the first one's answer.
   */
  async function decide(origin: Origin, work: (tx: Transaction) => Promise<string>): Promise<CommandResult> {
    const { workflowExecution, activityId } = activityInfo()
    const key = `activity/${workflowExecution?.workflowId}/${workflowExecution?.runId}/${activityId}`
    try {
      const { result } = await transaction(db, work, { origin, once: { key, fingerprint: key } })
      return { accepted: true, message: result }
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return { accepted: false, message: error.message }
    }
  }
}
