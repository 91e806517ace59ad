import type { Client } from '@temporalio/client'
import { CALL_DEADLINE_MS } from './connection.ts'

/**
 * Who sent the last signal of a name, or cancelled the workflow, and why: as the workflow's history has it, since
 * workflow code is not told.
 */
export async function identityOf(
  client: Client,
  { workflowExecution }: { workflowExecution?: { workflowId: string; runId: string } },
  asked: string,
): Promise<{ identity: string; reason?: string }> {
  const unknown = { identity: 'unknown operator' }
  if (!workflowExecution) return unknown
  const { workflowId, runId } = workflowExecution
  const { events } = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
    client.workflow.getHandle(workflowId, runId).fetchHistory(),
  )
  const last = events?.findLast(
    ({
      workflowExecutionSignaledEventAttributes: signaled,
      workflowExecutionCancelRequestedEventAttributes: cancelled,
    }) => (asked === 'cancelled' ? cancelled : signaled?.signalName === asked),
  )
  const signaled = last?.workflowExecutionSignaledEventAttributes
  const cancelled = last?.workflowExecutionCancelRequestedEventAttributes
  const identity = signaled?.identity ?? cancelled?.identity
  return identity ? { identity, ...(cancelled?.cause && { reason: cancelled.cause }) } : unknown
}
