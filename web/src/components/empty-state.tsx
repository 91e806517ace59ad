import { Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'

/** Where a list has nothing: what would be here, and how it comes here. */
export function EmptyState({ title, action, children }: { title: string; action?: ReactNode; children: ReactNode }) {
  return (
    <Stack className="panel" align="center" gap={6} px="md" py="xl" ta="center">
      <Text fw={600}>{title}</Text>
      <Text component="div" className="quiet" maw="36rem">
        {children}
      </Text>
      {action}
    </Stack>
  )
}
