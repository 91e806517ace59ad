import { Stack } from '@mantine/core'
import { useRead } from '../api/queries.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Page } from '../components/page.tsx'
import { Evaluate } from './evaluate.tsx'
import { FlagActions } from './flag-actions.tsx'
import { useFlagAddress } from './flag-address.ts'
import { FlagFacts } from './flag-facts.tsx'
import { FlagHistory } from './flag-history.tsx'
import { Recurrences } from './recurrences.tsx'
import { Schedules } from './schedules.tsx'
import { Strategies } from './strategies.tsx'

export default function FlagPage() {
  const address = useFlagAddress()
  const { data: flag, error, refetch } = useRead('/api/admin/flags/{flagKey}', address)
  const { flagKey } = address.path
  const { environment } = address.query
  if (!flag) return <Page title={flagKey}>{error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />}</Page>
  return (
    // Another flag begins anew: what was typed was meant for the one before.
    <Page
      key={flag.id}
      title={flagKey}
      about={flag.description || `A flag of ${environment}.`}
      actions={<FlagActions flag={flag} />}
    >
      {error && <ErrorPanel error={error} retry={refetch} />}
      <Stack gap="xl">
        <FlagFacts flag={flag} />
        <Schedules flag={flag} />
        <Recurrences flag={flag} />
        <Evaluate />
        <Strategies flag={flag} />
        <FlagHistory />
      </Stack>
    </Page>
  )
}
