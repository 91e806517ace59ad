import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'

export default function NowPage() {
  return (
    <Page title="Now">
      <EmptyState title="Over HTTP for now" action={<a href="/docs">Read the API</a>}>
        What is about to change, what is running, and what is blocked, in one line of time.
      </EmptyState>
    </Page>
  )
}
