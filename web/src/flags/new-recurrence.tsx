import { useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { useFlagAddress } from './flag-address.ts'
import { bodyOf, NEW_RECURRENCE, RecurrenceFields } from './recurrence-fields.tsx'

/** Makes a change recur; when it will is shown before. */
export function NewRecurrence({ flag }: { flag: schemas['Flag'] }) {
  const { path, query } = useFlagAddress()
  const [draft, setDraft] = useState(NEW_RECURRENCE)
  return (
    <ConfirmButton
      label="Make a change recur"
      title={`Change ${path.flagKey} over and over`}
      wide
      blocked={flag.archivedAt ? 'It is archived. Bring it back first.' : undefined}
      onOpen={() => setDraft(NEW_RECURRENCE)}
      run={({ reason, key }) => {
        const { recurrence, comment, ...body } = bodyOf(draft)
        const { until, count, ...rule } = recurrence
        return client.POST('/api/admin/flags/{flagKey}/recurrences', {
          params: { path, query: { ...query, reason }, header: { 'idempotency-key': key } },
          body: {
            ...body,
            recurrence: { ...rule, ...(until && { until }), ...(count !== null && { count }) },
            ...(comment.trim() && { comment: comment.trim() }),
          },
        })
      }}
    >
      <RecurrenceFields draft={draft} change={(changed) => setDraft({ ...draft, ...changed })} />
    </ConfirmButton>
  )
}
