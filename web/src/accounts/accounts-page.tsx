import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'

export default function AccountsPage() {
  return (
    <Page title="Accounts">
      <EmptyState title="Over HTTP for now" action={<a href="/docs">Read the API</a>}>
        Accounts move from one data store to another, cohort by cohort, and can be taken back.
      </EmptyState>
    </Page>
  )
}
