import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'

export default function ChangeRequestsPage() {
  return (
    <Page title="Change requests">
      <EmptyState title="Over HTTP for now" action={<a href="/docs">Read the API</a>}>
        In an environment that asks for them, changes are proposed, reviewed and applied together.
      </EmptyState>
    </Page>
  )
}
