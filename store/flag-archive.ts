import type { Flag } from '../domain/flag.ts'
import { cancelPendingOfFlag } from './flag-schedules.ts'
import { emitFlagEvent, type FlagAddress, lockFlag, refuseStale, writeFlag } from './flags.ts'
import { endRecurrencesOfFlag } from './recurrence-occurrences.ts'
import type { Transaction } from './transaction.ts'

/**
 * Archives a flag and ends its recurrences and cancels its pending schedules in the same transaction. Archiving it again changes nothing.
 *
 * @throws Problem `flag-not-found`, `revision-mismatch`
 */
export async function archiveFlag(tx: Transaction, address: FlagAddress, expectedRevision?: number): Promise<Flag> {
  const { flag, now } = await lockFlag(tx, address)
  refuseStale(flag, expectedRevision)
  if (flag.archivedAt) return flag
  await endRecurrencesOfFlag(tx, flag)
  await cancelPendingOfFlag(tx, flag)
  const after = await writeFlag(tx, { ...flag, archivedAt: now.toISOString() })
  emitFlagEvent(tx, 'flag-archived', flag, after)
  return after
}
