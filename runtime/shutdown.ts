import type { Log } from './log.ts'

/**
 * Runs `stop` once on SIGTERM or SIGINT and ends the process: 0 when it stopped cleanly, 1 when it failed or took longer
 * than `limitMs`.
 */
export function onShutdown(log: Log, stop: () => Promise<void>, limitMs = 30_000): void {
  let stopping = false
  const shut = async (signal: string) => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'Stopping')
    setTimeout(() => process.exit(1), limitMs).unref()
    try {
      await stop()
      log.info('Stopped')
      process.exit(0)
    } catch (error) {
      log.error({ err: error }, 'Could not stop cleanly')
      process.exit(1)
    }
  }
  process.on('SIGTERM', shut)
  process.on('SIGINT', shut)
}
