import { Button, Stack } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { Page } from '../components/page.tsx'
import { Runs } from './runs.tsx'
import { Versions } from './versions.tsx'

export default function PoliciesPage() {
  return (
    <Page
      title="Policies"
      about="What the public sees of the catalog. A version is evaluated beside the live one, compared with it, and promoted in one instant."
      actions={
        <Button size="xs" renderRoot={(props) => <Link to="/policies/new" {...props} />}>
          New version
        </Button>
      }
    >
      <Stack gap="xl">
        <Versions />
        <Runs />
      </Stack>
    </Page>
  )
}
