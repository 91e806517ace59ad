import { Group, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { Status, type StatusName } from './status.tsx'
import { TemporalLink } from './temporal-link.tsx'

/** Where something is and what it waits for, in a line, with its workflow; a draft has none. */
export function StatusLine({
  of: { status, workflowId },
  children,
}: {
  of: { status: StatusName; workflowId: string }
  children: ReactNode
}) {
  return (
    <Group gap="md">
      <Status of={status} />
      <Text component="span" size="sm">
        {children}
      </Text>
      {status !== 'draft' && (
        <Text component="span" size="sm">
          <TemporalLink workflowId={workflowId} />
        </Text>
      )}
    </Group>
  )
}
