import { Link } from '@tanstack/react-router'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'

export function NotFound() {
  return (
    <Page title="Not found">
      <EmptyState title="There is no page at this address" action={<Link to="/">Go to what happens now</Link>}>
        It may have been another one's, or of another version.
      </EmptyState>
    </Page>
  )
}
