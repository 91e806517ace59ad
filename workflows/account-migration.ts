import { makeContinueAsNewFunc, proxyActivities, proxyLocalActivities, sleep } from '@temporalio/workflow'
import type { AccountMigrationActivities } from '../activities/account-migration.ts'
import { CANCELLED, COMMAND, READ, SLICE } from './activity-options.ts'
import { openInbox } from './inbox.ts'
import { run } from './run.ts'

const { readAccountMigration } = proxyLocalActivities<AccountMigrationActivities>(READ)
const { sweepSlice } = proxyActivities<AccountMigrationActivities>(SLICE)
const commands = proxyActivities<AccountMigrationActivities>(COMMAND)
const { cancelledAccountMigration } = proxyActivities<AccountMigrationActivities>(CANCELLED)

/** A pinned workflow that waits for days looks this often whether there is a new version to continue on. */
const LONGEST_WAIT_MS = 3_600_000

/** Moves the accounts of one migration, cohort by cohort, or back; then waits until the way back closes, and cleans up. */
export async function accountMigration({ migrationId }: { migrationId: string }): Promise<string> {
  const inbox = openInbox(migrationId, {
    pause: [
      commands.pauseAccountMigration,
      'Begin no other batch until it is resumed. Input: {"by": "who", "reason": "why"}',
    ],
    resume: [commands.resumeAccountMigration, 'Go on where it stands. Input: {"by": "who", "reason": "why"}'],
    stop: [
      commands.stopAccountMigration,
      'End it; accounts stay where they are. Input: {"by": "who", "reason": "why"}',
    ],
    rollback: [commands.rollbackAccountMigration, 'Take every account back. Input: {"by": "who", "reason": "why"}'],
    pace: [
      commands.paceAccountMigration,
      'Slow it down, or speed it up. Input: {"batchSize": 200, "delayMs": 50, "parallelism": 2, "by": "who"}',
    ],
  })

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
