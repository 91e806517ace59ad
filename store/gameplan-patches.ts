import { canonicalId } from '../domain/gameplan/model.ts'
import type { Gameplan } from '../domain/gameplan/resource.ts'
import { missingFor } from '../domain/gameplan/run.ts'
import { Problem } from '../domain/problems.ts'
import {
  finishGameplan,
  type GameplanAddress,
  type Loaded,
  lockGameplan,
  type PatchRow,
  requireStatus,
  toGameplan,
} from './gameplan-rows.ts'
import type { Transaction } from './transaction.ts'

export interface PatchAddress extends GameplanAddress {
  patchId: string
}

/** A pull request that was seen to be merged: its patches are kept also when others should have come first. */
interface SeenMerge {
  /** As owner/name#number. */
  pullRequest: string
}

/**
 * Says that a patch is merged; what waits for it may be merged next. Again, it changes nothing. One that was seen to be merged
 * before its dependencies is kept, and has its effects on the flag when they are there.
 *
 * @throws Problem `gameplan-not-found`, `-state`, `patch-not-found`, `patch-blocked`, `revision-mismatch`
 */
export async function mergePatch(
  tx: Transaction,
  address: PatchAddress,
  expected?: number,
  seen?: SeenMerge,
): Promise<Gameplan> {
  const { loaded, patch } = await lockPatch(tx, address, expected)
  if (patch.status === 'merged') return await toGameplan(tx, loaded)
  const missing = labels(loaded, missingFor(patch, loaded.patches))
  if (missing.length > 0 && !seen) refuseBlocked(patch, missing)
  await decide(tx, loaded, patch, 'merged', seen?.pullRequest ?? null)
  return await finishGameplan(tx, loaded, 'gameplan-patch-merged', {
    patchId: patch.label,
    ...(seen && { pullRequest: seen.pullRequest }),
    ...(missing.length > 0 && { before: missing }),
  })
}

/**
 * Says that a patch is not needed: what waits for it does so no longer, and the flag is neither made nor switched for it.
 *
 * @throws Problem `gameplan-not-found`, `-state`, `patch-not-found`, `patch-state` when it is merged, `revision-mismatch`
 */
export async function skipPatch(tx: Transaction, address: PatchAddress, expected?: number): Promise<Gameplan> {
  const { loaded, patch } = await lockPatch(tx, address, expected)
  if (patch.status === 'skipped') return await toGameplan(tx, loaded)
  if (patch.status === 'merged') {
    throw new Problem('patch-state', `Patch ${patch.label} is merged. Revert it first.`, {
      members: { patchState: patch.status },
    })
  }
  await decide(tx, loaded, patch, 'skipped', null)
  return await finishGameplan(tx, loaded, 'gameplan-patch-skipped', { patchId: patch.label })
}

/**
 * Takes back that a patch was merged, or skipped. What was merged after it stays so; without the patch that activates it, or one
 * that this waits for, the flag is switched off again.
 *
 * @throws Problem `gameplan-not-found`, `-state`, `patch-not-found`, `patch-state` when it is open, `revision-mismatch`
 */
export async function revertPatch(
  tx: Transaction,
  address: PatchAddress,
  expected?: number,
  seen?: SeenMerge,
): Promise<Gameplan> {
  const { loaded, patch } = await lockPatch(tx, address, expected)
  if (patch.status === 'open') {
    throw new Problem(
      'patch-state',
      `Patch ${patch.label} is neither merged nor skipped: there is nothing to revert.`,
      {
        members: { patchState: patch.status },
      },
    )
  }
  await decide(tx, loaded, patch, 'open', seen?.pullRequest ?? null)
  return await finishGameplan(tx, loaded, 'gameplan-patch-reverted', {
    patchId: patch.label,
    was: patch.status,
    ...(seen && { pullRequest: seen.pullRequest }),
  })
}

async function lockPatch(tx: Transaction, address: PatchAddress, expected?: number) {
  const loaded = await lockGameplan(tx, address, expected)
  const patch = loaded.patches.find(({ key }) => key === canonicalId(address.patchId))
  if (!patch) throw new Problem('patch-not-found', `The gameplan has no Patch ${address.patchId}.`)
  requireStatus(loaded, 'running', 'paused')
  return { loaded, patch }
}

function refuseBlocked({ label }: PatchRow, missing: string[]): never {
  const names = missing.map((id) => `Patch ${id}`).join(', ')
  throw new Problem('patch-blocked', `Patch ${label} waits for ${names}.`, { members: { waitsFor: missing } })
}

function labels({ patches }: Loaded, keys: string[]): string[] {
  return keys.flatMap((key) => patches.find((patch) => patch.key === key)?.label ?? [])
}

// What was refused is tried again at once: the patches are others.
async function decide(
  tx: Transaction,
  { row }: Loaded,
  { key }: PatchRow,
  status: PatchRow['status'],
  pullRequest: string | null,
): Promise<void> {
  await tx.query(
    `WITH due AS (UPDATE gameplans SET retry_at = NULL WHERE id = $1)
     UPDATE gameplan_patches SET status = $3, pull_request = $4, reason = $5,
       decided_at = clock_timestamp(), decided_by = $6 WHERE gameplan_id = $1 AND key = $2`,
    [row.id, key, status, pullRequest, tx.origin.reason ?? null, tx.origin.actor],
  )
}

/**
 * The patches of gameplans that are not over which these pull requests, each as owner/name#number, have merged, or have taken back
 * and left `open`.
 */
export async function patchesOfPullRequests(
  tx: Transaction,
  pullRequests: string[],
  status: 'merged' | 'open',
): Promise<PatchAddress[]> {
  return await tx.query<PatchAddress>(
    `SELECT g.id, p.label AS "patchId" FROM gameplan_patches p JOIN gameplans g ON g.id = p.gameplan_id
     WHERE p.pull_request = ANY ($1::text[]) AND p.status = $2 AND g.status IN ('running', 'paused') ORDER BY g.id, p.position`,
    [pullRequests, status],
  )
}
