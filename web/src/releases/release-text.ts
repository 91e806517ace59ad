import type { schemas } from '../api/schema.ts'
import { updatesText } from '../flags/updates-text.ts'

/** `checkout On, 25 %; search Off` */
export function changesText({ changes }: Pick<schemas['FlagRelease'], 'changes'>): string {
  return changes.map(({ flagKey, updates }) => `${flagKey} ${updatesText(updates)}`).join('; ')
}
