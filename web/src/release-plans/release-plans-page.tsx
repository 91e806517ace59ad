import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'

export default function ReleasePlansPage() {
  return (
    <Page title="Release plans">
      <EmptyState title="Over HTTP for now" action={<a href="/docs">Read the API</a>}>
        A release plan takes a flag from milestone to milestone, by time, approval and metrics.
      </EmptyState>
    </Page>
  )
}
