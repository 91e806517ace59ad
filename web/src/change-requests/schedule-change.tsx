import { useState } from 'react'
import { TimeInput } from '../flags/time-input.tsx'
import { draftOfUpdates, UpdatesFields, updatesOf } from '../flags/updates-fields.tsx'
import { readWallClock, wallClock } from '../flags/wall-clock.ts'
import type { FieldsOf } from './change-fields.tsx'

/** A schedule that is made when the request is applied. */
export function ScheduleChange({ draft: { payload }, set }: FieldsOf) {
  const [due, setDue] = useState(() => (payload.scheduledAt ? wallClock(String(payload.scheduledAt)) : ''))
  const updates = draftOfUpdates((payload.updates ?? {}) as Record<string, unknown>)
  return (
    <>
      <TimeInput
        label="Due"
        required
        value={due}
        onChange={(value) => {
          setDue(value)
          set({ scheduledAt: readWallClock(value)?.at.toISOString() })
        }}
      />
      <UpdatesFields draft={updates} change={(changed) => set({ updates: updatesOf({ ...updates, ...changed }) })} />
    </>
  )
}
