import type { WorkflowClientInterceptor } from '@temporalio/client'
import { isInsideTransaction } from '../store/transaction.ts'

async function guard<Input, Output>(input: Input, next: (input: Input) => Promise<Output>): Promise<Output> {
  if (isInsideTransaction()) {
    throw new Error('Temporal was called inside a transaction, which may still roll back; use enqueueTriggerTask')
  }
  return await next(input)
}

/** Refuses every call that changes something at Temporal while a transaction is open. */
export const refuseInsideTransaction: WorkflowClientInterceptor = {
  start: guard,
  signal: guard,
  signalWithStart: guard,
  startUpdate: guard,
  startUpdateWithStart: guard,
  cancel: guard,
  terminate: guard,
}
