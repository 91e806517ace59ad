import { activityInfo } from '@temporalio/activity'
import type { Client } from '@temporalio/client'
import type { z } from 'zod'
import type { Origin } from '../domain/event.ts'
import { Problem } from '../domain/problems.ts'
import { strict } from '../domain/strict.ts'
import { Text, textUpTo } from '../domain/text.ts'
import type { CommandResult } from '../domain/until.ts'
import type { Database } from '../store/database.ts'
import { type Transaction, transaction } from '../store/transaction.ts'
import { identityOf } from '../temporal/identity.ts'

/** What every signal of an operator may say. */
export const Command = strict({ by: textUpTo(200).optional(), reason: Text.optional() })

/** What a signal may say, besides that, or must. */
export function commandWith<Fields extends z.core.$ZodShape>(fields: Fields) {
  return strict({ ...fields, ...Command.shape })
}

/** What a signal may say that changes some of these fields: at least one of them, as the request that does the same. */
export function changeCommand<Fields extends z.core.$ZodShape>(fields: Fields) {
  return commandWith(fields).refine(
    (input) => Object.keys(fields).some((field) => field in input),
    `must name at least one of ${Object.keys(fields).join(', ')}`,
  )
}

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
      const faults = parsed.error.issues.flatMap((issue) =>
        (issue.code === 'unrecognized_keys' ? issue.keys : ['']).map(
          (key) => `${[...issue.path, key].filter(String).join('.') || 'input'}: ${issue.message}`,
        ),
      )
      return { accepted: false, message: `${signal.name}: ${faults.join('; ')}` }
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
