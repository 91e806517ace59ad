import { heartbeat, sleep } from '@temporalio/activity'
import type { UntilRow } from '../domain/until.ts'

/** An activity waits no longer than this for its due time; with more to go it hands back to the workflow's timer. */
export const WAIT_AT_MOST_MS = 2_000
/** Below the heartbeat timeout of 2 s, above the second that is usually waited: a heartbeat is a write at the server. */
const HEARTBEAT_MS = 1_200

/** Tells the server, while `work` goes on, that this worker lives. */
export async function beating<T>(work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => heartbeat(), HEARTBEAT_MS)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

/**
 * Waits the last second in this process, then fires, until nothing is due any more. Returns the row's status once it is final,
 * null when it is not due yet, or waits for somebody.
 */
export async function fireWhenDue(read: () => Promise<UntilRow>, fire: () => Promise<unknown>): Promise<string | null> {
  return await beating(async () => {
    for (;;) {
      const { final, status, dueInMs } = await read()
      if (final) return status
      if (dueInMs === null || dueInMs > WAIT_AT_MOST_MS) return null
      if (dueInMs > 0) await sleep(Math.ceil(dueInMs))
      await fire()
    }
  })
}
