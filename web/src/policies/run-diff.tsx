import { useRead } from '../api/queries.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Section } from '../components/page.tsx'
import { ChangeGroups } from './change-groups.tsx'

/** What a version changes for the public, against the one that was live when the run began. */
export function RunDiff({ runId, promoted }: { runId: string; promoted: boolean }) {
  const path = '/api/admin/catalog-policy-runs/{runId}/diff'
  const { data: diff, error, refetch } = useRead(path, { path: { runId }, query: { limit: 50 } })
  const against = diff && (diff.baseVersion === null ? 'no version was live' : `against version ${diff.baseVersion}`)
  return (
    <Section title={promoted ? 'What it changed' : 'What would change'}>
      {error && <ErrorPanel error={error} retry={refetch} />}
      {diff ? (
        <ChangeGroups
          summary={`Of ${diff.items.toLocaleString('en')} items, ${diff.unchanged.toLocaleString('en')} stay as they are; ${against}.`}
          counts={diff}
          items={diff.samples}
        />
      ) : (
        !error && <Loading />
      )}
    </Section>
  )
}
