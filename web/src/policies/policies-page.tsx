import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'

export default function PoliciesPage() {
  return (
    <Page title="Policies">
      <EmptyState title="Over HTTP for now" action={<a href="/docs">Read the API</a>}>
        A policy decides which items of the catalog the public sees. Versions are prepared beside the live one, compared
        with it, and promoted in one instant.
      </EmptyState>
    </Page>
  )
}
