import type { Flag } from '../domain/flag.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { refuseDependedOn } from './flag-dependencies.ts'
import { refuseFlagInRelease } from './flag-releases.ts'
import { cancelPendingOfFlag } from './flag-schedules.ts'
import { emitFlagEvent, type FlagAddress, lockFlag, writeFlag } from './flags.ts'
import { endRecurrencesOfFlag } from './recurrence-occurrences.ts'
import { pausePlanOfFlag } from './release-plan-control.ts'
import type { Transaction } from './transaction.ts'

/**
 * Archives a flag, ends its recurrences, cancels its pending schedules and pauses its release plan in the same transaction. Archiving it again changes nothing.
 *
 * @throws Problem `flag-not-found`, `revision-mismatch`, `flag-depended-on`, `flag-in-release`
 */
export async function archiveFlag(tx: Transaction, address: FlagAddress, expectedRevision?: number): Promise<Flag> {
  const { flag, now } = await lockFlag(tx, address)
  requireCurrent('The flag', { revision: flag.revision }, expectedRevision)
  if (flag.archivedAt) return flag
  await refuseDependedOn(tx, flag)
  await refuseFlagInRelease(tx, flag)
  await endRecurrencesOfFlag(tx, flag)
  await cancelPendingOfFlag(tx, flag)
  await pausePlanOfFlag(tx, flag)
  const after = await writeFlag(tx, { ...flag, archivedAt: now.toISOString() })
  emitFlagEvent(tx, 'flag-archived', flag, after)
  return after
}
