import type { schemas } from '../api/schema.ts'
import type { Confirmed } from '../components/confirm-button.tsx'

/** What a decision goes with; `read` is the version that was shown when its dialog was opened. */
export function parametersOf({ environment, id }: schemas['ChangeRequest'], { reason, key }: Confirmed, read: number) {
  return { path: { environment, id }, query: { reason }, header: { 'idempotency-key': key, 'if-match': `"${read}"` } }
}
