import { SegmentedControl, Text } from '@mantine/core'
import { client } from '../api/client.ts'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { useParam } from '../shell/address.ts'
import { OutboxAbout } from './outbox-about.tsx'

type Row = schemas['OutboxRow']

const COLUMNS: Column<Row>[] = [
  { header: 'Id', number: true, cell: ({ id }) => id },
  { header: 'Message', cell: ({ task }) => <span className="mono">{task}</span> },
  { header: 'About', cell: (row) => <OutboxAbout row={row} /> },
  { header: 'Status', cell: ({ state }) => <Status of={state} /> },
  { header: 'Attempts', number: true, cell: ({ attempts }) => attempts },
  { header: 'Last error', cell: ({ lastError }) => lastError },
  { header: 'Since', cell: ({ createdAt }) => <When at={createdAt} /> },
  { header: 'Action', cell: (row) => row.state === 'dead' && <Requeue row={row} /> },
]

/** Messages to Temporal: dead letters, or those that wait. */
export function Outbox() {
  const [shown, setShown] = useParam('outbox')
  const state = shown === 'pending' ? 'pending' : 'dead'
  const rows = usePages('/api/admin/outbox', { query: { state, limit: 50 } })
  const choice = (
    <SegmentedControl
      size="xs"
      aria-label="Which messages"
      value={state}
      onChange={(value) => setShown(value === 'pending' ? value : '')}
      data={[
        { value: 'dead', label: 'Dead letters' },
        { value: 'pending', label: 'Waiting' },
      ]}
    />
  )
  return (
    <Section title="Outbox" actions={choice}>
      <DataTable
        label="Outbox"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={rows}
        empty={
          <EmptyState title={state === 'dead' ? 'No dead letters' : 'Nothing waits'}>
            {state === 'dead'
              ? 'A message to Temporal that failed too often would be here, to be sent again by you.'
              : 'A message waits here between its commit and its dispatch, or while Temporal is away.'}
          </EmptyState>
        }
      />
    </Section>
  )
}

function Requeue({ row: { id, task, lastError } }: { row: Row }) {
  return (
    <ConfirmButton
      label="Send again"
      title={`Send message ${id} again?`}
      run={({ reason, key }) =>
        client.POST('/api/admin/outbox/{outboxId}/requeue', {
          params: { path: { outboxId: id }, query: { reason }, header: { 'idempotency-key': key } },
        })
      }
    >
      <Text size="sm">
        <span className="mono">{task}</span> is given back to the relay with its attempts forgotten. It says "read your
        row again", so sending it twice does no harm. It failed with: {lastError ?? 'no error'}.
      </Text>
    </ConfirmButton>
  )
}
