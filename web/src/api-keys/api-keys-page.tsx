import { Text } from '@mantine/core'
import { client } from '../api/client.ts'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { Status, type StatusName } from '../components/status.tsx'
import { useNow } from '../components/time.ts'
import { When } from '../components/when.tsx'
import { useEnvironment } from '../shell/address.ts'
import { NewKey } from './new-key.tsx'

type ApiKey = schemas['ApiKey']

const COLUMNS: Column<ApiKey>[] = [
  { header: 'For', cell: ({ name }) => name },
  { header: 'Status', cell: (key) => <KeyStatus apiKey={key} /> },
  { header: 'Expires', cell: ({ expiresAt }) => (expiresAt ? <When at={expiresAt} /> : 'Never') },
  { header: 'Made', cell: ({ createdAt }) => <When at={createdAt} /> },
  { header: 'By', cell: ({ createdBy }) => createdBy },
  { header: 'Action', cell: (key) => <Revoke apiKey={key} /> },
]

export default function ApiKeysPage() {
  const environment = useEnvironment()
  const keys = usePages('/api/admin/api-keys', { query: { environment, limit: 50 } })
  return (
    <Page
      title="API keys"
      about={`What applications read the flags of ${environment} with. A key reads; it changes nothing.`}
      actions={<NewKey />}
    >
      <DataTable
        label="API keys, the newest first"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={keys}
        empty={
          <EmptyState title={`There are no keys of ${environment}`}>
            An application sends its key with each request, and gets the flags of the key's environment. Make one for
            each application, so that one can be revoked without the others.
          </EmptyState>
        }
      />
    </Page>
  )
}

function KeyStatus({ apiKey: { revokedAt, expiresAt } }: { apiKey: ApiKey }) {
  const now = useNow(30_000)
  const expired = expiresAt !== null && Date.parse(expiresAt) <= now
  const of: StatusName = revokedAt ? 'revoked' : expired ? 'expired' : 'active'
  return <Status of={of} />
}

function Revoke({ apiKey: { id, name, environment, revokedAt } }: { apiKey: ApiKey }) {
  if (revokedAt) return <When at={revokedAt} />
  return (
    <ConfirmButton
      label="Revoke"
      title={`Revoke the key of ${name}?`}
      size="compact-xs"
      danger
      run={({ reason, key }) =>
        client.DELETE('/api/admin/api-keys/{apiKeyId}', {
          params: { path: { apiKeyId: id }, query: { reason }, header: { 'idempotency-key': key } },
        })
      }
    >
      <Text size="sm">
        Within a moment every process refuses it: who sends it gets no flags of {environment} any more, for ever. There
        is no way back but a new key.
      </Text>
    </ConfirmButton>
  )
}
