import { Button, Text } from '@mantine/core'
import type { ErrorComponentProps } from '@tanstack/react-router'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'

/** A page that could not be loaded or shown, mostly because a newer build has replaced its file. */
export function PageError({ error }: ErrorComponentProps) {
  return (
    <Page title="This page cannot be shown">
      <EmptyState
        title="Load it again"
        action={
          <Button size="xs" onClick={() => location.reload()}>
            Load again
          </Button>
        }
      >
        The server may have been updated since this page was opened.
        <Text size="xs" className="mono">
          {String(error)}
        </Text>
      </EmptyState>
    </Page>
  )
}
