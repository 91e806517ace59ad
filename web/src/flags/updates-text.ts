import type { schemas } from '../api/schema.ts'

/** What a schedule changes, in a few words: `on, 25 %, 2 variants`. */
export function updatesText(updates: schemas['Schedule']['updates']): string {
  const { enabled, rolloutPercentage, variants, strategies } = updates as {
    enabled?: boolean
    rolloutPercentage?: number
    variants?: unknown[]
    strategies?: unknown[]
  }
  const parts = [
    enabled !== undefined && (enabled ? 'On' : 'Off'),
    rolloutPercentage !== undefined && `${rolloutPercentage} %`,
    variants && `${variants.length} variants`,
    strategies && `${strategies.length} ${strategies.length === 1 ? 'strategy' : 'strategies'}`,
  ]
  return parts.filter(Boolean).join(', ')
}
