import type { Activation, Gameplan } from '../domain/gameplan/resource.ts'
import { contradictions } from '../domain/gameplan/run.ts'
import { Problem } from '../domain/problems.ts'
import { sqlState } from './database.ts'
import { readDocument, writeParts } from './gameplan-document.ts'
import { forgetStopped, stopSwitching, withdrawRequest } from './gameplan-flag.ts'
import {
  finishGameplan,
  type GameplanAddress,
  type Loaded,
  lockGameplan,
  requireStatus,
  toGameplan,
} from './gameplan-rows.ts'
import { flagColumns } from './gameplans.ts'
import { readTemplate } from './release-plan-templates.ts'
import type { Transaction } from './transaction.ts'

/**
 * Starts a draft: from now on its patches can be merged, and its flag follows them.
 *
 * @throws Problem `gameplan-not-found`, `-state`, `-flag-taken`, `revision-mismatch`, `template-not-found`, `template-archived`,
 *   `validation-failed` for an activation without a flag
 */
export async function startGameplan(
  tx: Transaction,
  address: GameplanAddress,
  activation: Activation = { how: 'at-once' },
  expected?: number,
): Promise<Gameplan> {
  const loaded = await lockGameplan(tx, address, expected)
  requireStatus(loaded, 'draft')
  if (loaded.row.flag_key === null && activation.how !== 'at-once') {
    throw new Problem('validation-failed', 'The gameplan has no flag that could be switched.', {
      fields: [{ field: 'activation', message: 'is for a gameplan with a flag' }],
    })
  }
  if (activation.how === 'release-plan') await readTemplate(tx, activation.templateId)
  await claimFlag(tx, loaded.row.flag_key, () =>
    tx.query(
      `UPDATE gameplans SET status = 'running', activation = $2::jsonb, started_by = $3, started_at = clock_timestamp()
       WHERE id = $1`,
      [loaded.row.id, JSON.stringify(activation), tx.origin.actor],
    ),
  )
  return await finishGameplan(tx, loaded, 'gameplan-started', { activation })
}

/** Two gameplans that switch one flag would undo what the other does. @throws Problem `gameplan-flag-taken` */
async function claimFlag(tx: Transaction, flagKey: string | null, write: () => Promise<unknown>): Promise<void> {
  await tx.savepoint(write).catch((error) => {
    if (sqlState(error) !== '23505') throw error
    throw new Problem('gameplan-flag-taken', `Another gameplan that runs, or is paused, has the flag "${flagKey}".`)
  })
}

/** Takes no further step with its flag until it is resumed; patches can still be merged. @throws Problem `gameplan-not-found`, `-state` */
export async function pauseGameplan(
  tx: Transaction,
  address: GameplanAddress,
  expected?: number,
  reason = tx.origin.reason ?? `paused by ${tx.origin.actor}`,
): Promise<Gameplan> {
  const loaded = await lockGameplan(tx, address, expected)
  if (loaded.row.status === 'paused') return await toGameplan(tx, loaded)
  requireStatus(loaded, 'running')
  return await pauseLocked(tx, loaded, reason)
}

/** Pauses a gameplan that the caller has locked, and found running. */
export async function pauseLocked(tx: Transaction, loaded: Loaded, reason: string): Promise<Gameplan> {
  await tx.query(`UPDATE gameplans SET status = 'paused', pause_reason = $2 WHERE id = $1`, [loaded.row.id, reason])
  return await finishGameplan(tx, loaded, 'gameplan-paused', { pauseReason: reason })
}

/**
 * Goes on with a paused gameplan; of a running one, tries again at once what was refused. A step whose change request was
 * rejected, or whose schedule was cancelled, is done anew.
 *
 * @throws Problem `gameplan-not-found`, `-state`
 */
export async function resumeGameplan(tx: Transaction, address: GameplanAddress, expected?: number): Promise<Gameplan> {
  const loaded = await lockGameplan(tx, address, expected)
  requireStatus(loaded, 'paused', 'running')
  if (loaded.row.status === 'running' && !loaded.row.problem) return await toGameplan(tx, loaded)
  await forgetStopped(tx, loaded)
  await tx.query(
    `UPDATE gameplans SET status = 'running', pause_reason = NULL, problem = NULL, retry_at = NULL WHERE id = $1`,
    [loaded.row.id],
  )
  return await finishGameplan(tx, loaded, 'gameplan-resumed', { pauseReason: loaded.row.pause_reason })
}

/**
 * Ends a gameplan: nothing follows from it any more. Its flag stays as it is; what would switch it is stopped: its change request
 * and its schedule are cancelled, its release plan is paused.
 *
 * @throws Problem `gameplan-not-found`, `-state`, `revision-mismatch`, `change-request-state` when that was applied in this instant
 */
export async function cancelGameplan(tx: Transaction, address: GameplanAddress, expected?: number): Promise<Gameplan> {
  const loaded = await lockGameplan(tx, address, expected)
  if (loaded.row.status === 'cancelled') return await toGameplan(tx, loaded)
  requireStatus(loaded, 'draft', 'running', 'paused')
  // First what locks the flag, then its change request: in the order of those who apply one.
  await stopSwitching(tx, loaded)
  await withdrawRequest(tx, loaded)
  await tx.query(
    `UPDATE gameplans SET status = 'cancelled', pause_reason = NULL, problem = NULL, retry_at = NULL,
       finished_at = clock_timestamp() WHERE id = $1`,
    [loaded.row.id],
  )
  return await finishGameplan(tx, loaded, 'gameplan-cancelled', { from: loaded.row.status })
}

/**
 * Replaces the document. What is merged stays merged; criteria and questions that are still there keep their answers.
 *
 * @throws Problem `gameplan-not-found`, `-state` when it is over, `-refused`, `-contradicted`, `-flag-taken`, `revision-mismatch`
 */
export async function reviseGameplan(
  tx: Transaction,
  address: GameplanAddress,
  markdown: string,
  expected?: number,
): Promise<Gameplan> {
  const loaded = await lockGameplan(tx, address, expected)
  const { row, patches } = loaded
  requireStatus(loaded, 'draft', 'running', 'paused')
  if (markdown === row.document) return await toGameplan(tx, loaded)
  const read = readDocument(markdown)
  const { flag_key: key, introduced, activated } = row
  const flag = key && introduced && activated ? { key, introduced, activated } : null
  const against = contradictions({ patches, flag }, read, row.flag_state)
  if (against.length > 0) {
    throw new Problem('gameplan-contradicted', against.map(({ message }) => message).join(' '), {
      members: { contradictions: against },
    })
  }
  await claimFlag(tx, read.flag?.key ?? null, () =>
    tx.query(
      `UPDATE gameplans SET document = $2, revision = revision + 1, title = $3, flag_key = $4, introduced = $5, activated = $6,
         retry_at = NULL WHERE id = $1`,
      [row.id, markdown, read.title, ...flagColumns(read)],
    ),
  )
  await writeParts(tx, row.id, read)
  // It would create the flag by its old name.
  if (key !== (read.flag?.key ?? null)) await withdrawRequest(tx, loaded)
  const keys = new Set(read.patches.map((patch) => patch.key))
  const known = new Set(patches.map((patch) => patch.key))
  return await finishGameplan(tx, loaded, 'gameplan-revised', {
    revision: row.revision + 1,
    added: read.patches.filter((patch) => !known.has(patch.key)).map(({ label }) => label),
    removed: patches.filter((patch) => !keys.has(patch.key)).map(({ label }) => label),
  })
}
