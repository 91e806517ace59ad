import { Stack, Text } from '@mantine/core'
import { type RefObject, useEffect, useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmDialog } from '../components/confirm-button.tsx'
import { utc } from '../components/time.ts'
import { SchedulePreview } from '../flags/schedule-preview.tsx'
import { TimeInput } from '../flags/time-input.tsx'
import { updatesText } from '../flags/updates-text.ts'
import { inWords, readWallClock, wallClock } from '../flags/wall-clock.ts'

type Schedule = schemas['Schedule']

/** Moves a pending schedule to another time: from when, to when, and what that does to the others of its flag. */
export function MoveDialog({
  schedule,
  to,
  opened,
  close,
}: {
  schedule: Schedule
  /** Where it was put, in milliseconds since 1970. */
  to: number
  opened: boolean
  close: () => void
}) {
  const { id: scheduleId, flagKey, environment, version } = schedule
  const read = useRef(version)
  const due = useRef('')
  return (
    <ConfirmDialog
      opened={opened}
      close={close}
      label="Move it"
      title={`Move the schedule of ${flagKey}?`}
      run={({ reason, key }) =>
        client.PATCH('/api/admin/flags/{flagKey}/schedule/{scheduleId}', {
          params: {
            path: { flagKey, scheduleId },
            query: { environment, reason },
            header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
          },
          body: { scheduledAt: due.current },
        })
      }
    >
      <Where schedule={schedule} to={to} due={due} />
      <AsRead version={version} read={read} />
    </ConfirmDialog>
  )
}

function Where({ schedule, to, due }: { schedule: Schedule; to: number; due: RefObject<string> }) {
  const { id: scheduleId, flagKey, environment, updates, scheduledAt } = schedule
  const [typed, setTyped] = useState(() => wallClock(new Date(to)))
  const scheduledTo = readWallClock(typed)?.at.toISOString() ?? ''
  useEffect(() => {
    due.current = scheduledTo
  }, [due, scheduledTo])
  return (
    <Stack gap="sm">
      <Text size="sm">
        <b>{updatesText(updates)}</b>, now due {inWords(scheduledAt)} · {utc(scheduledAt)}
      </Text>
      <TimeInput label="To" required value={typed} onChange={setTyped} />
      <SchedulePreview
        of={{ path: { flagKey }, query: { environment } }}
        body={{ scheduledAt: scheduledTo, updates, scheduleId }}
      />
    </Stack>
  )
}
