import type { Finding, LintReport } from './lint.ts'

/**
 * Rules without which nobody could say what waits for what, or what becomes of the flag. What the others find, a team may
 * know and ship with.
 */
export const NEEDED: ReadonlySet<string> = new Set([
  'document-too-long',
  'flag-name',
  'flag-step-missing',
  'flag-patch-unknown',
  'patch-heading-unreadable',
  'patches-missing',
  'patch-repeated',
  'graph-line-unreadable',
  'graph-missing',
  'graph-patch-missing',
  'graph-patch-unknown',
  'graph-row-repeated',
  'graph-dependency-unknown',
  'graph-cycle',
])

/** What keeps a gameplan from being run: what those rules found, and what held them back so that they could not judge. */
export function obstaclesTo({ findings, heldBack }: Pick<LintReport, 'findings' | 'heldBack'>): Finding[] {
  const unjudged = heldBack.some((rule) => NEEDED.has(rule))
  return findings.filter(({ rule }) => NEEDED.has(rule) || (unjudged && rule === 'placeholder'))
}
