import { Group, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'

/** A page: its heading, also that of the tab, what can be done with all of it, and its content. */
export function Page({
  title,
  about,
  actions,
  children,
}: {
  title: string
  /** One sentence, for whoever sees the page for the first time. */
  about?: ReactNode
  actions?: ReactNode
  children: ReactNode
}) {
  return (
    <Stack gap="md">
      <title>{`${title} · Interlock`}</title>
      <Group justify="space-between" align="flex-start" gap="sm">
        <div>
          <Title order={1} size="h3">
            {title}
          </Title>
          {about && <Text className="quiet">{about}</Text>}
        </div>
        <Group gap="xs">{actions}</Group>
      </Group>
      {children}
    </Stack>
  )
}

/** A part of a page with a heading of its own. */
export function Section({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <Stack component="section" gap="xs" aria-label={title}>
      <Group justify="space-between" gap="sm">
        <Title order={2} size="h5">
          {title}
        </Title>
        {actions}
      </Group>
      {children}
    </Stack>
  )
}
