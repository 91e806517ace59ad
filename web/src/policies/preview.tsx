import { Button } from '@mantine/core'
import { keepPreviousData, type UseQueryResult, useQuery } from '@tanstack/react-query'
import { client } from '../api/client.ts'
import type { ApiError } from '../api/error.ts'
import type { schemas } from '../api/schema.ts'
import { EmptyState } from '../components/empty-state.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Section } from '../components/page.tsx'
import { ChangeGroups } from './change-groups.tsx'

const SAMPLE = 200

type PreviewQuery = UseQueryResult<schemas['PolicyPreview'] | undefined, ApiError>

/** What a document would say of a sample, which is also how the API says what is wrong with it. */
export function usePreview(document: unknown, allowed: boolean): PreviewQuery {
  return useQuery({
    queryKey: ['/api/admin/catalog-policies/preview', { document }],
    queryFn: async ({ signal }) => {
      const body = { document: document as { rules: unknown }, sample: SAMPLE }
      return (await client.POST('/api/admin/catalog-policies/preview', { body, signal })).data
    },
    enabled: allowed && document !== undefined,
    placeholderData: keepPreviousData,
  })
}

/** The sample beside the live version: counts, and the items that change. */
export function Preview({
  preview: { data, error, refetch, isFetching },
  readOnly,
}: {
  preview: PreviewQuery
  readOnly: string | undefined
}) {
  const again = (
    <Button size="compact-sm" variant="default" disabled={!data} loading={isFetching} onClick={() => refetch()}>
      Another sample
    </Button>
  )
  return (
    <Section title="Preview" actions={again}>
      {readOnly && <EmptyState title="No preview">{readOnly}</EmptyState>}
      {error && <ErrorPanel error={error} retry={refetch} />}
      {!readOnly && !error && (data ? <Sample of={data} /> : <Loading />)}
    </Section>
  )
}

function Sample({ of: { items, statuses, changes, activeVersion } }: { of: schemas['PolicyPreview'] }) {
  if (items.length === 0) return <EmptyState title="The catalog is empty">Import items to see what changes.</EmptyState>
  const found = Object.entries(statuses).map(([status, count]) => `${count} ${status === 'error' ? 'errors' : status}`)
  const changed = (change: keyof typeof changes) => items.filter((item) => item.change === change)
  return (
    <ChangeGroups
      summary={`Of ${items.length} items (half trend most, half are from anywhere): ${found.join(', ')}. Beside ${
        activeVersion === null ? 'no live version' : `version ${activeVersion}, which is live`
      }: ${changes.unchanged} stay as they are.`}
      counts={changes}
      items={{
        regressions: changed('regressions'),
        improvements: changed('improvements'),
        reasonChanges: changed('reasonChanges'),
      }}
    />
  )
}
