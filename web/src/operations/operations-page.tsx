import { Stack } from '@mantine/core'
import { Page } from '../components/page.tsx'
import { Outbox } from './outbox.tsx'
import { Readiness } from './readiness.tsx'
import { Retention } from './retention.tsx'
import { ScheduleFigures } from './schedule-figures.tsx'

export default function OperationsPage() {
  return (
    <Page title="Operations" about="Can changes be made, are they applied in time, and do workers hear of them?">
      <Stack gap="xl">
        <Readiness />
        <ScheduleFigures />
        <Outbox />
        <Retention />
      </Stack>
    </Page>
  )
}
