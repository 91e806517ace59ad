import { useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { useFlagAddress } from './flag-address.ts'
import { bodyOf, NEW_SCHEDULE, ScheduleFields } from './schedule-fields.tsx'

/** Makes a schedule; what it would do, and what contradicts it, is shown before. */
export function NewSchedule({ flag }: { flag: schemas['Flag'] }) {
  const { path, query } = useFlagAddress()
  const [draft, setDraft] = useState(NEW_SCHEDULE)
  return (
    <ConfirmButton
      label="Schedule a change"
      title={`Schedule a change of ${path.flagKey}`}
      variant="filled"
      blocked={flag.archivedAt ? 'It is archived. Bring it back first.' : undefined}
      run={async ({ reason, key }) => {
        const { comment, ...body } = bodyOf(draft)
        await client.POST('/api/admin/flags/{flagKey}/schedule', {
          params: { path, query: { ...query, reason }, header: { 'idempotency-key': key } },
          body: { ...body, ...(comment && { comment }) },
        })
        setDraft(NEW_SCHEDULE)
      }}
    >
      <ScheduleFields draft={draft} change={(changed) => setDraft({ ...draft, ...changed })} />
    </ConfirmButton>
  )
}
