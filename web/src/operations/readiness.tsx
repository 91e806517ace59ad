import { queryOptions, useQuery } from '@tanstack/react-query'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { useSession } from '../api/session.ts'
import { Rows } from '../components/data-table.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'

const LOOK_EVERY_MS = 5_000

const NAMES: Record<keyof schemas['Readiness']['checks'], string> = {
  postgres: 'Postgres',
  configuration: 'Configuration',
  temporal: 'Temporal',
  worker: 'Worker',
}

// Not an event of the audit trail, so it is looked at; and not ready is an answer, with 503.
const READINESS = queryOptions({
  queryKey: ['/readyz', {}],
  queryFn: async ({ signal }) => {
    const { data, error } = await client.GET('/readyz', { signal })
    return (data ?? error) as schemas['Readiness']
  },
  refetchInterval: LOOK_EVERY_MS,
})

export function Readiness() {
  const { data, error, refetch } = useQuery(READINESS)
  const { data: session } = useSession()
  const temporal = session?.workflows && <a href={session.workflows}>Temporal Web UI</a>
  return (
    <Section title="Parts" actions={temporal}>
      {error && <ErrorPanel error={error} retry={refetch} />}
      {data ? (
        <Rows
          label="Parts"
          rows={Object.entries(data.checks)}
          rowKey={([name]) => name}
          columns={[
            { header: 'Part', cell: ([name]) => NAMES[name as keyof typeof NAMES] },
            { header: 'Status', cell: ([, { ok }]) => <Status of={ok ? 'ok' : 'broken'} /> },
            { header: 'What it says', cell: ([, { detail }]) => detail },
          ]}
        />
      ) : (
        !error && <Loading rows={4} />
      )}
    </Section>
  )
}
