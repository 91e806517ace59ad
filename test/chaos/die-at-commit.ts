import { createLog } from '../../runtime/log.ts'
import { openDatabase } from '../../store/database.ts'
import { createSchedule } from '../../store/flag-schedules.ts'
import { transaction } from '../../store/transaction.ts'

/**
 * Run as a process of its own: creates a schedule and dies of SIGKILL, before COMMIT or right after it.
 * Arguments: `before` or `after`, the flag's key, the due time.
 */
const [point, flagKey, scheduledAt] = process.argv.slice(2) as [string, string, string]

function die(): never {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('still alive')
}

const db = openDatabase({
  url: process.env.DATABASE_URL as string,
  name: 'api',
  log: createLog('die-at-commit', 'info'),
  dispatcher: { dispatch: async () => die() },
})
await transaction(
  db,
  async (tx) => {
    const input = { scheduledAt, updates: { enabled: true }, comment: point }
    await createSchedule(tx, { environment: 'production', flagKey }, input)
    if (point === 'before') die()
  },
  { origin: { actor: 'chaos', door: 'http' } },
)
