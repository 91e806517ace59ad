import {
  ActivityCancellationType,
  defineSignal,
  makeContinueAsNewFunc,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
} from '@temporalio/workflow'
import type { AccountMigrationActivities } from '../activities/account-migration.ts'
import { Inbox } from './inbox.ts'
import { run } from './run.ts'

const { readAccountMigration } = proxyLocalActivities<AccountMigrationActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

// A slice takes about 5 s; a worker that was killed is missed after 10 s without a heartbeat.
const { sweepSlice } = proxyActivities<AccountMigrationActivities>({
  startToCloseTimeout: '5m',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10s' },
  // Its fence keeps what it still does from being written, so nobody has to wait for it.
  cancellationType: ActivityCancellationType.TRY_CANCEL,
})

// A command is given up after half a minute, so that the migration goes on; its sender sees why.
const commands = proxyActivities<AccountMigrationActivities>({
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: '30s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
})

const { cancelledAccountMigration } = proxyActivities<AccountMigrationActivities>({
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
})

/** A pinned workflow that waits for days looks this often whether there is a new version to continue on. */
const LONGEST_WAIT_MS = 3_600_000

type Command = { by?: string; reason?: string }
type Pace = Command & { batchSize?: number; delayMs?: number; parallelism?: number }

const nudge = defineSignal('nudge')

const SIGNALS = {
  pause: ['pauseAccountMigration', 'Begin no other batch until it is resumed. Input: {"by": "who", "reason": "why"}'],
  resume: ['resumeAccountMigration', 'Go on where it stands. Input: {"by": "who", "reason": "why"}'],
  stop: ['stopAccountMigration', 'End it; accounts stay where they are. Input: {"by": "who", "reason": "why"}'],
  rollback: ['rollbackAccountMigration', 'Take every account back. Input: {"by": "who", "reason": "why"}'],
  pace: [
    'paceAccountMigration',
    'Slow it down, or speed it up. Input: {"batchSize": 200, "delayMs": 50, "parallelism": 2, "by": "who"}',
  ],
} as const

/** Moves the accounts of one migration, cohort by cohort, or back; then waits until the way back closes, and cleans up. */
export async function accountMigration({ migrationId }: { migrationId: string }): Promise<string> {
  const inbox = new Inbox()
  setHandler(nudge, () => inbox.nudge(), { description: 'Read the row again; sent after every change of it.' })
  for (const [name, [activity, description]] of Object.entries(SIGNALS)) {
    // The n-th of its name: the history says who sent it, should the command not.
    let nth = 0
    setHandler(
      defineSignal<[Pace?]>(name),
      (command) => {
        const n = nth++
        inbox.push(() => commands[activity](migrationId, command ?? {}, n))
      },
      { description },
    )
  }

  let waitMs = 0
  return await run(inbox, {
    read: async () => {
      const state = await readAccountMigration(migrationId)
      waitMs = Math.min(state.waitMs, LONGEST_WAIT_MS)
      return state
    },
    slice: () =>
      waitMs > 0 ? sleep(waitMs, { summary: 'Next cohort, or the end of the way back' }) : sweepSlice(migrationId),
    cancel: () => cancelledAccountMigration(migrationId),
    startOver: () =>
      makeContinueAsNewFunc<typeof accountMigration>({ initialVersioningBehavior: 'AUTO_UPGRADE' })({ migrationId }),
  })
}
