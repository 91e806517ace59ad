import pLimit from 'p-limit'
import type { Log } from '../runtime/log.ts'
import type { SweepOutcome } from '../store/apply-due.ts'
import type { Database } from '../store/database.ts'
import { type Sweep, type SweepOptions, sweepDue } from '../store/sweep.ts'

export interface Sweeper {
  /** Applies everything that is due, of whatever flag; resolves with what it did, by schedule. */
  sweep(): Promise<Map<string, SweepOutcome>>
  /** Applies what is due on one flag, waiting for whoever holds its lock. @throws what Postgres refuses it with */
  sweepFlag(flagId: string): Promise<void>
}

/** Connections that may wait for locked flags at once; the others are left to the common sweep. */
const WAITING_AT_ONCE = 2

/**
 * Coalesces the sweeps of a process: one runs at a time, and whoever asks while it runs shares the next one, which sees
 * everything that was due when they asked. 3,000 schedules of one instant cost 30 transactions, not 3,000.
 */
export function createSweeper(db: Database, log: Log, { retries = 0 }: Pick<SweepOptions, 'retries'> = {}): Sweeper {
  let running: Promise<unknown> | undefined
  let next: Promise<Map<string, SweepOutcome>> | undefined
  const limit = pLimit(WAITING_AT_ONCE)
  const waiting = new Map<string, Promise<void>>()

  const sweepAll = async () => {
    const outcomes = new Map<string, SweepOutcome>()
    const without: string[] = []
    for (;;) {
      const swept = await sweepDue(db, { without, retries })
      for (const outcome of swept.outcomes) outcomes.set(outcome.scheduleId, outcome)
      report(log, swept)
      without.push(...swept.stuck.map(({ flagId }) => flagId), ...swept.held)
      if (!swept.more) return outcomes
    }
  }

  const start = () => {
    next = undefined
    const sweep = sweepAll()
    running = sweep
      .catch(() => {})
      .finally(() => {
        running = undefined
      })
    return sweep
  }

  const sweepFlag = async (flagId: string) => {
    const swept = await sweepDue(db, { flagId, retries })
    report(log, swept)
    if (swept.stuck[0]) throw swept.stuck[0].error
  }

  return {
    async sweep() {
      if (running) next ??= running.then(start)
      // Without one that runs, the next may still be about to start.
      return await (next ?? start())
    },
    async sweepFlag(flagId) {
      const same = waiting.get(flagId) ?? limit(() => sweepFlag(flagId)).finally(() => waiting.delete(flagId))
      waiting.set(flagId, same)
      await same
    },
  }
}

function report(log: Log, { outcomes, stuck }: Sweep): void {
  for (const { flagId, error } of stuck)
    log.error({ flagId, err: error }, 'Schedules of a flag cannot be applied for now')
  for (const { scheduleId, flagKey, environment, status, lateness, error, willRetryAt } of outcomes) {
    if (status === 'applied') {
      log.info(
        { scheduleId, flagKey, environment, latenessMs: Math.round((lateness ?? 0) * 1e4) / 10 },
        'Schedule applied',
      )
    } else {
      log.error({ scheduleId, flagKey, environment, error, willRetryAt }, 'Failed to apply schedule')
    }
  }
}
