import { setTimeout as wait } from 'node:timers/promises'

/**
 * Waits for a condition. An error of `look` counts as "not yet": what is asked may be down at the moment.
 *
 * @param look returns what is missing, as text; nothing when the condition holds
 * @throws Error with what was missing last, when the deadline passes
 */
export async function until(look: () => Promise<string | undefined>, withinMs = 60_000, everyMs = 100): Promise<void> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const missing = await look().catch((error: Error) => error.message || String(error))
    if (missing === undefined) return
    if (performance.now() > deadline) throw new Error(`Not after ${withinMs} ms: ${missing}`)
    await wait(everyMs)
  }
}
