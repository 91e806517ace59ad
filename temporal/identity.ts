import type { Client } from '@temporalio/client'
import { CALL_DEADLINE_MS } from './connection.ts'

const UNKNOWN = { identity: 'unknown operator' }

/**
 * Who sent the n-th signal of a name or, without one, who cancelled the workflow, and why: as its history has it, since
 * workflow code is not told. Whoever may not read histories still gets an answer, since nothing depends on it.
 */
export async function identityOf(
  client: Client,
  { workflowExecution }: { workflowExecution?: { workflowId: string; runId: string } },
  signal?: { name: string; nth: number },
): Promise<{ identity: string; reason?: string }> {
  if (!workflowExecution) return UNKNOWN
  const handle = client.workflow.getHandle(workflowExecution.workflowId, workflowExecution.runId)
  const history = await client
    .withDeadline(Date.now() + CALL_DEADLINE_MS, () => handle.fetchHistory())
    .catch(() => undefined)
  const events = history?.events ?? []
  if (signal) {
    const sent = events.flatMap(({ workflowExecutionSignaledEventAttributes: event }) => event ?? [])
    const identity = sent.filter(({ signalName }) => signalName === signal.name)[signal.nth]?.identity
    return identity ? { identity } : UNKNOWN
  }
  const cancelled = events.flatMap(({ workflowExecutionCancelRequestedEventAttributes: event }) => event ?? []).at(-1)
  if (!cancelled?.identity) return UNKNOWN
  return { identity: cancelled.identity, ...(cancelled.cause && { reason: cancelled.cause }) }
}

/** Who terminated a workflow, and why, as its history has it. */
export async function terminatorOf(client: Client, workflowId: string): Promise<{ identity: string; reason?: string }> {
  const history = await client
    .withDeadline(Date.now() + CALL_DEADLINE_MS, () => client.workflow.getHandle(workflowId).fetchHistory())
    .catch(() => undefined)
  const last = history?.events?.at(-1)?.workflowExecutionTerminatedEventAttributes
  if (!last?.identity) return UNKNOWN
  return { identity: last.identity, ...(last.reason && { reason: last.reason }) }
}
