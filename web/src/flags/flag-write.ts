import type { RefObject } from 'react'
import { client } from '../api/client.ts'
import type { paths, schemas } from '../api/schema.ts'
import type { Confirmed } from '../components/confirm-button.tsx'

type Flag = schemas['Flag']
type Edit = paths['/api/admin/flags/{flagKey}']['patch']['requestBody']['content']['application/json']

/** Of a write to a flag: `read` is the revision that was shown when it was decided on. */
export function parametersOf({ key: flagKey, environment }: Flag, read: RefObject<number>, { reason, key }: Confirmed) {
  return {
    path: { flagKey },
    query: { environment, reason },
    header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
  }
}

export function editFlag(flag: Flag, read: RefObject<number>, body: Edit, confirmed: Confirmed) {
  return client.PATCH('/api/admin/flags/{flagKey}', { params: parametersOf(flag, read, confirmed), body })
}
