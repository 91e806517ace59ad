import { setTimeout as wait } from 'node:timers/promises'
import type { Part } from '../helpers/parts.ts'

/** Kills a part of the product and starts it again a moment later. */
export async function killAndRestart(part: Part, afterMs = 1_000): Promise<void> {
  await part.kill()
  await wait(afterMs)
  await part.start()
}
