import { Alert } from '@mantine/core'
import type { ReactNode } from 'react'

/** Something to know before going on. What is refused is an `<ErrorPanel>`. */
export function Notice({ title, bad = false, children }: { title: string; bad?: boolean; children: ReactNode }) {
  return (
    <Alert
      color={bad ? 'red' : 'yellow'}
      variant="outline"
      title={title}
      role="alert"
      // A yellow that is seen as one is too light for text: 2.4 : 1.
      styles={{ title: { color: 'var(--mantine-color-text)' } }}
    >
      {children}
    </Alert>
  )
}
