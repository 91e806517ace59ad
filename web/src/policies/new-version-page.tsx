import { Link } from '@tanstack/react-router'
import { useRead } from '../api/queries.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Page } from '../components/page.tsx'
import { useParam } from '../shell/address.ts'
import { DocumentEditor } from './document-editor.tsx'

const FIRST = {
  rules: [{ reason: 'untitled', verdict: 'ineligible', when: { field: 'title', exists: false } }],
  relevance: { field: 'trendingScore' },
}

/** A version is written beginning with another one, or with the least that is one. */
export default function NewVersionPage() {
  const [from] = useParam('from')
  return (
    <Page title="New version" about={<Link to="/policies">All policies</Link>}>
      {from ? <BeginWith key={from} id={from} /> : <Begin />}
    </Page>
  )
}

function Begin() {
  const { data: policies, error, refetch } = useRead('/api/admin/catalog-policies', { query: { limit: 100 } })
  if (!policies) return error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />
  const from = policies.find(({ isActive }) => isActive) ?? policies[0]
  return from ? <DocumentEditor from={from} /> : <DocumentEditor document={FIRST} />
}

function BeginWith({ id }: { id: string }) {
  const { data: policy, error, refetch } = useRead('/api/admin/catalog-policies/{id}', { path: { id } })
  if (!policy) return error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />
  return <DocumentEditor from={policy} />
}
