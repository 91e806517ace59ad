import { ID } from '../domain/gameplan/syntax.ts'
import { mergePatch, type PatchAddress, patchesOfPullRequests, revertPatch } from './gameplan-patches.ts'
import type { Transaction } from './transaction.ts'

/** A pull request that was merged, as GitHub says. */
export interface MergedPullRequest {
  /** As owner/name#number. */
  id: string
  body: string
}

/** What a merged pull request did. */
export interface WebhookOutcome {
  merged: PatchAddress[]
  reverted: PatchAddress[]
}

// A line of its own, as Git has trailers, so that a sentence about a gameplan merges nothing.
const MERGES = new RegExp(
  String.raw`^Gameplan:[ \t]*(?<id>[0-7][0-9A-HJKMNP-TV-Z]{25})/(?<patchId>${ID})[ \t]*\r?$`,
  'gm',
)
// What GitHub's button "Revert" writes.
const REVERTS = /^Reverts (?<pullRequest>[\w.-]+\/[\w.-]+#\d+)[ \t]*\r?$/gm

/**
 * Notes what a merged pull request says of gameplans: the patches that it names are merged; those of a pull request that it
 * reverts are taken back, or merged again where that one took them back. What it says again changes nothing.
 *
 * @throws Problem `gameplan-not-found`, `-state`, `patch-not-found`, `patch-state` when another one reverts it in this instant: then
 * nothing of it is noted
 */
export async function notePullRequest(tx: Transaction, { id, body }: MergedPullRequest): Promise<WebhookOutcome> {
  const named = [...body.matchAll(MERGES)].map(({ groups }) => groups as unknown as PatchAddress)
  const names = [...body.matchAll(REVERTS)].map(({ groups }) => groups?.pullRequest ?? '')
  const reverted = await patchesOfPullRequests(tx, names, 'merged')
  const merged = [...named, ...(await patchesOfPullRequests(tx, names, 'open'))]
  // In one order everywhere: two that name the same gameplans wait for each other, and do not lock each other out.
  const gameplans = [...new Set([...reverted, ...merged].map((address) => address.id))].toSorted()
  for (const gameplan of gameplans) {
    const ofIt = (address: PatchAddress) => address.id === gameplan
    for (const address of reverted.filter(ofIt)) await revertPatch(tx, address, undefined, { pullRequest: id })
    for (const address of merged.filter(ofIt)) await mergePatch(tx, address, undefined, { pullRequest: id })
  }
  return { merged, reverted }
}
