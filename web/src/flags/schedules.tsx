import { Group, SegmentedControl, Text } from '@mantine/core'
import { client } from '../api/client.ts'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { TemporalLink } from '../components/temporal-link.tsx'
import { utc } from '../components/time.ts'
import { When } from '../components/when.tsx'
import { useParam } from '../shell/address.ts'
import { EditSchedule } from './edit-schedule.tsx'
import { useFlagAddress } from './flag-address.ts'
import classes from './flag-page.module.css'
import { NewSchedule } from './new-schedule.tsx'
import { updatesText } from './updates-text.ts'

type Schedule = schemas['Schedule']

/** How many pending schedules are read to count them. */
export const PENDING_SHOWN = 100

const STATUSES = ['pending', 'applied', 'failed', 'cancelled'] as const

const NONE = {
  pending: 'No change is scheduled',
  applied: 'None was applied yet',
  failed: 'None failed',
  cancelled: 'None was cancelled',
}

const COLUMNS: Column<Schedule>[] = [
  {
    header: 'Due',
    cell: ({ scheduledAt, deferredFrom }) => (
      <>
        <When at={scheduledAt} />
        <Text size="xs" className={`quiet figure ${classes.whole}`}>
          {utc(scheduledAt)}
        </Text>
        {deferredFrom && <Text size="xs">put off by a freeze, from {utc(deferredFrom)}</Text>}
      </>
    ),
  },
  {
    header: 'Change',
    cell: ({ updates, comment }) => (
      <>
        {updatesText(updates)}
        {comment && (
          <Text size="xs" className="quiet">
            {comment}
          </Text>
        )}
      </>
    ),
  },
  {
    header: 'Status',
    cell: ({ status, errorMessage, appliedRevision }) => (
      <>
        <Status of={status} />
        {errorMessage && <Text size="xs">{errorMessage}</Text>}
        {appliedRevision !== null && <Text size="xs">at revision {appliedRevision}</Text>}
      </>
    ),
  },
  {
    header: 'By',
    cell: ({ createdBy, recurrenceId, releaseId }) => (
      <>
        {createdBy}
        {(recurrenceId || releaseId) && (
          <Text size="xs" className="quiet">
            {recurrenceId ? 'recurrence' : 'release'}
          </Text>
        )}
      </>
    ),
  },
  { header: 'Temporal', cell: ({ workflowId }) => <TemporalLink workflowId={workflowId} /> },
  { header: 'Action', cell: (schedule) => <Action schedule={schedule} /> },
]

/** The changes that will be made by themselves, and those that were. */
export function Schedules({ flag }: { flag: schemas['Flag'] }) {
  const { path, query } = useFlagAddress()
  const [shown, setShown] = useParam('schedules')
  const status = STATUSES.find((known) => known === shown) ?? 'pending'
  const schedules = usePages('/api/admin/flags/{flagKey}/schedule', {
    path,
    query: { ...query, status, limit: PENDING_SHOWN },
  })
  return (
    <Section
      title="Schedules"
      actions={
        <Group gap="xs">
          <SegmentedControl
            size="xs"
            aria-label="Which schedules"
            value={status}
            onChange={(value) => setShown(value === 'pending' ? '' : value)}
            data={STATUSES.map((value) => ({ value, label: value.charAt(0).toUpperCase() + value.slice(1) }))}
          />
          <NewSchedule flag={flag} />
        </Group>
      }
    >
      <DataTable
        label="Schedules, in the order in which they are due"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={schedules}
        empty={
          <EmptyState title={NONE[status]}>
            A schedule changes the flag at an instant, exactly once, in order and never early. Until then it can be
            cancelled.
          </EmptyState>
        }
      />
    </Section>
  )
}

function Action({ schedule }: { schedule: Schedule }) {
  const { status, releaseId } = schedule
  const blocked = releaseId ? 'It is part of a release of several flags, which is changed as a whole.' : undefined
  if (status === 'pending') {
    return (
      <Group gap={6} wrap="nowrap">
        <EditSchedule schedule={schedule} blocked={blocked} />
        <Cancel schedule={schedule} blocked={blocked} />
      </Group>
    )
  }
  if (status === 'failed') return <Retry schedule={schedule} blocked={blocked} />
  return null
}

type ActionProps = { schedule: Schedule; blocked?: string | undefined }

function Cancel({ schedule: { id, flagKey, environment, scheduledAt, updates, recurrenceId }, blocked }: ActionProps) {
  return (
    <ConfirmButton
      label="Cancel"
      title="Cancel the schedule?"
      danger
      blocked={blocked}
      run={({ reason, key }) =>
        client.DELETE('/api/admin/flags/{flagKey}/schedule/{scheduleId}', {
          params: {
            path: { flagKey, scheduleId: id },
            query: { environment, reason },
            header: { 'idempotency-key': key },
          },
        })
      }
    >
      <Text size="sm">
        <b>{updatesText(updates)}</b>, due <When at={scheduledAt} />, will never happen. If it is applied before you
        confirm, you are told so.
        {recurrenceId && ' The next occurrence of its recurrence is made.'}
      </Text>
    </ConfirmButton>
  )
}

export function Retry({ schedule: { id, flagKey, environment, updates, errorMessage }, blocked }: ActionProps) {
  return (
    <ConfirmButton
      label="Retry"
      title="Try it again now?"
      blocked={blocked}
      run={({ reason, key }) =>
        client.POST('/api/admin/flags/{flagKey}/schedule/{scheduleId}/retry', {
          params: {
            path: { flagKey, scheduleId: id },
            query: { environment, reason },
            header: { 'idempotency-key': key },
          },
        })
      }
    >
      <Text size="sm">
        <b>{updatesText(updates)}</b> is due at once. It failed with: {errorMessage ?? 'no message'}. It is refused when
        a later schedule has set the same since.
      </Text>
    </ConfirmButton>
  )
}
